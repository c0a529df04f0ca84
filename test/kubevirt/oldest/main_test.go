// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package oldest has the tests of the shim against the hooks manager of the oldest KubeVirt that
// can run it; go.mod says which and why. The shim is a process of its own, as its container would
// run it there: up to KubeVirt v1.5 all sidecars of a pod share one folder for their
// sockets, and no CONTAINER_NAME tells them apart.
//
// Run them with -count=1: Go's test cache does not see the programs that TestMain builds.
package oldest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kubevirt.io/kubevirt/pkg/hooks"
)

// programs is the folder of the binaries that TestMain builds.
var programs string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "oldest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, args := range [][]string{
		{"build", "-trimpath", "-o", dir + "/", "kubevirt.io/kubevirt/cmd/sidecars"},
		{"build", "-C", "../../..", "-trimpath", "-tags", "grpcnotrace", "-o", dir + "/", "./cmd/shim"},
	} {
		build := exec.Command("go", args...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the programs under test: %v\n%s", err, out)
			return 1
		}
	}
	programs = dir
	return m.Run()
}

// enter runs a command where /var/run/kubevirt-hooks is the folder $1, in mounts of its own:
// KubeVirt's stock shim has that path compiled in.
const enter = `
mount -t tmpfs tmpfs /run
mkdir /run/kubevirt-hooks
mount --bind "$1" /run/kubevirt-hooks
shift
exec "$@"`

// startSidecar runs a program of TestMain's as a sidecar, with folder first in its PATH. The
// function that it returns waits until the program ends by itself. The program's log is
// printed if the test fails.
func startSidecar(t *testing.T, sockets, folder, program string, args ...string) (exited func() error) {
	t.Helper()
	unshare := []string{"--mount", "sh", "-ec", enter, "enter", sockets, filepath.Join(programs, program)}
	if os.Geteuid() != 0 {
		unshare = append([]string{"--map-root-user"}, unshare...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var output strings.Builder
	cmd := exec.CommandContext(ctx, "unshare", append(unshare, args...)...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "CONTAINER_NAME=")
	}), "PATH="+folder+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, failure := make(chan struct{}), error(nil)
	go func() { failure = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, output.String())
		}
	})
	return func() error {
		select {
		case <-ended:
			return failure
		case <-time.After(30 * time.Second):
			return errors.New("it still runs after 30s")
		}
	}
}

// startShim starts our shim with a bundle, as the annotation says.
func startShim(t *testing.T, sockets string, bundle []byte, version, hookPoints string) (exited func() error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "onDefineDomain")
	if err := os.WriteFile(file, bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	return startSidecar(t, sockets, t.TempDir(), "shim", "--version", version, "--bundle", file, "--hooks", hookPoints)
}

// collect gives a hooks manager that has found that many sidecars in the folder. KubeVirt has one
// manager a process, with a folder that is compiled in: another one takes reflection.
func collect(t *testing.T, sockets string, sidecars uint) hooks.Manager {
	t.Helper()
	value := reflect.New(reflect.TypeOf(hooks.GetManager()).Elem())
	field := value.Elem().FieldByName("hookSocketSharedDirectory")
	if field.Kind() != reflect.String {
		t.Fatalf("%s has no field hookSocketSharedDirectory: this version of KubeVirt needs another collect", value.Type())
	}
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().SetString(sockets)
	manager := value.Interface().(hooks.Manager)
	if err := manager.Collect(sidecars, time.Minute); err != nil {
		t.Fatal(err)
	}
	return manager
}

// stop calls Shutdown, after which the sidecars end by themselves.
func stop(t *testing.T, manager hooks.Manager, sidecars ...func() error) {
	t.Helper()
	if err := manager.Shutdown(); err != nil {
		t.Fatal(err)
	}
	for i, exited := range sidecars {
		if err := exited(); err != nil {
			t.Fatalf("sidecar %d, after Shutdown: %v", i, err)
		}
	}
}
