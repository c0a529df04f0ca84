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

// Enter runs this program again with the arguments where SocketDir is a folder of its own, below dir, and waits for
// its end. KubeVirt's stock shim has SocketDir compiled in. In dir is the program launcher of cmd/launcher.
func Enter(ctx context.Context, dir string, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	all := append([]string{"sidecar", "--sockets", filepath.Join(dir, "sockets"), "--name", "c", self}, args...)
	inside := exec.CommandContext(ctx, filepath.Join(dir, "launcher"), all...)
	inside.Stdout, inside.Stderr = os.Stdout, os.Stderr
	inside.Cancel = func() error { return inside.Process.Signal(syscall.SIGTERM) }
	return inside.Run()
}
