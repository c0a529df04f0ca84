// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// mount gives the process the files that it has as a container. Nothing of it is seen outside.
func (c *container) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if c.root != "" {
		return c.enterRoot()
	}
	const hooks = "/run/kubevirt-hooks"
	// Opened before /run is covered, since the folder may lie below it; and in
	// here, since the kernel binds no folder of another mount namespace.
	fd, err := unix.Open(c.hooks(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", c.hooks(), err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount an empty /run: %w", err)
	}
	if err := os.Mkdir(hooks, 0o755); err != nil {
		return err
	}
	if c.hooksTmpfs != "" {
		return mountTmpfs(hooks, c.hooksTmpfs)
	}
	return bind("/proc/self/fd/"+strconv.Itoa(fd), hooks)
}

// enterRoot makes a root that holds the mounts and nothing else and cannot be written to.
func (c *container) enterRoot() error {
	if err := mountTmpfs(c.root, "mode=0755"); err != nil {
		return err
	}
	for _, m := range c.mounts {
		target := filepath.Join(c.root, m.target)
		if err := makeLike(m.source, target); err != nil {
			return err
		}
		if err := bind(m.source, target); err != nil {
			return err
		}
	}
	if err := unix.Mount("", c.root, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	if err := unix.Chroot(c.root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	return os.Chdir("/")
}

// makeLike makes an empty file or folder to mount the source on.
func makeLike(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o755)
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, target, err)
	}
	return nil
}

func mountTmpfs(target, options string) error {
	if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount a tmpfs at %s: %w", target, err)
	}
	return nil
}
