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
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterCommand is this program again, inside the new mount namespace.
const enterCommand = "enter-container"

// runSidecar runs a command where /var/run/kubevirt-hooks is a folder of our
// choice, as KubeVirt mounts it into a sidecar's container. KubeVirt's stock
// shim has that path compiled in.
func runSidecar(args []string) error {
	flags := flag.NewFlagSet("sidecar", flag.ContinueOnError)
	sockets := flags.String("sockets", "", "")
	name := flags.String("name", "", "")
	if err := parse(flags, args, true); err != nil {
		return err
	}
	dir := filepath.Join(*sockets, *name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, append([]string{enterCommand, dir}, flags.Args()...)...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(), "CONTAINER_NAME="+*name)
	child.SysProcAttr = newMountNamespace()
	return supervise(child)
}

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
func supervise(child *exec.Cmd) error {
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
		return fmt.Errorf("sidecar %s: %w", child.Args[3], err)
	}
	return err
}

// enterContainer mounts the folder args[0] and becomes the command in the rest.
func enterContainer(args []string) error {
	if err := mountHooks(args[0]); err != nil {
		return fmt.Errorf("the kernel gives no private mounts: %w", err)
	}
	program, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	// A sidecar must not outlive a test that was killed. The wish belongs to a
	// thread, and exec keeps but the calling one.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to end with the parent: %w", err)
	}
	return syscall.Exec(program, args[1:], os.Environ())
}

func mountHooks(folder string) error {
	const hooks = "/run/kubevirt-hooks"
	// Opened before /run is covered, since the folder may lie below it; and in
	// here, since the kernel binds no folder of another mount namespace.
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount an empty /run: %w", err)
	}
	if err := os.Mkdir(hooks, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(fd), hooks, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", hooks, err)
	}
	return nil
}
