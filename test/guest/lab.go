// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/guest/linux"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// modules are what the guest needs for the devices of KubeVirt's domains.
var modules = []string{
	"virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "virtio_console", "virtio_rng", "virtio_balloon",
	"vmxnet3", "sym53c8xx", "sd_mod", "sr_mod", "ahci", "isofs", "qemu_fw_cfg", "i6300esb",
}

// Lab starts domains. It is safe for concurrent use.
type Lab struct {
	// Kernel is the package of the kernel that guests run.
	Kernel string

	host           *virsh.Host // for what is temporary
	kernel, initrd string
	launcher       string // program
	localizer      *localizer
}

// NewLab prepares the kernel, which it downloads the first time, and the initramfs. Close removes what is temporary, and
// so does the end of this process.
//
// It fails where a program or a package is missing, and names it, and where libvirt cannot start.
func NewLab(ctx context.Context) (_ *Lab, err error) {
	root, err := cluster.Repository()
	if err != nil {
		return nil, err
	}
	launcher := filepath.Join(root, "bin", "kubevirt", "launcher")
	if err := errors.Join(virsh.Check(), need("xorrisofs", "install Debian's package xorriso"), need(launcher, `run "make kubevirt"`)); err != nil {
		return nil, err
	}
	if err := tryLibvirt(ctx); err != nil {
		return nil, fmt.Errorf("libvirt cannot start guests here: %w", err)
	}
	kernel, err := linux.Fetch(ctx, filepath.Join(root, "bin", "guest"), modules)
	if err != nil {
		return nil, fmt.Errorf("cannot get a kernel for guests: %w", err)
	}
	folder := filepath.Join(root, "test", "guest")
	localizer, err := newLocalizer(filepath.Join(folder, "testdata", "localize.yaml"))
	if err != nil {
		return nil, err
	}
	host, err := virsh.NewHost()
	if err != nil {
		return nil, err
	}
	l := &Lab{Kernel: kernel.Package, host: host, kernel: kernel.Image, initrd: host.Path("initrd"), launcher: launcher, localizer: localizer}
	if err := l.buildInitramfs(ctx, kernel, folder); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// tryLibvirt starts all that guests need but QEMU: namespaces, a TAP device, libvirt and its driver.
func tryLibvirt(ctx context.Context) (err error) {
	host, err := virsh.NewHost()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	session, err := host.Open(ctx, host.QEMUDriver(), virsh.Tap{Name: "tap0"})
	if err != nil {
		return err
	}
	err = session.CheckVersions()
	closeErr := session.Close()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx) // whatever else follows from that
	case err != nil:
		return err
	}
	return closeErr
}

func need(program, remedy string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is missing: %s", program, remedy)
	}
	return nil
}

func (l *Lab) buildInitramfs(ctx context.Context, kernel *linux.Kernel, folder string) error {
	program := l.host.Path("init")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./init")
	build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the guest's program: %w\n%s", err, out)
	}
	file, err := os.Create(l.initrd)
	if err != nil {
		return err
	}
	return errors.Join(kernel.Initramfs(file, program), file.Close())
}

// Close removes the initramfs.
func (l *Lab) Close() error { return l.host.Close() }
