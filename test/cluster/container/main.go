// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command container runs a command as a container runtime would, as far as a hook sidecar can
// tell: its root holds nothing but the mounts that are named, it is an ordinary user without
// capabilities, and it cannot gain any. For tests only: it keeps no secrets from the command, and
// gives it the machine's network and processes.
//
// It must be started in a mount namespace of its own, where it may mount. Package cluster does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	unix.Umask(0o022) // a container runtime's, whatever that of the terminal is
	err := run(os.Args[1:])
	fmt.Fprintln(os.Stderr, "container:", err)
	os.Exit(125) // as docker run does, when it is not the command that failed
}

// run returns only if it fails.
func run(args []string) error {
	flags := flag.NewFlagSet("container", flag.ExitOnError)
	root := flags.String("root", "", "empty `folder` that becomes the root")
	user := flags.Int("user", 0, "user and group `id` to run as")
	var mounts [][2]string
	flags.Func("mount", "`SOURCE=TARGET`: a file or folder, and where it is in the container; may be repeated", func(value string) error {
		source, target, ok := strings.Cut(value, "=")
		if !ok || !filepath.IsAbs(target) {
			return errors.New("not SOURCE=TARGET with an absolute TARGET")
		}
		mounts = append(mounts, [2]string{source, target})
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *root == "" {
		return errors.New("--root is missing")
	}
	if err := makeRoot(*root, mounts); err != nil {
		return err
	}
	if flags.NArg() == 0 { // whoever asks wants to know if all that is possible here
		os.Exit(0)
	}
	if err := become(*user); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", flags.Arg(0), syscall.Exec(flags.Arg(0), flags.Args(), os.Environ()))
}

// makeRoot makes the mounts and enters the root. Nothing of it is seen outside.
func makeRoot(root string, mounts [][2]string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("cannot mount a root: %w", err)
	}
	for _, m := range mounts {
		if err := bind(m[0], filepath.Join(root, m[1])); err != nil {
			return fmt.Errorf("cannot mount %s at %s: %w", m[0], m[1], err)
		}
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("cannot enter the root: %w", err)
	}
	return os.Chdir("/")
}

// bind makes a file or folder appear at a path, too.
func bind(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if info.IsDir() {
		err = os.Mkdir(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o644)
	}
	if err != nil {
		return err
	}
	return unix.Mount(source, target, "", unix.MS_BIND, "")
}

// become drops all rights. In a user namespace the process is that user from the start, and
// may only mount.
func become(user int) error {
	if os.Getuid() != user {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user)); err != nil {
			return fmt.Errorf("cannot become user %d: %w", user, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot give up capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot give up new privileges: %w", err)
	}
	// A change of the user has cleared it.
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0)
}
