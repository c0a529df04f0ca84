// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/shim/proto/info"
)

func logAt(level slog.Level) (*slog.Logger, *logBuffer) {
	b := &logBuffer{}
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level})), b
}

func TestLogLevels(t *testing.T) {
	cases := map[string]struct {
		reason string
		level  slog.Level
		want   string // messages
	}{
		"Debug": {"everything", slog.LevelDebug, "answered, failed"},
		"Info":  {"every call", slog.LevelInfo, "answered, failed"},
		"Error": {"what somebody must mend", slog.LevelError, "failed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			log, lines := logAt(tc.level)
			core := NewCore(&fakeEngine{}, false, log)
			if _, err := core.OnDefineDomain(t.Context(), []byte("A"), anyVMI, Boot); err != nil {
				t.Fatal(err)
			}
			if _, err := core.OnDefineDomain(t.Context(), []byte("A"), nil, Boot); err == nil {
				t.Fatal("no error")
			}
			var got []string
			for line := range strings.Lines(lines.String()) {
				got = append(got, field(t, line, "msg").(string))
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("lines %q, want %q: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func field(t *testing.T, line, name string) any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("not a line of JSON: %s", line)
	}
	return fields[name]
}

func TestInfoIsLogged(t *testing.T) {
	log, lines := logAt(slog.LevelDebug)
	if _, err := (infoServer{answer: &info.InfoResult{}, log: log}).Info(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if field(t, lines.String(), "level") != "DEBUG" {
		t.Errorf("whether KubeVirt found the sidecar is a line at debug, not at info:\n%s", lines)
	}
}

// TestLogQuotesNothing: the VMI's owner reads the value that is wrong on the VMI, whoever reads the log does not.
func TestLogQuotesNothing(t *testing.T) {
	vendor := func(policy bundle.FailurePolicy, domain bundle.DomainRule) bundle.Patch {
		return bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "vms", Name: "acme", FailurePolicy: policy,
			Variables: []bundle.Variable{{Name: "vendor", Expression: "vmi.metadata.annotations['vendor']", Pattern: "[a-z]*"}},
			Domain:    []bundle.DomainRule{domain}}
	}
	cases := map[string]struct {
		reason string
		patch  bundle.Patch
		fails  bool
	}{
		"Failed":  {"the error quotes the value", vendor(bundle.Fail, setVendor()), true},
		"Ignored": {"the report quotes the value", vendor(bundle.Ignore, setVendor()), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{tc.patch}})
			if err != nil {
				t.Fatal(err)
			}
			for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
				log, lines := logAt(level)
				vmi := []byte(`{"metadata":{"annotations":{"vendor":"SECRET \"1\""}}}`)
				_, err := NewCore(program, false, log).OnDefineDomain(t.Context(), []byte(plainDomain), vmi, Boot)
				if (err != nil) != tc.fails || tc.fails && !strings.Contains(err.Error(), `the value "SECRET \"1\"" does not match`) {
					t.Errorf("OnDefineDomain: %v, want an error that quotes the value: %v", err, tc.fails)
				}
				if !strings.Contains(lines.String(), "spec.variables[0] (vendor): the value ") {
					t.Errorf("the log at %s does not tell what failed:\n%s", level, lines)
				}
				if got := strings.Contains(lines.String(), "SECRET"); got != want {
					t.Errorf("the log at %s quotes the value: %v, want %v: %s\n%s", level, got, want, tc.reason, lines)
				}
			}
		})
	}
}

func TestLoggedText(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		limit  int
		want   string
	}{
		"Plain":    {"nothing to hide", "//disk selects nothing", 100, "//disk selects nothing"},
		"Quoted":   {"as %q writes it", `the value "a \"b\" \\" is bad`, 100, `the value "..." is bad`},
		"Several":  {"each for itself", `"a" and "b"`, 100, `"..." and "..."`},
		"Backtick": {"as Go's regexp quotes", "missing ): `a(`", 100, `missing ): "..."`},
		"CutOff":   {"the engine cuts long errors", `parsing "abc\`, 100, `parsing "..."`},
		"Long":     {"a line is not split", "ääää", 3, "ä..."},
		"Escaped":  {"what counts is the JSON", `\\\\`, 5, `\\...`},
		"Control":  {"they take six bytes, and say nothing", "a\n\x01b\u2028c\x7f", 5, "a b c"},
		"Bidi":     {"they show the line in another order", "a\u202eb", 100, "a b"},
		"Invalid":  {"no UTF-8", "a\xff\"\xff\"", 100, `a?"..."`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := loggedText(tc.text, tc.limit, false); got != tc.want {
				t.Errorf("loggedText = %s, want %s: %s", got, tc.want, tc.reason)
			}
			if got := loggedText(tc.text, tc.limit, true); got != tc.text {
				t.Errorf("loggedText = %s at level debug, want all", got)
			}
		})
	}
}

// largeReport is one of as many patches and rules as a bundle holds.
func largeReport() *patch.Report {
	r := &patch.Report{}
	for i := range 64 {
		p := patch.PatchReport{Patch: fmt.Sprintf("ClusterDomainPatch a-name-of-usual-length-%d", i), Outcome: patch.Ignored, Reason: strings.Repeat("reason ", 100)}
		for j := range 64 {
			p.Rules = append(p.Rules, patch.RuleReport{Field: fmt.Sprintf("spec.domain[%d]", j), Op: "set", Outcome: patch.Applied, Matched: 1, Changed: 1, Reason: `"quoted"`})
		}
		r.Patches = append(r.Patches, p)
	}
	return r
}

func TestLogLinesAreBounded(t *testing.T) {
	report := largeReport()
	whole, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	engine := &fakeEngine{domain: func(context.Context, []byte, []byte, *patch.Report) ([]byte, *patch.Report, error) {
		return nil, report, errors.New(strings.Repeat("error ", 1000))
	}}
	log, lines := logAt(slog.LevelInfo)
	if _, err := NewCore(engine, false, log).OnDefineDomain(t.Context(), []byte(plainDomain), anyVMI, Boot); err == nil {
		t.Fatal("no error")
	}
	line := lines.String()
	if len(line) > 16<<10 {
		t.Errorf("the line has %d bytes, of a report of %d: container runtimes split it", len(line), len(whole))
	}
	logged, _ := field(t, line, "report").(map[string]any)
	if patches, _ := logged["patches"].([]any); len(patches) != 64 || logged["omittedRules"] != float64(64*64) {
		t.Errorf("the line has %d patches and %v omitted rules, want 64 and %d:\n%s", len(patches), logged["omittedRules"], 64*64, line)
	}
	if after, err := json.Marshal(report); err != nil || string(after) != string(whole) {
		t.Errorf("logging changed the report, which the next call needs (%v)", err)
	}
}

func TestSizeOfReport(t *testing.T) {
	small := &patch.Report{Patches: []patch.PatchReport{{Patch: "DomainPatch vms/acme", Outcome: patch.Applied, Rules: []patch.RuleReport{
		{Field: "spec.domain[0]", Name: "vendor", Op: "replace", Outcome: patch.Applied, Matched: 256, Changed: 256, Reason: "1 created",
			Overrides: []patch.Override{{Patch: "DomainPatch vms/other", Place: "/domain/os/smbios/@mode", Nodes: 256}}}}}}}
	for name, report := range map[string]*patch.Report{"Small": small, "Large": largeReport()} {
		data, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		if got := size(report.Patches...); got < len(data) || got > len(data)*3/2 {
			t.Errorf("%s: size = %d of %d bytes, want a little more", name, got, len(data))
		}
	}
}
