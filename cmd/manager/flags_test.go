// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// TestMain lets the test binary stand in for the program.
func TestMain(m *testing.M) {
	if os.Getenv("MANAGER_TEST_RUN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	defaults := func(change func(*options)) options {
		o := options{
			image: render.Image{Name: "i"}, renderInto: "instance", namespace: "domainpatch-system", serviceName: "domainpatch-webhook",
			certDir: "/var/run/domainpatch/certificate", certRotation: true, webhookPort: 9443,
			metricsAddress: ":8080", healthAddress: ":8081", leaderElection: true, lockdown: admission.LockdownOff, bundleSweepAfter: 10 * time.Minute,
		}
		change(&o)
		return o
	}
	cases := map[string]struct {
		reason string
		args   string
		want   options
		err    string
	}{
		"Least": {"all else has defaults", "--shim-image i", defaults(func(*options) {}), ""},
		"All": {"every flag", "--shim-image=i --shim-image-pull-policy=Always --namespace=n --service-name=s --cert-dir=d --cert-rotation=false " +
			"--render-into=instance --webhook-host=h --webhook-port=1 --metrics-address=0 --health-address=:1 --profiling-address=localhost:2 --leader-election=false --lockdown=audit --bundle-sweep-after=1h --log-level=debug",
			options{image: render.Image{Name: "i", PullPolicy: "Always"}, renderInto: "instance", namespace: "n", serviceName: "s", certDir: "d", webhookHost: "h", webhookPort: 1,
				metricsAddress: "0", healthAddress: ":1", profilingAddress: "localhost:2", lockdown: admission.LockdownAudit, bundleSweepAfter: time.Hour, level: slog.LevelDebug}, ""},
		"NoImage":    {"there is no shim to run", "", options{}, "--shim-image is missing"},
		"PullPolicy": {"KubeVirt would make a pod that Kubernetes refuses", "--shim-image i --shim-image-pull-policy Often", options{}, `"Often"`},
		"Port":       {"no such port", "--shim-image i --webhook-port 0", options{}, "--webhook-port"},
		"Lockdown":   {"a misspelt mode must not be none", "--shim-image i --lockdown=enforced", options{}, "--lockdown: \"enforced\""},
		"Sweep":      {"a bundle must outlive the creation of a VMI", "--shim-image i --bundle-sweep-after 0s", options{}, "--bundle-sweep-after"},
		"NoWebhook":  {"nothing would be kept off", "--shim-image i --lockdown=enforce --render-into=template", options{}, "--lockdown needs webhooks"},
		"Namespace":  {"a variable that was not set", "--shim-image i --namespace=", options{}, "--namespace"},
		"Positional": {"a flag without its dashes is no wish", "--shim-image i leader-election", options{}, `"leader-election"`},
		"Unknown":    {"a typo is no wish", "--shim-imag i", options{}, "shim-imag"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parse(strings.Fields(tc.args), &bytes.Buffer{})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("parse: %v, want an error with %q: %s", err, tc.err, tc.reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("parse: %v: %s", err, tc.reason)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("options, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := parse([]string{"-h"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("parse: %v, want flag.ErrHelp", err)
	}
	if !strings.Contains(out.String(), "-shim-image image") {
		t.Errorf("the usage does not tell of --shim-image:\n%s", &out)
	}
}

// TestDocumented compares the table of flags in docs/operations.md with the flags: their
// names and their defaults. A default in words stands for an empty one.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (.*?) \\| .+ \\|$").FindAllStringSubmatch(string(text), -1) {
		if _, twice := documented[row[1]]; twice {
			t.Errorf("docs/operations.md tells twice of --%s", row[1])
		}
		documented[row[1]] = ""
		if value := strings.Trim(row[2], "`"); value != row[2] {
			documented[row[1]] = value
		}
	}
	defined := map[string]string{}
	(&options{}).flags().VisitAll(func(f *flag.Flag) { defined[f.Name] = strings.ToLower(f.DefValue) }) // slog writes levels in capitals
	if diff := cmp.Diff(defined, documented); diff != "" {
		t.Errorf("flags and their defaults in docs/operations.md (-defined +documented):\n%s", diff)
	}
}

func TestExitCodes(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   int
		stderr string
	}{
		"Help":    {"help was asked for", []string{"--help"}, 0, "Usage of manager"},
		"Flags":   {"wrong flags", nil, 2, "manager: --shim-image is missing"},
		"Cluster": {"there is none", []string{"--shim-image=i", "--kubeconfig=/nonexistent"}, 1, "/nonexistent"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], tc.args...)
			cmd.Env = append(os.Environ(), "MANAGER_TEST_RUN=1")
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tc.want {
				t.Errorf("exit code %d (%v), want %d: %s", code, err, tc.want, tc.reason)
			}
			if !strings.Contains(string(out), tc.stderr) {
				t.Errorf("stderr lacks %q:\n%s", tc.stderr, out)
			}
		})
	}
}
