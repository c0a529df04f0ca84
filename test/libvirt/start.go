// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package libvirt

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// toStart makes the domain one that starts here, which takes little but its interfaces.
var toStart = []change{
	{"/domain/memory", "134217728", "many fit beside each other"},
	{"/domain/memoryBacking/hugepages", "", "there need not be any"},
	{"/domain/os/*[not(self::type)]", "", "no firmware is installed"},
	{"/domain/features", "", "Hyper-V's need KVM, and ACPI needs a firmware on arm64"},
	{"/domain/cpu | /domain/vcpus | /domain/cputune | /domain/numatune | /domain/iothreads", "", "they are for more memory and CPUs"},
	{"/domain/devices/filesystem | /domain/devices/hostdev", "", "there is nothing behind them"},
	{"/domain/devices/channel | /domain/devices/serial | /domain/devices/console | /domain/devices/graphics | /domain/devices/redirdev", "", "their sockets are in a folder of KubeVirt's"},
}

// connected starts the domain with its interfaces, and tells which scripts were called for them.
func (j *judge) connected(name string, domain []byte) (virsh.CommandLine, error) {
	changes := append(slices.Clone(toStart), change{"/domain/devices/disk", "", "there is nothing behind them"})
	return j.started(name, domain, changes, func(*virsh.Session) (virsh.CommandLine, error) { return calls(j.starting) })
}

// limited starts the domain with its disks, and tells the limits that QEMU has for them then.
func (j *judge) limited(name string, domain []byte) (virsh.CommandLine, error) {
	image, err := j.starting.Write("disk.img", make([]byte, 1<<20))
	if err != nil {
		return nil, err
	}
	changes := append(slices.Clone(toStart),
		change{"/domain/devices/interface", "", "it is about disks"},
		change{"/domain/devices/disk[target/@bus!='virtio' and target/@bus!='scsi']", "", "these cannot be read-only"},
		change{"/domain/devices/disk/source | /domain/devices/disk/backingStore | /domain/devices/disk/readonly", "", "there is nothing behind them"},
		change{"/domain/devices/disk", "<source file='" + image + "'/>", "so that all have one image"},
		change{"/domain/devices/disk", "<readonly/>", "and do so at a time"},
		change{"/domain/devices/disk/@type", "file", "which is a file"},
		change{"/domain/devices/disk[@device='lun']/@device", "disk", "and no device"},
		change{"/domain/devices/disk/driver/@type", "raw", "of no format"},
		change{"/domain/devices/disk/driver/@cache | /domain/devices/disk/driver/@io | /domain/devices/disk/driver/@iothread", "", "in memory"})
	return j.started(name, domain, changes, func(s *virsh.Session) (virsh.CommandLine, error) { return limits(s, name, domain) })
}

