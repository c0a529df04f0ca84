// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/domainpatch/domainpatch/shim"
	"github.com/domainpatch/domainpatch/shim/proto/info"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// TestMain lets the test binary stand in for the program.
func TestMain(m *testing.M) {
	if os.Getenv("SHIM_TEST_RUN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	cases := map[string]struct {
		reason string
		args   string
		want   options
		err    string
	}{
		"Least": {"what KubeVirt's own shim asks for", "--version v1alpha2", options{Config: shim.Config{
			Version: "v1alpha2", Bundle: "/usr/bin/onDefineDomain", SocketDir: "/var/run/kubevirt-hooks"}}, ""},
		"Rendered": {"what the operator renders",
			"--version v1alpha3 --bundle /usr/bin/onDefineDomain --sha256 " + sum + " --hooks OnDefineDomain,PreCloudInitIso",
			options{Config: shim.Config{Version: "v1alpha3", Bundle: "/usr/bin/onDefineDomain", RequireBundle: true, SHA256: sum, Hooks: []string{"OnDefineDomain", "PreCloudInitIso"},
				SocketDir: "/var/run/kubevirt-hooks"}}, ""},
		"All": {"every flag", "--version=v1alpha1 --bundle=b --hooks=OnDefineDomain --socket-dir=d --log-level=debug",
			options{Config: shim.Config{Version: "v1alpha1", Bundle: "b", RequireBundle: true, Hooks: []string{"OnDefineDomain"}, SocketDir: "d"}, level: slog.LevelDebug}, ""},
		"AllowExec": {"the hooks are found, a bundle may lack", "--version v1alpha3 --allow-exec", options{Config: shim.Config{Version: "v1alpha3",
			Bundle: "/usr/bin/onDefineDomain", AllowExec: true, SocketDir: "/var/run/kubevirt-hooks"}}, ""},
		"AllowExecHooks": {"the hooks are these, a bundle must be there", "--version v1alpha3 --allow-exec --bundle b --hooks OnDefineDomain",
			options{Config: shim.Config{Version: "v1alpha3", Bundle: "b", RequireBundle: true, AllowExec: true, Hooks: []string{"OnDefineDomain"}, SocketDir: "/var/run/kubevirt-hooks"}}, ""},
		"NoVersion":   {"nothing to offer", "", options{}, "--version is missing"},
		"BadVersion":  {"nothing to offer", "--version v2", options{}, `"v2"`},
		"Positional":  {"a flag without its dashes is no wish", "--version v1alpha3 bundle", options{}, `"bundle"`},
		"UnknownFlag": {"a typo is no wish", "--version v1alpha3 --bundel x", options{}, "bundel"},
		"BadSum":      {"a typo must not look like tampering", "--version v1alpha3 --sha256 12", options{}, "SHA-256"},
		"BadLevel":    {"no such level", "--version v1alpha3 --log-level trace", options{}, `"trace" for flag -log-level: use debug, info, warn or error`},
		"OddLevel":    {"slog's own", "--version v1alpha3 --log-level INFO+2", options{}, "use debug, info, warn or error"},
		"NoDir":       {"not the working directory", "--version v1alpha3 --socket-dir=", options{}, "--socket-dir is empty"},
		"UnknownHook": {"no such hook", "--version v1alpha3 --hooks OnDefineDomain,Shutdown", options{}, `"Shutdown"`},
		"NoHook":      {"a VM would start unpatched", "--version v1alpha3 --hooks=", options{}, "unknown hook"},
		"NoDomain":    {"nobody would notice that the cloud-init hook was taken", "--version v1alpha3 --hooks PreCloudInitIso", options{}, "OnDefineDomain is missing"},
		"Twice":       {"a slip", "--version v1alpha3 --hooks OnDefineDomain,OnDefineDomain", options{}, "twice"},
		"OldCloud":    {"v1alpha1 has no such hook", "--version v1alpha1 --hooks OnDefineDomain,PreCloudInitIso", options{}, "v1alpha2 or later"},
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
	for _, name := range []string{"-version", "-bundle", "-sha256", "-hooks", "-allow-exec", "-socket-dir", "-log-level"} {
		if !slices.Contains(strings.Fields(out.String()), name) {
			t.Errorf("the usage lacks %s:\n%s", name, out.String())
		}
	}
}

func TestLevels(t *testing.T) {
	for name, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		if got, err := level(name); got != want || err != nil {
			t.Errorf("level(%s) = %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   int
		stderr string
	}{
		"Help":     {"help was asked for", []string{"--help"}, 0, "Usage of shim"},
		"Flags":    {"wrong flags", []string{"--version", "v9"}, 2, "domainpatch: unknown version"},
		"NoSocket": {"there is nowhere to listen", []string{"--version", "v1alpha3", "--socket-dir", "/nonexistent"}, 1, "--socket-dir"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cmd, stderr := command(t, tc.args...)
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != tc.want {
				t.Errorf("exit code %d (%v), want %d: %s", code, err, tc.want, tc.reason)
			}
			if !strings.Contains(stderr.String(), tc.stderr) {
				t.Errorf("stderr lacks %q:\n%s", tc.stderr, stderr)
			}
		})
	}
}

// TestSecondShim starts two of one name in one directory: the first one lives on.
func TestSecondShim(t *testing.T) {
	dir := shortDir(t)
	args := []string{"--version", "v1alpha3", "--bundle", filepath.Join(dir, "none"), "--socket-dir", dir}
	first, _ := command(t, args...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "domainpatch-hook-sidecar-3.sock")
	connect(t, socket)
	second, stderr := command(t, args...)
	_ = second.Run() // its exit code tells
	if code := second.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "another process does") {
		t.Errorf("the second shim: exit code %d, want 1 and a reason:\n%s", code, stderr)
	}
	connect(t, socket)

	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	if _, err := os.Lstat(socket); err != nil {
		t.Fatalf("a killed shim cannot remove its socket: %v", err)
	}
	third, stderr := command(t, args...)
	if err := third.Start(); err != nil {
		t.Fatal(err)
	}
	connect(t, socket)
	send(t, third.Process, syscall.SIGTERM)
	if err := third.Wait(); err != nil {
		t.Errorf("the shim in the killed one's place: %v\n%s", err, stderr)
	}
}

