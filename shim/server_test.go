// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/shim/proto/info"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha1"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha2"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

func TestVersions(t *testing.T) {
	cases := map[string]struct {
		reason    string
		version   string
		cloudInit bool
		want      []string
	}{
		"V1alpha1":          {"the oldest version has one hook", "v1alpha1", false, []string{"OnDefineDomain"}},
		"V1alpha2":          {"a hook that was not asked for is not announced", "v1alpha2", false, []string{"OnDefineDomain"}},
		"V1alpha2CloudInit": {"cloud-init comes with v1alpha2", "v1alpha2", true, []string{"OnDefineDomain", "PreCloudInitIso"}},
		"V1alpha3":          {"Shutdown is always announced", "v1alpha3", false, []string{"OnDefineDomain", "Shutdown"}},
		"V1alpha3CloudInit": {"Shutdown is always announced", "v1alpha3", true, []string{"OnDefineDomain", "PreCloudInitIso", "Shutdown"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := startFake(t, &fakeEngine{}, Config{Version: tc.version, Hooks: hooksWith(tc.cloudInit)})
			result, err := info.NewInfoClient(server).Info(soon(t), &info.InfoParams{})
			if err != nil {
				t.Fatal(err)
			}
			var hooks []string
			for _, point := range result.GetHookPoints() {
				hooks = append(hooks, point.GetName())
			}
			if diff := cmp.Diff(tc.want, hooks); diff != "" {
				t.Errorf("hook points, %s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff([]string{tc.version}, result.GetVersions()); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			if result.GetName() != "domainpatch" {
				t.Errorf("name = %q, want domainpatch", result.GetName())
			}
			if diff := cmp.Diff(served(tc.version), reached(t, server, anyVMI)); diff != "" {
				t.Errorf("served calls (-want +got):\n%s", diff)
			}
		})
	}
}

// served lists the calls that a version has, as reached finds them.
func served(version string) []string {
	switch version {
	case "v1alpha1":
		return []string{"v1alpha1 OnDefineDomain"}
	case "v1alpha2":
		return []string{"v1alpha2 OnDefineDomain", "v1alpha2 PreCloudInitIso"}
	}
	return []string{"v1alpha3 OnDefineDomain", "v1alpha3 PreCloudInitIso"}
}

// reached makes every call of every version and lists those that return their input.
func reached(t *testing.T, server *running, vmi []byte) []string {
	t.Helper()
	in, ctx := []byte("input"), soon(t)
	one, two, three := v1alpha1.NewCallbacksClient(server), v1alpha2.NewCallbacksClient(server), v1alpha3.NewCallbacksClient(server)
	calls := []struct {
		name string
		call func() ([]byte, error)
	}{
		{"v1alpha1 OnDefineDomain", func() ([]byte, error) {
			r, err := one.OnDefineDomain(ctx, &v1alpha1.OnDefineDomainParams{DomainXml: in, Vmi: vmi})
			return r.GetDomainXml(), err
		}},
		{"v1alpha2 OnDefineDomain", func() ([]byte, error) {
			r, err := two.OnDefineDomain(ctx, &v1alpha2.OnDefineDomainParams{DomainXml: in, Vmi: vmi})
			return r.GetDomainXml(), err
		}},
		{"v1alpha2 PreCloudInitIso", func() ([]byte, error) {
			r, err := two.PreCloudInitIso(ctx, &v1alpha2.PreCloudInitIsoParams{CloudInitData: in, CloudInitNoCloudSource: []byte("old"), Vmi: vmi})
			return append(r.GetCloudInitData(), r.GetCloudInitNoCloudSource()...), err
		}},
		{"v1alpha3 OnDefineDomain", func() ([]byte, error) {
			r, err := three.OnDefineDomain(ctx, &v1alpha3.OnDefineDomainParams{DomainXml: in, Vmi: vmi})
			return r.GetDomainXml(), err
		}},
		{"v1alpha3 PreCloudInitIso", func() ([]byte, error) {
			r, err := three.PreCloudInitIso(ctx, &v1alpha3.PreCloudInitIsoParams{CloudInitData: in, CloudInitNoCloudSource: []byte("old"), Vmi: vmi})
			return append(r.GetCloudInitData(), r.GetCloudInitNoCloudSource()...), err
		}},
	}
	var names []string
	for _, c := range calls {
		out, err := c.call()
		if status.Code(err) == codes.Unimplemented {
			continue
		}
		if err != nil || string(out) != string(in) {
			t.Errorf("%s = %q, %v, want the input", c.name, out, err)
		}
		names = append(names, c.name)
	}
	return names
}

func TestConfigValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		cfg    Config
		want   string // in the error; empty: valid
	}{
		"Valid":       {"all that KubeVirt can ask for", Config{Version: "v1alpha3", Hooks: hooksWith(true), SHA256: strings.Repeat("0a", 32)}, ""},
		"NoSum":       {"a hash is optional", Config{Version: "v1alpha1"}, ""},
		"NoVersion":   {"nothing to offer KubeVirt", Config{}, "v1alpha1, v1alpha2, v1alpha3"},
		"NewVersion":  {"unknown to us", Config{Version: "v1beta1"}, `"v1beta1"`},
		"NoCloudInit": {"KubeVirt would skip the hook silently", Config{Version: "v1alpha1", Hooks: hooksWith(true)}, "PreCloudInitIso"},
		"ShortSum":    {"a typo must not look like tampering", Config{Version: "v1alpha3", SHA256: "0a"}, "64 lower-case"},
		"UpperSum":    {"one spelling", Config{Version: "v1alpha3", SHA256: strings.Repeat("0A", 32)}, "64 lower-case"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.cfg.Validate()
			if tc.want == "" && err != nil {
				t.Errorf("Validate: %v, want none: %s", err, tc.reason)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("Validate: %v, want one with %q: %s", err, tc.want, tc.reason)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	server := startFake(t, &fakeEngine{}, Config{})
	client := v1alpha3.NewCallbacksClient(server)
	if _, err := client.Shutdown(soon(t), &v1alpha3.ShutdownParams{}); err != nil {
		t.Fatalf("Shutdown must answer before the end: %v", err)
	}
	awaitEnd(t, server)
	if _, err := os.Lstat(server.server.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there (%v)", err)
	}
}

func TestSignalEndsHangingCall(t *testing.T) {
	entered := make(chan struct{})
	engine := &fakeEngine{domain: func(ctx context.Context, _, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
		close(entered)
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}}
	server := startFake(t, engine, Config{})
	failed := make(chan error, 1)
	go func() {
		_, err := v1alpha3.NewCallbacksClient(server).OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{Vmi: anyVMI})
		failed <- err
	}()
	<-entered
	started := time.Now()
	server.cancel()
	awaitEnd(t, server)
	if took := time.Since(started); took > 10*time.Second { // of a second, on a busy machine
		t.Errorf("the end took %v", took)
	}
	if err := <-failed; err == nil {
		t.Error("the hanging call was answered")
	}
}

func awaitEnd(t *testing.T, server *running) {
	t.Helper()
	select {
	case err := <-server.ended:
		if err != nil {
			t.Errorf("Serve: %v, want nil", err)
		}
	case <-soon(t).Done():
		t.Fatal("the server does not end")
	}
}

func TestCallsTakeTurns(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	engine := &fakeEngine{domain: func(_ context.Context, doc, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
		if string(doc) == "slow" {
			close(entered)
			<-release
		}
		return doc, &patch.Report{}, nil
	}}
	client := v1alpha3.NewCallbacksClient(startFake(t, engine, Config{}))
	slow := make(chan error, 1)
	go func() {
		_, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("slow"), Vmi: anyVMI})
		slow <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.OnDefineDomain(ctx, &v1alpha3.OnDefineDomainParams{DomainXml: []byte("fast"), Vmi: anyVMI})
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call beside another: %v, want it to wait until its deadline", err)
	}
	close(release)
	if err := <-slow; err != nil {
		t.Errorf("the call whose turn it was: %v", err)
	}
}

