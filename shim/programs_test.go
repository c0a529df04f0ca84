// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/shim/proto/info"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// suffix is a script that appends its name to the document.
const suffix = "#!/bin/sh\nprintf '%s %s' \"$4\" \"${0##*/}\"\n"

func TestProgramsRunBehindTheEngine(t *testing.T) {
	report := &patch.Report{Patches: []patch.PatchReport{{Patch: "DomainPatch vms/a", Outcome: patch.Applied}}}
	injected := errors.New("injected")
	var fail error
	engine := &fakeEngine{
		domain: func(_ context.Context, doc, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
			return append(doc, " patched"...), report, fail
		},
		cloudInit: func(_ context.Context, data, _ []byte) ([]byte, *patch.Report, error) {
			return append(data, " patched"...), report, fail
		},
		hasCloudInit: true,
	}
	p, _ := scripted(t, strings.TrimPrefix(suffix, "#!/bin/sh\n"))
	cloud := *p
	cloud.document = "--cloud-init"
	both := programs{Engine: engine, onDefineDomain: p, preCloudInitIso: &cloud}
	vmi := []byte("{}")

	out, got, err := both.Domain(t.Context(), []byte("domain"), vmi, nil)
	if string(out) != "domain patched onDefineDomain" || got != report || err != nil {
		t.Errorf("Domain = %q, %v, %v", out, got, err)
	}
	out, got, err = both.CloudInit(t.Context(), []byte("data"), vmi)
	if string(out) != "data patched onDefineDomain" || got != report || err != nil {
		t.Errorf("CloudInit = %q, %v, %v", out, got, err)
	}
	if id, err := both.RequiresCloudInit(t.Context(), vmi); id != "DomainPatch ns/p" || err != nil {
		t.Errorf("RequiresCloudInit = %q, %v, want what the engine says", id, err)
	}
	if out, _, err := (programs{Engine: engine}).Domain(t.Context(), []byte("domain"), vmi, nil); string(out) != "domain patched" || err != nil {
		t.Errorf("Domain without a program = %q, %v", out, err)
	}
	p.path = filepath.Join(t.TempDir(), "gone")
	if out, got, err = both.Domain(t.Context(), []byte("domain"), vmi, nil); out != nil || got != report || err == nil {
		t.Errorf("Domain with a failing program = %q, %v, %v, want the patches' report and an error", out, got, err)
	}
	fail = injected
	if _, _, err := both.Domain(t.Context(), []byte("domain"), vmi, nil); !errors.Is(err, injected) {
		t.Errorf("Domain with a failing engine: %v, want its error and no program", err)
	}
	if _, _, err := both.CloudInit(t.Context(), []byte("data"), vmi); !errors.Is(err, injected) {
		t.Errorf("CloudInit with a failing engine: %v, want its error and no program", err)
	}
}

// cloudPatch is smbios with a rule for cloud-init.
func cloudPatch() bundle.Patch {
	p := smbios()
	p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: "add", Path: "/hostname", Value: []byte(`"x"`)}}
	return p
}