// limits asks QEMU for the limits of each disk: a line for each, such as "blkdeviotune id=vda,total_iops_sec=500".
func limits(session *virsh.Session, name string, domain []byte) (virsh.CommandLine, error) {
	doc, err := document.Parse(domain)
	if err != nil {
		return nil, err
	}
	disks, err := selectAll("/domain/devices/disk/target[@bus='virtio' or @bus='scsi']/@dev", doc)
	if err != nil {
		return nil, err
	}
	var lines virsh.CommandLine
	for _, disk := range disks {
		out, err := session.Do("blkdeviotune " + name + " " + disk.Text())
		if err != nil {
			return nil, err
		}
		line := "blkdeviotune id=" + disk.Text()
		for _, limit := range strings.Split(strings.TrimSpace(out), "\n") {
			if key, value, _ := strings.Cut(limit, ":"); !strings.HasPrefix(key, "group_name") {
				line += "," + strings.TrimSpace(key) + "=" + strings.TrimSpace(value)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// started starts the domain, with its CPUs halted and TAP devices as KubeVirt makes them, and reads how; report adds
// what the running domain tells. QEMU takes the command line and has the devices then; but with a vhost-user interface
// it would wait for a switch, so that a program which ends at once stands in for it.
func (j *judge) started(name string, domain []byte, changes []change, report func(*virsh.Session) (virsh.CommandLine, error)) (line virsh.CommandLine, err error) {
	waits := strings.Contains(string(domain), `<interface type="vhostuser">`)
	if waits {
		standIn, err := writeProgram(j.starting, emulator, `case "$*" in *guest=*) exit 1 ;; esac; exec `+emulator+` "$@"`)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change{"/domain/devices[not(emulator)]", "<emulator>" + standIn + "</emulator>", "QEMU itself would wait for a switch"})
	}
	file, err := writeToAsk(j.starting, domain, changes)
	if err != nil {
		return nil, err
	}
	taps, err := tapsOf(domain)
	if err != nil {
		return nil, err
	}
	session, err := j.starting.Open(j.ctx, j.starting.QEMUDriver(), taps...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	line, err = j.create(session, name, file, waits)
	if err != nil || waits {
		return j.plainLine(line, domain), err
	}
	more, err := report(session)
	if err != nil {
		return nil, err
	}
	_, err = session.Do("destroy " + name) // or the next session finds it in its state
	return j.plainLine(append(line, more...), domain), err
}

// create creates the domain of a file, paused, and tells how QEMU was started for it. Where it ends at once, that is no error.
func (j *judge) create(session *virsh.Session, name, file string, endsAtOnce bool) (virsh.CommandLine, error) {
	if err := os.Remove(j.starting.QEMULog(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, createErr := session.Do("create --paused " + file)
	if createErr != nil && !endsAtOnce {
		return nil, createErr
	}
	line, err := j.starting.StartedWith(name)
	if err != nil {
		return nil, errors.Join(createErr, err)
	}
	return line, nil
}

// emulator is QEMU's program for amd64.
const emulator = "qemu-system-x86_64"

// tapsOf are the TAP devices that KubeVirt makes for a domain.
func tapsOf(domain []byte) ([]virsh.Tap, error) {
	doc, err := document.Parse(domain)
	if err != nil {
		return nil, err
	}
	targets, err := selectAll("/domain/devices/interface/target[@managed='no']/@dev", doc)
	if err != nil {
		return nil, err
	}
	queued, err := selectAll("/domain/devices/interface[driver/@queues]/target/@dev", doc)
	if err != nil {
		return nil, err
	}
	var taps []virsh.Tap
	for _, target := range targets {
		taps = append(taps, virsh.Tap{Name: target.Text(), MultiQueue: target.isIn(queued)})
	}
	return taps, nil
}

// ownFiles puts what a domain names in a pod into our folder, under its own name: an emulator, which runs QEMU, a script,
// which writes down how it was called, and a socket.
func ownFiles(host *virsh.Host, domain []byte) ([]byte, error) {
	doc, err := document.Parse(domain)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, place := range []struct{ path, program string }{
		{"/domain/devices/emulator", "exec " + emulator + ` "$@"`},
		{"/domain/devices/interface/script/@path", `echo "$0 $*" >>` + host.Path(called)},
		{"/domain/devices/interface[@type='vhostuser']/source/@path", ""},
	} {
		named, err := selectAll(place.path, doc)
		if err != nil {
			return nil, err
		}
		if len(named) == 0 || strings.HasPrefix(named[0].Text(), host.Path("")) {
			continue
		}
		file := host.Path(path.Base(named[0].Text()))
		if place.program != "" {
			if _, err := writeProgram(host, path.Base(file), place.program); err != nil {
				return nil, err
			}
		}
		changes = append(changes, change{place.path, file, "what is in a pod is not here"})
	}
	return localise(domain, changes)
}

// called is the file in which scripts write down how they were called.
const called = "called"

// writeProgram writes a shell script into the host's folder, and returns its path.
func writeProgram(host *virsh.Host, name, program string) (string, error) {
	file, err := host.Write(name, []byte("#!/bin/sh\n"+program+"\n"))
	if err != nil {
		return "", err
	}
	return file, os.Chmod(file, 0o755)
}

// calls are what scripts wrote down, as lines that stand beside QEMU's.
func calls(host *virsh.Host) (virsh.CommandLine, error) {
	text, err := os.ReadFile(host.Path(called))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines virsh.CommandLine
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		lines = append(lines, "libvirt calls: "+line)
	}
	return lines, os.Remove(host.Path(called))
}
