// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// mount is a file or folder of this machine, and where a container sees it.
type mount struct{ source, target string }

// tryContainers finds out how this machine lets containers be made, and fails if it does not.
// root may mount, unless it is the root of a container; others may in a user namespace,
// unless the kernel was told otherwise.
func (n *Node) tryContainers(ctx context.Context) error {
	if os.Geteuid() == 0 && n.tryContainer(ctx) == nil {
		return nil
	}
	n.userNamespace = true
	return n.tryContainer(ctx)
}

func (n *Node) tryContainer(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(n.cluster.tools.own, "container"), "--root", n.root)
	const somebody = 107 // who is not root, as in most Pods
	cmd.SysProcAttr = n.namespaces(somebody)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(cmp.Or(string(bytes.TrimSpace(out)), err.Error()))
	}
	return nil
}

// command is how to start a container's program.
func (n *Node) command(container corev1.Container, mounts []mount) *exec.Cmd {
	if n.Shortcoming != "" {
		return withoutContainer(container, mounts)
	}
	user := 0
	if security := container.SecurityContext; security != nil && security.RunAsUser != nil {
		user = int(*security.RunAsUser)
	}
	args := []string{"--root", n.root, "--user", strconv.Itoa(user)}
	for _, m := range mounts {
		args = append(args, "--mount", m.source+"="+m.target)
	}
	args = append(append(args, "--", mounts[0].target), container.Args...)
	cmd := exec.Command(filepath.Join(n.cluster.tools.own, "container"), args...)
	cmd.SysProcAttr = n.namespaces(user)
	cmd.Env = []string{} // not this program's
	return cmd
}

// namespaces makes a process start with mounts of its own. In a user namespace it is the
// user from the start.
func (n *Node) namespaces(user int) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if n.userNamespace {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT} // an ordinary user's, through exec
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Geteuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getegid(), Size: 1}}
	}
	return attributes
}

// withoutContainer is the second best: the program as it is on this machine, with the paths
// in its arguments replaced by those of what would be mounted there. The folder of the sockets,
// which is a default, becomes an argument.
func withoutContainer(container corev1.Container, mounts []mount) *exec.Cmd {
	var args []string
	for _, m := range mounts {
		if m.target == "/var/run/kubevirt-hooks" {
			args = append(args, "--socket-dir", m.source)
		}
	}
	for _, arg := range container.Args {
		for _, m := range mounts {
			if arg == m.target || strings.HasPrefix(arg, m.target+"/") {
				arg = m.source + strings.TrimPrefix(arg, m.target)
			}
		}
		args = append(args, arg)
	}
	cmd := exec.Command(mounts[0].source, args...)
	cmd.Env = []string{}
	return cmd
}
