// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/shim/proto/info"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// smbios is a patch of one rule that every domain accepts.
func smbios() bundle.Patch {
	value := "sysinfo"
	return bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "vms", Name: "smbios", FailurePolicy: bundle.Fail,
		Domain: []bundle.DomainRule{{Op: bundle.OpSet, Path: "/domain/os/smbios/@mode", Value: &value}}}
}

// misspelt is smbios with an error in every rule.
func misspelt(rules int) bundle.Patch {
	p := smbios()
	rule := p.Domain[0]
	rule.Path = "/domain/os["
	p.Domain = nil
	for range rules {
		p.Domain = append(p.Domain, rule)
	}
	return p
}

func TestBadBundles(t *testing.T) {
	fixed := func(data string) func(*testing.T) (string, string) {
		return func(t *testing.T) (string, string) { return writeFile(t, []byte(data)), "" }
	}
	cases := map[string]struct {
		reason string
		make   func(t *testing.T) (path, sum string)
		want   string
	}{
		"Missing": {"the ConfigMap was not mounted",
			func(t *testing.T) (string, string) { return filepath.Join(t.TempDir(), "none"), "" }, "no such file"},
		"Directory": {"a mount without subPath", func(t *testing.T) (string, string) { return t.TempDir(), "" }, "not a regular file"},
		"Pipe": {"opening it must not wait for a writer", func(t *testing.T) (string, string) {
			path := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			return path, ""
		}, "not a regular file"},
		"Large": {"more than any operator writes", fixed(strings.Repeat(" ", bundle.MaxBytes+1)), "limit of a bundle"},
		"Tampered": {"somebody changed the ConfigMap between rendering and start", func(t *testing.T) (string, string) {
			path, _ := writeBundle(t, smbios())
			return path, strings.Repeat("0a", 32)
		}, "SHA-256"},
		"Script":      {"a leftover of KubeVirt's sidecar-shim", fixed("#!/bin/sh\necho hi\n"), "programs are not run here"},
		"Binary":      {"the same, compiled, and larger than a bundle", fixed("\x7fELF" + strings.Repeat(" ", bundle.MaxBytes)), "--allow-exec"},
		"NewerFormat": {"an old image with a new operator", fixed(`{"formatVersion":99,"patches":[]}`), "the bundle has 99"},
		"Garbage":     {"not a bundle at all", fixed(`{"formatVersion":`), "cannot use the bundle"},
		"NoFirstLine": {"a shell would guess", fixed("printf %s\n"), "neither a bundle nor a program"},
		"BlankLine":   {"YAML makes such ConfigMaps", fixed("\n#!/bin/sh\n"), "without a blank line"},
		"ByteOrder":   {"Windows makes such files", fixed("\ufeff#!/bin/sh\n"), "a byte order mark"},
		"Empty":       {"a wrong key", fixed(""), "neither a bundle nor a program"},
		"List":        {"JSON, but no object", fixed("[]"), "the JSON object that the operator writes"},
		"DoesNotCompile": {"a rule that this engine refuses", func(t *testing.T) (string, string) { return writeBundle(t, misspelt(1)) },
			"DomainPatch vms/smbios: spec.domain[0].path: "},
		"ManyErrors": {"a condition has room for a few", func(t *testing.T) (string, string) { return writeBundle(t, misspelt(9)) }, "and 6 more"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path, sum := tc.make(t)
			server := startBundle(t, Config{Bundle: path, SHA256: sum, Hooks: hooksWith(true)})
			if _, err := info.NewInfoClient(server).Info(soon(t), &info.InfoParams{}); err != nil {
				t.Fatalf("Info: %v: a bad bundle must not keep the sidecar from appearing", err)
			}
			client := v1alpha3.NewCallbacksClient(server)
			_, err := client.PreCloudInitIso(soon(t), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(`{"UserData":"x"}`), Vmi: anyVMI})
			checkLine(t, err, codes.FailedPrecondition, tc.want)
			_, err = client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("<domain/>"), Vmi: anyVMI})
			checkLine(t, err, codes.FailedPrecondition, tc.want)
			if !strings.Contains(server.log.String(), "the bundle cannot be used") {
				t.Errorf("the log does not tell at the start that the bundle is bad, %s:\n%s", tc.reason, server.log)
			}
		})
	}
}

func TestGoodBundle(t *testing.T) {
	path, sum := writeBundle(t, smbios())
	server := startBundle(t, Config{Bundle: path, SHA256: sum})
	client := v1alpha3.NewCallbacksClient(server)
	in := "<domain type=\"kvm\">\n\t<name>vm</name>\n\t<os>\n\t\t<type>hvm</type>\n\t</os>\n</domain>"
	got, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(in), Vmi: []byte(`{"metadata":{}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got.GetDomainXml()), "mode=") {
		t.Errorf("the rule was not applied:\n%s", got.GetDomainXml())
	}
	// The second pass gets what the first returned, with an address or two more.
	again := strings.Replace(string(got.GetDomainXml()), "<name>vm</name>", "<name>vm</name><uuid>1</uuid>", 1)
	twice, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(again), Vmi: []byte(`{"metadata":{}}`)})
	if err != nil || string(twice.GetDomainXml()) != again {
		t.Errorf("the second pass changed what the first had done (%v):\n%s", err, twice.GetDomainXml())
	}
	if !strings.Contains(server.log.String(), `"bundle":"`+sum+`"`) {
		t.Errorf("the log does not name the bundle:\n%s", server.log)
	}
	_, err = client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(in[1:]), Vmi: []byte(`{"metadata":{}}`)})
	checkLine(t, err, codes.FailedPrecondition, "")
}

func TestFirstErrors(t *testing.T) {
	one := func(i int) error {
		return &patch.Error{Patch: "DomainPatch a/b", Field: fmt.Sprintf("spec.domain[%d]", i), Err: errors.New("bad")}
	}
	cases := map[string]struct {
		reason string
		err    error
		want   string
	}{
		"Other": {"not an error of the engine's", errors.New("x"), "x"},
		"One":   {"shown as it is", one(0), "DomainPatch a/b: spec.domain[0]: bad"},
		"Three": {"all fit", errors.Join(one(0), one(1), one(2)),
			"DomainPatch a/b: spec.domain[0]: bad; DomainPatch a/b: spec.domain[1]: bad; DomainPatch a/b: spec.domain[2]: bad"},
		"Four": {"the rest is counted", errors.Join(one(0), one(1), one(2), one(3)),
			"DomainPatch a/b: spec.domain[0]: bad; DomainPatch a/b: spec.domain[1]: bad; DomainPatch a/b: spec.domain[2]: bad; and 1 more"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := firstErrors(tc.err).Error(); got != tc.want {
				t.Errorf("firstErrors = %s, want %s: %s", got, tc.want, tc.reason)
			}
		})
	}
}
