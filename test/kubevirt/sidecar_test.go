// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/domainpatch/domainpatch/test/kubevirt/output"
)

// sidecar is a container to start.
type sidecar struct {
	sockets   string // the folder of all containers' sockets
	container string
	env       []string // beside the test's own
	flags     []string // more flags of the launcher's command sidecar
	nice      int
	stdin     *os.File // instead of none
	stderr    *os.File // instead of a buffer
}

// process is a running sidecar. All of it ends with the test.
type process struct {
	container string
	cmd       *exec.Cmd
	output    output.Buffer
	done      chan struct{}
	err       error // of the end, once done is closed
}

// startSidecar runs a program of TestMain's, or one with a path, as the
// container of that name, with folder first in its PATH. The function that it
// returns waits until the program ends by itself. The program's log is printed
// if the test fails.
func startSidecar(t *testing.T, sockets, container, folder, program string, args ...string) (exited func() error) {
	t.Helper()
	s := sidecar{sockets: sockets, container: container, env: []string{"PATH=" + folder + ":" + os.Getenv("PATH")}}
	return s.start(t, program, args...).exited
}

// start runs a program of TestMain's, or one with a path, in the container.
func (s sidecar) start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	if !filepath.IsAbs(program) {
		program = filepath.Join(programs, program)
	}
	launcherArgs := append([]string{"sidecar", "--sockets", s.sockets, "--name", s.container}, s.flags...)
	launcherArgs = append(append(launcherArgs, program), args...)
	cmd := exec.Command(filepath.Join(programs, "launcher"), launcherArgs...)
	p := &process{container: s.container, cmd: cmd, done: make(chan struct{})}
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	if s.stdin != nil {
		cmd.Stdin = s.stdin
	}
	if s.stderr != nil {
		cmd.Stderr = s.stderr
	}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if s.nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, s.nice); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.container, p.output.String())
		}
	})
	return p
}

// exited waits until the program ends by itself; nil is exit code 0.
func (p *process) exited() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s still runs after 30s", p.container)
	}
}

// exitedSoon is exited for a program that has just been told to end, and has a second to do so. It gets ten, for
// the machine may be busy; that it plans for less than one is a test of package shim (TestEndDespiteStuckCall).
func (p *process) exitedSoon() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(10 * time.Second):
		return fmt.Errorf("%s still runs 10s after it was told to end", p.container)
	}
}

// terminate sends SIGTERM, as the kubelet does.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // fails only when it has ended

// end makes sure that it does not run on.
func (p *process) end() {
	p.terminate()
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill() // likewise; the program in the container goes with it
		<-p.done
	}
}

// publicDir is a folder that every user may enter and write to, like the emptyDir of the sockets; t.TempDir lies in
// one that is the test's alone.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "contract")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
