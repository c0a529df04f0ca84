// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package contract has the tests of hook sidecars against KubeVirt's own hooks
// manager. The sidecars run as processes of their own, in mount namespaces that
// put their sockets where their containers would have them.
//
// Run them with -count=1: Go's test cache does not see the programs that
// TestMain builds. And with -trimpath, as everything else: else Go compiles
// KubeVirt once more.
package contract

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// programs is the folder of the binaries that TestMain builds.
var programs string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "contract")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run them, too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, what := range [][]string{
		{"./cmd/launcher", "kubevirt.io/kubevirt/cmd/sidecars"},
		{"-C", "../..", "-tags", "grpcnotrace", "./cmd/shim"},
	} {
		build := exec.Command("go", goBuild(dir, what)...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the programs under test: %v\n%s", err, out)
			return 1
		}
	}
	programs = dir
	// The tests mostly wait: KubeVirt's manager looks for sockets every 300 ms. Not too many at once, for some measure a second.
	if err := flag.Set("test.parallel", "4"); err != nil { // as long as the command line does not say otherwise
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// goBuild puts the fixed flags of go build before what is to be built; -C must come first.
func goBuild(dir string, what []string) []string {
	args := []string{"build"}
	if what[0] == "-C" {
		args, what = append(args, what[:2]...), what[2:]
	}
	return append(append(args, "-trimpath", "-o", dir+"/"), what...)
}

// TestStockShim drives KubeVirt's sidecar-shim, so that a failure of another
// sidecar's test is that sidecar's fault.
func TestStockShim(t *testing.T) {
	sockets := t.TempDir()
	exited := startSidecar(t, sockets, "hook-sidecar-0", shellHooks(t,
		"onDefineDomain", `printf %s "$4" | sed 's#</devices>#<shmem name="stock"></shmem></devices>#'`,
		"preCloudInitIso", `printf %s "$4" | sed 's/hostname: plain/hostname: stock/'`,
	), "sidecars", "--version", "v1alpha3")
	manager := collect(t, sockets, 1)

	vmi := loadVMI(t, "plain")
	boot := &launcher.Boot{Manager: manager, VMI: vmi, Passes: launcher.MaxPasses}
	_, cloudInit, err := boot.CloudInit()
	if err != nil {
		t.Fatal(err)
	}
	if want := "#cloud-config\nhostname: stock\n"; cloudInit.UserData != want {
		t.Errorf("user data: got %q, want %q", cloudInit.UserData, want)
	}
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	passes, err := boot.Define(&domain.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(passes) != launcher.MaxPasses {
		t.Errorf("got %d passes, want %d", len(passes), launcher.MaxPasses)
	}
	for _, pass := range passes {
		if got := strings.Count(string(pass.Out), "<shmem "); got != 1 {
			t.Errorf("pass %s: got %d elements of the hook's, want 1:\n%s", pass.What, got, pass.Out)
		}
	}
	if err := manager.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := exited(); err != nil {
		t.Errorf("after Shutdown: %v", err)
	}
}

func TestStockShimFails(t *testing.T) {
	sockets := t.TempDir()
	startSidecar(t, sockets, "hook-sidecar-0", shellHooks(t, "onDefineDomain", "exit 3"), "sidecars", "--version", "v1alpha3")
	vmi := loadVMI(t, "plain")
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&launcher.Boot{Manager: collect(t, sockets, 1), VMI: vmi}).Define(&domain.Spec)
	const want = `server error. command SyncVMI failed: "rpc error: code = Unknown desc = exit status 3"`
	if err == nil || launcher.Condition(err) != want {
		t.Errorf("got error %v, want the condition %s", err, want)
	}
}

// shellHooks writes shell scripts, NAME SCRIPT NAME SCRIPT..., into a folder.
func shellHooks(t *testing.T, scripts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(scripts); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, scripts[i]), []byte("#!/bin/sh\n"+scripts[i+1]+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func collect(t *testing.T, sockets string, sidecars uint) hooks.Manager {
	t.Helper()
	manager, err := launcher.NewManager(sockets)
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.Collect(sidecars, time.Minute); err != nil {
		t.Fatal(err)
	}
	return manager
}

func loadVMI(t *testing.T, name string) *v1.VirtualMachineInstance {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/vmis", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	vmi, err := launcher.ParseVMI(data)
	if err != nil {
		t.Fatal(err)
	}
	return vmi
}