// TestProgramSignals: a program's pipeline must die of SIGPIPE, as everywhere.
func TestProgramSignals(t *testing.T) {
	dir := shortDir(t)
	const script = "#!/bin/sh\ngrep SigIgn /proc/self/status\n"
	if err := os.WriteFile(filepath.Join(dir, "onDefineDomain"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd, stderr := command(t, "--version", "v1alpha3", "--allow-exec", "--socket-dir", dir)
	cmd.Env = append(cmd.Env, "PATH="+dir+":"+os.Getenv("PATH"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, filepath.Join(dir, "domainpatch-hook-sidecar-3.sock"))
	result, err := v1alpha3.NewCallbacksClient(conn).OnDefineDomain(t.Context(), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("<domain/>"), Vmi: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	var ignored uint64
	if _, err := fmt.Sscanf(string(result.GetDomainXml()), "SigIgn:\t%x", &ignored); err != nil || ignored>>(syscall.SIGPIPE-1)&1 != 0 {
		t.Errorf("the program ignores SIGPIPE: %q (%v)", result.GetDomainXml(), err)
	}
	send(t, cmd.Process, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr)
	}
}

func TestEnds(t *testing.T) {
	cases := map[string]struct {
		reason string
		end    func(t *testing.T, process *os.Process, conn *grpc.ClientConn)
	}{
		"SIGTERM": {"the pod ends", func(t *testing.T, process *os.Process, _ *grpc.ClientConn) { send(t, process, syscall.SIGTERM) }},
		"SIGHUP":  {"KubeVirt's shim ends on it, too", func(t *testing.T, process *os.Process, _ *grpc.ClientConn) { send(t, process, syscall.SIGHUP) }},
		"SIGINT":  {"a person ends it", func(t *testing.T, process *os.Process, _ *grpc.ClientConn) { send(t, process, syscall.SIGINT) }},
		"Shutdown": {"the VM is gone", func(t *testing.T, _ *os.Process, conn *grpc.ClientConn) {
			if _, err := v1alpha3.NewCallbacksClient(conn).Shutdown(t.Context(), &v1alpha3.ShutdownParams{}); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			cmd, stderr := command(t, "--version", "v1alpha3", "--bundle", filepath.Join(dir, "none"), "--socket-dir", dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			conn := connect(t, filepath.Join(dir, "domainpatch-hook-sidecar-3.sock"))
			started := time.Now()
			tc.end(t, cmd.Process, conn)
			if err := cmd.Wait(); err != nil {
				t.Errorf("the program ended with %v, want 0: %s\n%s", err, tc.reason, stderr)
			}
			if took := time.Since(started); took > 10*time.Second { // of a second, on a busy machine
				t.Errorf("the end took %v", took)
			}
		})
	}
}

func send(t *testing.T, process *os.Process, signal os.Signal) {
	t.Helper()
	if err := process.Signal(signal); err != nil {
		t.Error(err)
	}
}

// shortDir is a t.TempDir whose name leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shim")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// command is the program in a process of its own, as the container hook-sidecar-3.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "SHIM_TEST_RUN=1", "CONTAINER_NAME=hook-sidecar-3")
	cmd.Stderr = &stderr
	return cmd, &stderr
}

// connect waits for the socket and returns when Info is answered.
func connect(t *testing.T, path string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := info.NewInfoClient(conn).Info(t.Context(), &info.InfoParams{}, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	for path := range strings.Lines(string(out)) {
		if strings.Contains(path, "k8s.io/") || strings.Contains(path, "kubevirt.io/") {
			t.Errorf("the shim runs beside every VM and must stay small, but it imports %s", path)
		}
	}
}