func TestUnheardAnswerIsNone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var firsts []bool
	engine := &fakeEngine{domain: func(_ context.Context, doc, _ []byte, first *patch.Report) ([]byte, *patch.Report, error) {
		firsts = append(firsts, first == nil)
		cancel() // the caller gives up while the engine finishes
		return doc, &patch.Report{}, nil
	}}
	core := NewCore(engine, false, discard())
	if _, err := core.OnDefineDomain(ctx, []byte("A"), anyVMI, Boot); !errors.Is(err, context.Canceled) {
		t.Errorf("OnDefineDomain: %v, want canceled", err)
	}
	if _, err := core.OnDefineDomain(t.Context(), []byte("B"), anyVMI, Boot); err != nil {
		t.Errorf("OnDefineDomain: %v", err)
	}
	if diff := cmp.Diff([]bool{true, true}, firsts); diff != "" {
		t.Errorf("the call after an unheard answer is a first call (-want +got):\n%s", diff)
	}
}

// TestUnheardCloudInitIsNone: KubeVirt did not read the data, so the VM must not start from the volume.
func TestUnheardCloudInitIsNone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	engine := &fakeEngine{hasCloudInit: true, cloudInit: func(_ context.Context, data, _ []byte) ([]byte, *patch.Report, error) {
		cancel() // the caller gives up while the engine finishes
		return data, &patch.Report{}, nil
	}}
	core := NewCore(engine, true, discard())
	if _, err := core.PreCloudInitIso(ctx, []byte(plainData), anyVMI, Boot); !errors.Is(err, context.Canceled) {
		t.Errorf("PreCloudInitIso: %v, want canceled", err)
	}
	if _, err := core.OnDefineDomain(t.Context(), []byte(plainDomain), anyVMI, Boot); !errors.Is(err, errCloudInitFailed) {
		t.Errorf("OnDefineDomain: %v, want %v", err, errCloudInitFailed)
	}
}

