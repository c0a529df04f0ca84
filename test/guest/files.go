// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// giveAway gives a folder with all that is in it to the user of libvirt.
func giveAway(folder string) error {
	return filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, virsh.User, virsh.User))
	})
}

// makeCloudInit lets KubeVirt's code make the disk, where the domain has it.
func (r *run) makeCloudInit(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, r.lab.launcher, "iso", "--vmi", "-", "--cloud-init", r.machine.CloudInit,
		"--out", filepath.Join(r.root, "var/run/libvirt/cloud-init-dir"))
	cmd.Stdin = bytes.NewReader(r.machine.VMI)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make the cloud-init disk: %w\n%s", err, out)
	}
	return nil
}

// makeDisks makes the images of all disks, and those behind them.
func (r *run) makeDisks() error {
	for _, disk := range r.domain.Disks {
		err := r.makeDisk(disk.Source.File, disk.Driver.Type)
		if disk.Backing != nil && disk.Backing.Source.File != "" {
			err = errors.Join(err, r.makeDisk(disk.Backing.Source.File, disk.Backing.Format.Type))
		}
		if err != nil {
			return fmt.Errorf("disk %s: %w", disk.Target.Device, err)
		}
	}
	return nil
}

// makeDisk makes the image of a disk, which holds the path that it has in the domain, unless it is there.
func (r *run) makeDisk(file, format string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	path, below := strings.CutPrefix(file, r.root)
	if !below {
		return fmt.Errorf("its file %q is not below %s", file, r.root)
	}
	if other, ok := r.machine.Formats[path]; ok {
		format = other
	}
	image, err := newDisk(format, "content: "+path+"\n")
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, image, 0o644)); err != nil {
		return err
	}
	if format == "raw" {
		return os.Truncate(file, diskSize)
	}
	return nil
}

// seaBIOS is Debian's firmware, of the package seabios, on which QEMU's depends; version is how it calls itself.
const seaBIOS = "/usr/share/seabios/bios-256k.bin"

var version = regexp.MustCompile(`\d+\.\d+\.\d+-debian-[\d.+~-]+`)

// makeFirmware makes a SeaBIOS that calls itself otherwise, of the same length.
func (r *run) makeFirmware() error {
	firmware, err := os.ReadFile(seaBIOS)
	if err != nil {
		return err
	}
	if !version.Match(firmware) {
		return fmt.Errorf("%s: it does not say which version it is", seaBIOS)
	}
	firmware = version.ReplaceAllFunc(firmware, func(old []byte) []byte {
		const own = "a build of one's own"
		return []byte((own + strings.Repeat(" ", len(old)))[:len(old)])
	})
	return errors.Join(os.MkdirAll(filepath.Dir(r.domain.Loader), 0o755), os.WriteFile(r.domain.Loader, firmware, 0o644))
}
