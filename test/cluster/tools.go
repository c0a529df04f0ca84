// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// modulePath is this repository's module.
const modulePath = "github.com/domainpatch/domainpatch"

// tools are the folders of the programs that make up a cluster.
type tools struct {
	root         string // of the repository
	controlPlane string // etcd, kube-apiserver, kube-controller-manager
	kubeVirt     string // virt-api, virt-controller, kubevirt-manifests, launcher
	own          string // manager, shim, container: built for each cluster, in its folder
}

// findTools finds the programs that take minutes to build, and thus must be there. KubeVirt's are in the folder,
// or in bin where it is empty.
func findTools(kubeVirt string) (tools, error) {
	root, err := Repository()
	if err != nil {
		return tools{}, err
	}
	t := tools{
		root:         root,
		controlPlane: os.Getenv("KUBEBUILDER_ASSETS"),
		kubeVirt:     cmp.Or(kubeVirt, filepath.Join(root, "bin", "kubevirt")),
	}
	if t.controlPlane == "" {
		t.controlPlane = filepath.Join(root, "bin", "controlplane")
	}
	return t, errors.Join(
		need(t.controlPlane, `run "make controlplane", or set KUBEBUILDER_ASSETS to a folder that has it`, "etcd", "kube-apiserver"),
		need(t.kubeVirt, `run "make kubevirt"`, "virt-api", "virt-controller", "kubevirt-manifests", "launcher"))
}

func need(folder, remedy string, programs ...string) error {
	for _, program := range programs {
		if _, err := exec.LookPath(filepath.Join(folder, program)); err != nil {
			return fmt.Errorf("no program %s in %s: %s", program, folder, remedy)
		}
	}
	return nil
}

// Repository finds the root of this repository, from the working directory upwards.
func Repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if bytes.HasPrefix(data, []byte("module "+modulePath+"\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in a checkout of %s", start, modulePath)
		}
	}
}

// build builds what is under test, from the sources as they are now.
func (t tools) build(ctx context.Context) error {
	if err := os.MkdirAll(t.own, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "grpcnotrace", "-o", t.own+"/",
		"./cmd/manager", "./cmd/shim", "./test/cluster/container")
	cmd.Dir, cmd.Env = t.root, append(os.Environ(), "CGO_ENABLED=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with the compilers, to be ended with them
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the manager and the shim: %w\n%s", err, out)
	}
	return os.Chmod(filepath.Join(t.own, "shim"), 0o755) // in spite of the umask: its user in the container is another
}