func TestPanic(t *testing.T) {
	calls := 0
	engine := &fakeEngine{domain: func(_ context.Context, doc, _ []byte, first *patch.Report) ([]byte, *patch.Report, error) {
		switch calls++; calls {
		case 2:
			panic("SECRET " + string(doc))
		case 4:
			return doc[100:], nil, nil
		}
		if first != nil {
			return nil, nil, errors.New("a repeat after a panic")
		}
		return doc, &patch.Report{}, nil
	}}
	server := startFake(t, engine, Config{})
	client := v1alpha3.NewCallbacksClient(server)
	if _, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("A"), Vmi: anyVMI}); err != nil {
		t.Fatal(err)
	}
	_, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("B"), Vmi: anyVMI})
	checkLine(t, err, codes.Internal, "internal error")
	if strings.Contains(err.Error()+server.log.String(), "SECRET") {
		t.Errorf("what a panic says may be the document:\n%v\n%s", err, server.log)
	}
	if !strings.Contains(server.log.String(), "TestPanic") {
		t.Errorf("the log lacks the stack:\n%s", server.log)
	}
	if _, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("C"), Vmi: anyVMI}); err != nil {
		t.Errorf("the call after a panic: %v", err)
	}
	_, err = client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("C"), Vmi: anyVMI})
	checkLine(t, err, codes.Internal, "internal error")
	if cause := `"cause":"runtime error: slice bounds out of range`; !strings.Contains(server.log.String(), cause) {
		t.Errorf("the log lacks %s:\n%s", cause, server.log)
	}
}

// checkLine checks what every failed call must look like to the user.
func checkLine(t *testing.T, err error, code codes.Code, want string) {
	t.Helper()
	message := status.Convert(err).Message()
	switch {
	case err == nil:
		t.Errorf("no error, want one with %q", want)
	case status.Code(err) != code:
		t.Errorf("code %v, want %v: %s", status.Code(err), code, message)
	case !strings.HasPrefix(message, "domainpatch: "):
		t.Errorf("the line does not start with domainpatch: %s", message)
	case strings.ContainsAny(message, "\r\n"):
		t.Errorf("more than a line: %q", message)
	case !strings.Contains(message, want):
		t.Errorf("the line lacks %q: %s", want, message)
	case !strings.Contains(message, "restart the VM"):
		t.Errorf("the line does not say that a restart is needed: %s", message)
	}
}

func TestLog(t *testing.T) {
	report := &patch.Report{Patches: []patch.PatchReport{{Patch: "DomainPatch vms/a", Outcome: patch.Applied,
		Rules: []patch.RuleReport{{Field: "spec.domain[0]", Op: "set", Outcome: patch.Applied, Matched: 1, Changed: 1}}}}}
	fail := false
	engine := &fakeEngine{
		domain: func(_ context.Context, _, _ []byte, _ *patch.Report) ([]byte, *patch.Report, error) {
			if fail {
				return nil, report, errors.New("injected")
			}
			return []byte("<SECRETOUT/>"), report, nil
		},
		cloudInit: func(context.Context, []byte, []byte) ([]byte, *patch.Report, error) {
			return []byte(`{"UserData":"SECRETOUT"}`), report, nil
		},
	}
	server := startFake(t, engine, Config{Hooks: hooksWith(true)})
	client := v1alpha3.NewCallbacksClient(server)
	vmi := []byte(`{"metadata":{"annotations":{"password":"SECRETVMI"}}}`)
	if _, err := client.PreCloudInitIso(soon(t), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(`{"UserData":"SECRETIN"}`), Vmi: vmi}); err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"<SECRETIN/>", "<SECRETIN second='true'/>"} {
		if _, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(doc), Vmi: vmi}); err != nil {
			t.Fatal(err)
		}
	}
	fail = true
	if _, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("<SECRETIN/>"), Vmi: vmi}); err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(server.log.String(), "SECRET") {
		t.Errorf("the log holds a document:\n%s", server.log)
	}
	want := []string{
		"INFO PreCloudInitIso repeat=false in=23 vmi=53 out=24 changed=1 error=<nil>",
		"INFO OnDefineDomain repeat=false in=11 vmi=53 out=12 changed=1 error=<nil>",
		"INFO OnDefineDomain repeat=true in=25 vmi=53 out=12 changed=1 error=<nil>",
		"ERROR OnDefineDomain repeat=false in=11 vmi=53 out=0 changed=<nil> error=injected",
	}
	if diff := cmp.Diff(want, callLines(t, server.log.String())); diff != "" {
		t.Errorf("call lines (-want +got):\n%s", diff)
	}
}

// callLines picks the lines of calls from a log and shortens them.
func callLines(t *testing.T, log string) []string {
	t.Helper()
	var short []string
	for line := range strings.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("not a line of JSON: %s", line)
		}
		if fields["hook"] == nil {
			continue
		}
		if fields["durationMs"] == nil || fields["report"] == nil {
			t.Errorf("a call's line lacks durationMs or report: %s", line)
		}
		short = append(short, fmt.Sprintf("%v %v repeat=%v in=%v vmi=%v out=%v changed=%v error=%v", fields["level"], fields["hook"],
			fields["repeat"], fields["inBytes"], fields["vmiBytes"], fields["outBytes"], fields["changed"], fields["error"]))
	}
	return short
}
