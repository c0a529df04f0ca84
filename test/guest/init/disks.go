// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// diskFiles are what is told of a disk, by the names of the facts.
var diskFiles = []struct{ name, path string }{
	{"sectors", "size"},
	{"read_only", "ro"},
	{"serial", "serial"},
	{"wwid", "device/wwid"},
	{"cache", "queue/write_cache"},
	{"logical_block_size", "queue/logical_block_size"},
	{"physical_block_size", "queue/physical_block_size"},
	{"discard_granularity", "queue/discard_granularity"},
	{"rotational", "queue/rotational"},
	{"max_request_kb", "queue/max_hw_sectors_kb"},
}

// disks reports what the drivers know of the disks, how fast they are, and the line that each one begins with.
func disks(r *report) {
	awaitDisks()
	folders, _ := filepath.Glob("/sys/class/block/*")
	for _, folder := range folders {
		disk := filepath.Base(folder)
		for _, file := range diskFiles {
			r.file("disk/"+disk+"/"+file.name, filepath.Join(folder, file.path))
		}
		readDisk(r, disk)
	}
}

// awaitDisks waits until disks that are looked for in the background are there: those of AHCI and SCSI.
func awaitDisks() {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if scanned() {
			return
		}
	}
}

// scanned tells whether no asynchronous probe runs: each SCSI device that is a disk or a CD has its block device, and their
// number has not changed for a while.
func scanned() bool {
	before, _ := filepath.Glob("/sys/bus/scsi/devices/[0-9]*")
	time.Sleep(300 * time.Millisecond)
	after, _ := filepath.Glob("/sys/bus/scsi/devices/[0-9]*")
	for _, device := range after {
		if blocks, _ := filepath.Glob(device + "/block/*"); len(blocks) == 0 {
			return false
		}
	}
	return len(before) == len(after)
}

// readDisk measures reads that no cache answers, one after another, and reports the first line, if it is text.
func readDisk(r *report, disk string) {
	const reads, size = 600, 4096
	file, err := os.OpenFile("/dev/"+disk, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return // a drive without a disk
	}
	defer file.Close()
	buffer := aligned(size)
	if _, err := file.ReadAt(buffer, 0); err != nil {
		r.fail("disk/"+disk+"/read", err)
		return
	}
	if line, _, _ := bytes.Cut(buffer, []byte("\n")); bytes.HasPrefix(line, []byte("content: ")) {
		r.say("disk/"+disk+"/content", strings.TrimPrefix(string(line), "content: "))
	}
	begin := time.Now()
	for range reads {
		if _, err := file.ReadAt(buffer, 0); err != nil {
			r.fail("disk/"+disk+"/read", err)
			return
		}
	}
	r.say("rate/"+disk+"/reads_per_second", int(reads/time.Since(begin).Seconds()))
}

// aligned is memory as O_DIRECT wants it: at a multiple of its size, a power of two.
func aligned(size int) []byte {
	memory := make([]byte, 2*size)
	begin := size - int(uintptr(unsafe.Pointer(&memory[0]))%uintptr(size))
	return memory[begin : begin+size : begin+size]
}

// scsiHosts reports the adapters.
func scsiHosts(r *report) {
	hosts, _ := filepath.Glob("/sys/class/scsi_host/host*")
	for _, host := range hosts {
		if read(host+"/proc_name") == "virtio_scsi" {
			r.file("scsi/virtio/commands_per_disk", host+"/cmd_per_lun")
		}
	}
}

// cloudInit reports the files on each disk that cloud-init would take for its own, by the label of the file system.
func cloudInit(r *report) {
	const mountPoint = "/cidata"
	if err := os.MkdirAll(mountPoint, 0o755); err != nil {
		r.fail("cloud-init", err)
		return
	}
	folders, _ := filepath.Glob("/sys/class/block/*")
	for _, folder := range folders {
		device := "/dev/" + filepath.Base(folder)
		if !isCloudInit(device) {
			continue
		}
		if err := unix.Mount(device, mountPoint, "iso9660", unix.MS_RDONLY, ""); err != nil {
			r.fail("cloud-init", err)
			continue
		}
		entries, _ := os.ReadDir(mountPoint)
		for _, entry := range entries {
			r.file("cloud-init/"+entry.Name(), filepath.Join(mountPoint, entry.Name()))
		}
		_ = unix.Unmount(mountPoint, 0)
	}
}

// isCloudInit looks for the volume identifier of ISO 9660 (ECMA-119, 8.4.7).
func isCloudInit(device string) bool {
	const volumeIdentifier, length = 16*2048 + 40, 32
	file, err := os.Open(device)
	if err != nil {
		return false
	}
	defer file.Close()
	label := make([]byte, length)
	if _, err := file.ReadAt(label, volumeIdentifier); err != nil {
		return false
	}
	return strings.EqualFold(strings.TrimSpace(string(label)), "cidata")
}
