// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// watch starts the domain and waits until it has ended by itself.
func (r *run) watch(ctx context.Context, session *virsh.Session, file string) (Report, error) {
	if _, err := session.Do("create " + file); err != nil {
		return nil, err
	}
	limits, err := r.limits(session)
	if err != nil {
		return nil, err
	}
	if err := r.awaitEnd(ctx, session); err != nil {
		return nil, err
	}
	console, err := r.console()
	if err != nil {
		return nil, err
	}
	report, complete, err := parseReport(console)
	switch {
	case err != nil:
		return nil, err
	case !complete:
		return nil, errors.New("the guest ended in the middle of its report")
	}
	for name, value := range limits {
		report[name] = value
	}
	return report, r.addFirmware(report)
}

// awaitEnd waits until libvirt has no domain left: the guest powers itself off.
func (r *run) awaitEnd(ctx context.Context, session *virsh.Session) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		names, err := session.Do("list --name")
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || strings.TrimSpace(names) == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// limits asks QEMU which limits it holds its disks to. The names of these facts begin with "qemu".
func (r *run) limits(session *virsh.Session) (Report, error) {
	report := Report{}
	for _, disk := range r.domain.Disks {
		out, err := session.Do(fmt.Sprintf("blkdeviotune %s %s", r.domain.Name, disk.Target.Device))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			name, value, _ := strings.Cut(line, ":")
			if value = strings.TrimSpace(value); strings.HasPrefix(name, "total_") && value != "0" && value != "" {
				report["qemu/"+disk.Target.Device+"/"+strings.TrimSpace(name)] = value
			}
		}
	}
	return report, nil
}

// addFirmware adds how the firmware calls itself on its debug console, if the domain keeps that in a file.
func (r *run) addFirmware(report Report) error {
	log, err := os.ReadFile(filepath.Join(r.root, "firmware.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	line, _, _ := strings.Cut(string(log), "\n")
	report["firmware/debug_console"] = strings.TrimSpace(line)
	return err
}

// console is what the guest has written: the file that KubeVirt has libvirt keep.
func (r *run) console() (string, error) {
	data, err := os.ReadFile(filepath.Join(r.root, "virt-serial0-log"))
	if err != nil {
		return "", fmt.Errorf("the domain keeps no log of its console: %w", err)
	}
	return string(data), nil
}

// traces are the ends of what the guest and QEMU said, for errors.
func (r *run) traces() string {
	var text strings.Builder
	for _, file := range []struct{ what, path string }{
		{"the guest's console", filepath.Join(r.root, "virt-serial0-log")},
		{"QEMU", r.host.QEMULog(r.domain.Name)},
		{"libvirt", r.host.LibvirtLog()},
	} {
		data, err := os.ReadFile(file.path)
		if err != nil {
			continue
		}
		const most = 4000 // bytes
		fmt.Fprintf(&text, "the end of %s:\n%s\n", file.what, data[max(0, len(data)-most):])
	}
	return text.String()
}
