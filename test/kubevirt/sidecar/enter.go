// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Enter builds programs into a temporary folder, runs this program again with "-programs FOLDER" and its own arguments
// where SocketDir is a folder of its own, and waits for its end. KubeVirt's stock shim has SocketDir compiled in. Among
// the programs is the launcher of cmd/launcher.
func Enter(ctx context.Context, build func(ctx context.Context, dir string) error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", filepath.Base(self))
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir); err != nil {
		return err
	}
	all := append([]string{"sidecar", "--sockets", filepath.Join(dir, "sockets"), "--name", "c", self, "-programs", dir}, os.Args[1:]...)
	inside := exec.CommandContext(ctx, filepath.Join(dir, "launcher"), all...)
	inside.Stdout, inside.Stderr = os.Stdout, os.Stderr
	inside.Cancel = func() error { return inside.Process.Signal(syscall.SIGTERM) }
	return inside.Run()
}
