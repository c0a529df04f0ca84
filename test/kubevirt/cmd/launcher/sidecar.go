// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterCommand is this program again, inside the new mount namespace, with the same arguments.
const enterCommand = "enter-container"

// container is where a sidecar's program runs.
type container struct {
	sockets, name string
	hooksTmpfs    string
	root          string
	user          int
	mounts        []bindMount
	cgroups       []string
	command       []string
}

// bindMount is a file or folder, and where it is in the container.
type bindMount struct{ source, target string }

func parseSidecar(args []string) (*container, error) {
	c := &container{}
	flags := flag.NewFlagSet("sidecar", flag.ContinueOnError)
	flags.StringVar(&c.sockets, "sockets", "", "")
	flags.StringVar(&c.name, "name", "", "")
	flags.StringVar(&c.hooksTmpfs, "hooks-tmpfs", "", optional)
	flags.StringVar(&c.root, "root", "", optional)
	flags.IntVar(&c.user, "user", 0, "")
	flags.Func("cgroup", optional, func(dir string) error {
		c.cgroups = append(c.cgroups, dir)
		return nil
	})
	flags.Func("mount", optional, func(value string) error {
		source, target, ok := strings.Cut(value, "=")
		if !ok || !filepath.IsAbs(target) {
			return errors.New("not SOURCE=TARGET with an absolute TARGET")
		}
		c.mounts = append(c.mounts, bindMount{source, target})
		return nil
	})
	if err := parse(flags, args, true); err != nil {
		return nil, err
	}
	if c.root == "" && len(c.mounts) > 0 {
		return nil, usageError{errors.New("sidecar: --mount needs --root")}
	}
	c.command = flags.Args()
	return c, nil
}

// runSidecar runs a command where /var/run/kubevirt-hooks is a folder of our
// choice, as KubeVirt mounts it into a sidecar's container. KubeVirt's stock
// shim has that path compiled in.
func runSidecar(args []string) error {
	c, err := parseSidecar(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.hooks(), 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, append([]string{enterCommand}, args...)...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(), "CONTAINER_NAME="+c.name)
	child.SysProcAttr = newMountNamespace()
	return supervise(child, c.name)
}

// hooks is the folder outside that the container has as /var/run/kubevirt-hooks.
func (c *container) hooks() string { return filepath.Join(c.sockets, c.name) }

// newMountNamespace needs a user namespace, too, unless we are root.
func newMountNamespace() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// supervise passes signals on and ends with the command's exit code.
func supervise(child *exec.Cmd, name string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := child.Start(); err != nil {
		return fmt.Errorf("the kernel gives no private mounts (as root CAP_SYS_ADMIN is needed, else user namespaces): %w", err)
	}
	go func() {
		for s := range signals {
			_ = child.Process.Signal(s) // fails only when it has ended
		}
	}()
	err := child.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("sidecar %s: %w", name, err)
	}
	return err
}

// enterContainer makes this process the container's and then the command.
func enterContainer(args []string) error {
	c, err := parseSidecar(args)
	if err != nil {
		return err
	}
	// Capabilities and the wish to end with the parent belong to a thread, and exec keeps but the
	// calling one.
	runtime.LockOSThread()
	for _, dir := range c.cgroups {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil { // 0 is the writer
			return fmt.Errorf("enter the cgroup: %w", err)
		}
	}
	if err := c.mount(); err != nil {
		return fmt.Errorf("the kernel gives no private mounts: %w", err)
	}
	program, err := exec.LookPath(c.command[0])
	if err != nil {
		return err
	}
	if c.user != 0 {
		if err := become(c.user); err != nil {
			return fmt.Errorf("become user %d: %w", c.user, err)
		}
	}
	// A sidecar must not outlive a test that was killed. A change of the user clears the wish.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to end with the parent: %w", err)
	}
	return syscall.Exec(program, c.command, os.Environ())
}

// become drops all rights, as KubeVirt's security context has it: an ordinary user and group, no capability and no
// way to one (runAsUser, capabilities.drop ALL, allowPrivilegeEscalation false).
func become(user int) error {
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user)); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}