// TestAllowExec starts servers on what a container may hold and looks at what they announce and do.
func TestAllowExec(t *testing.T) {
	bundled := func(patch bundle.Patch) func(*testing.T) string {
		return func(t *testing.T) string {
			path, _ := writeBundle(t, patch)
			if err := os.Chmod(path, 0o755); err != nil { // as KubeVirt mounts it
				t.Fatal(err)
			}
			return path
		}
	}
	good, cloud := bundled(smbios()), bundled(cloudPatch())
	none := func(t *testing.T) string { return filepath.Join(t.TempDir(), "onDefineDomain") }
	script := func(t *testing.T) string { return writeProgram(t, "onDefineDomain", suffix) }
	text := func(t *testing.T) string { return writeProgram(t, "onDefineDomain", "echo hello") }
	other := strings.Repeat("0a", 32)
	const both, domain, iso = "onDefineDomain preCloudInitIso", "onDefineDomain", "preCloudInitIso"
	noMode := func(t *testing.T) string { return writeFile(t, []byte(suffix)) }
	const bothHooks, unusable, idle = "OnDefineDomain PreCloudInitIso", "cannot be used", "will not run"
	cases := map[string]struct {
		reason   string
		bundle   func(t *testing.T) string // its folder is the first in PATH
		programs string                    // in folders behind it
		cfg      Config
		hooks    string // announced, Shutdown aside
		does     string // to the domain: patched, ran, both; or what the error says
		warning  string
	}{
		"Nothing":       {"as KubeVirt's shim", none, "", Config{}, "", "", "nothing to do"},
		"Program":       {"as KubeVirt's shim", none, domain, Config{}, "OnDefineDomain", "ran", ""},
		"Programs":      {"as KubeVirt's shim", none, both, Config{}, bothHooks, "ran", ""},
		"CloudProgram":  {"as KubeVirt's shim", none, iso, Config{}, "PreCloudInitIso", "", ""},
		"Mounted":       {"a script at the hook path", script, "", Config{}, "OnDefineDomain", "ran", ""},
		"NotExecutable": {"an image's COPY keeps the mode", noMode, "", Config{}, "", "", "chmod"},
		"BehindIt":      {"PATH goes on, with a word", noMode, domain, Config{}, "OnDefineDomain", "ran", "chmod"},
		"PlainBundle": {"a bundle needs no mode", func(t *testing.T) string { path, _ := writeBundle(t, smbios()); return path },
			"", Config{}, "OnDefineDomain", "patched", ""},
		"Bundle":        {"executable, and yet no program", good, "", Config{}, "OnDefineDomain", "patched", ""},
		"BundleProgram": {"the bundle's file does not hide it", good, domain, Config{}, "OnDefineDomain", "patched ran", ""},
		"BundleMet":     {"a demand that is met", good, domain, Config{RequireBundle: true}, "OnDefineDomain", "patched ran", ""},
		"CloudRules":    {"the bundle serves the hook", cloud, "", Config{}, bothHooks, "PreCloudInitIso on the first sidecar", ""},
		"OldVersion":    {"v1alpha1 has one hook", none, both, Config{Version: "v1alpha1"}, "OnDefineDomain", "Unimplemented", idle},
		"Hooks":         {"what --hooks says", none, both, Config{Hooks: hooksWith(false)}, "OnDefineDomain", "ran", idle},
		"HooksAlone":    {"what --hooks says", none, "", Config{Hooks: hooksWith(true)}, bothHooks, "", ""},
		"NoBundle":      {"--bundle is a demand", none, domain, Config{RequireBundle: true}, "OnDefineDomain", "no such file", unusable},
		"NoBundleSum":   {"so is --sha256", none, domain, Config{SHA256: other}, "OnDefineDomain", "no such file", unusable},
		"OtherSum":      {"a changed bundle", good, domain, Config{SHA256: other}, "OnDefineDomain", "SHA-256", unusable},
		"ScriptBundle":  {"a script where a bundle must be", script, "", Config{RequireBundle: true}, "OnDefineDomain", "without --bundle", unusable},
		"BadBundle":     {"neither a program nor a bundle", text, domain, Config{}, "OnDefineDomain", "neither a bundle nor a program", unusable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := tc.cfg
			cfg.Bundle, cfg.AllowExec = tc.bundle(t), true
			folders := []string{filepath.Dir(cfg.Bundle)}
			for _, name := range strings.Fields(tc.programs) {
				folders = append(folders, filepath.Dir(writeProgram(t, name, suffix)))
			}
			t.Setenv("PATH", strings.Join(folders, ":"))
			server := startBundle(t, cfg)
			if got := announced(t, server); got != tc.hooks {
				t.Errorf("announced %q, want %q: %s", got, tc.hooks, tc.reason)
			}
			if got := server.log.String(); !strings.Contains(got, tc.warning) || tc.warning == "" && strings.Contains(got, "WARN") {
				t.Errorf("the log should warn of %q:\n%s", tc.warning, got)
			}
			if got := server.log.String(); strings.Contains(got, `""`) || strings.Contains(got, "null") {
				t.Errorf("the log has empty fields:\n%s", got)
			}
			if got := done(t, server); got != tc.does && (tc.does == "" || !strings.HasPrefix(got, "rpc error") || !strings.Contains(got, tc.does)) {
				t.Errorf("it %q, want %q: %s", got, tc.does, tc.reason)
			}
		})
	}
}

// announced lists the hooks of Info but Shutdown.
func announced(t *testing.T, server *running) string {
	t.Helper()
	result, err := info.NewInfoClient(server).Info(soon(t), &info.InfoParams{})
	if err != nil {
		t.Fatal(err)
	}
	var hooks []string
	for _, point := range result.GetHookPoints() {
		if point.GetName() != Shutdown {
			hooks = append(hooks, point.GetName())
		}
	}
	return strings.Join(hooks, " ")
}

// done says what a call of OnDefineDomain did: that it patched, that the program ran, or its error.
func done(t *testing.T, server *running) string {
	t.Helper()
	const in = "<domain type=\"kvm\"><os><type>hvm</type></os></domain>"
	result, err := v1alpha3.NewCallbacksClient(server).OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{
		DomainXml: []byte(in), Vmi: []byte(`{"metadata":{}}`)})
	if err != nil {
		return err.Error()
	}
	var did []string
	if strings.Contains(string(result.GetDomainXml()), "<smbios") {
		did = append(did, "patched")
	}
	if strings.HasSuffix(string(result.GetDomainXml()), " onDefineDomain") {
		did = append(did, "ran")
	}
	return strings.Join(did, " ")
}

func TestLookUp(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte(suffix), 0o644); err != nil {
		t.Fatal(err)
	}
	first, second := writeProgram(t, "tool", suffix), writeProgram(t, "tool", suffix)
	t.Setenv("PATH", strings.Join([]string{"", ".", filepath.Base(filepath.Dir(second)), dir, filepath.Dir(first), filepath.Dir(second)}, ":"))
	t.Chdir(filepath.Dir(filepath.Dir(second)))
	firstInfo, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	log, lines := logAt(slog.LevelInfo)
	got := []string{lookUp("tool", nil, log), lookUp("tool", firstInfo, log), lookUp("nothing", nil, log)}
	if lines.String() != "" {
		t.Errorf("nothing was passed over:\n%s", lines)
	}
	if got = append(got, lookUp("plain", nil, log)); !strings.Contains(lines.String(), plain) {
		t.Errorf("the log does not name the file that is not executable:\n%s", lines)
	}
	if diff := cmp.Diff([]string{first, second, "", ""}, got); diff != "" {
		t.Errorf("lookUp: the first, the one behind it, missing, not executable (-want +got):\n%s", diff)
	}
}
