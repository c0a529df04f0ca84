// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// User is the user and the group, as numbers, that libvirt and QEMU run as: Debian's nobody and nogroup.
const User = 65534

// TestDriver is libvirt's driver without a hypervisor: it parses, checks and prints definitions, in
// memory. Each session has its own.
const TestDriver = "test:///default"

// Host is a folder that the user of libvirt owns, and all that its sessions write to.
type Host struct {
	dir     string
	cleaner *exec.Cmd // removes the folder when this process ends, in whatever way
	alive   io.Closer // what tells it
}

// NewHost makes a folder in the one for temporary files. Close removes it, and so does the end of this process.
func NewHost() (*Host, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "domainpatch-libvirt-") // short, since sockets in it have at most 107 bytes
	if err != nil {
		return nil, err
	}
	h := &Host{dir: dir}
	if err := h.startCleaner(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for _, folder := range []string{".", "home", "run", "embed"} {
		if err := h.makeFolder(folder); err != nil {
			_ = h.Close()
			return nil, err
		}
	}
	return h, nil
}

func (h *Host) makeFolder(name string) error {
	dir := h.Path(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chown(dir, User, User)
}

// startCleaner starts what removes the folder at the end of its input. The second try is for files that a session
// wrote while it was killed.
func (h *Host) startCleaner() error {
	h.cleaner = exec.Command("sh", "-c", `cat; rm -rf "$FOLDER" || { sleep 1; rm -rf "$FOLDER"; }`)
	h.cleaner.Env = append(os.Environ(), "FOLDER="+h.dir)
	h.cleaner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal must not reach it
	var err error
	if h.alive, err = h.cleaner.StdinPipe(); err != nil {
		return err
	}
	return h.cleaner.Start()
}

// Close removes the folder. Close the sessions before.
func (h *Host) Close() error {
	err := errors.Join(h.alive.Close(), h.cleaner.Wait())
	if err != nil {
		return fmt.Errorf("cannot remove %s: %w", h.dir, err)
	}
	return nil
}

// Path is that of a file of the folder.
func (h *Host) Path(name string) string { return filepath.Join(h.dir, name) }

// Write writes a file for libvirt to read and write, and returns its path.
func (h *Host) Write(name string, data []byte) (string, error) {
	path := h.Path(name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", err
	}
	return path, os.Chown(path, User, User)
}

// QEMUDriver is libvirt's driver of QEMU, within the process of the session. A host can have one such session at a time.
func (h *Host) QEMUDriver() string { return "qemu:///embed?root=" + h.Path("embed") }

// QEMULog is the file in which that driver keeps the command lines of QEMU for a domain that was
// created, and what QEMU said.
func (h *Host) QEMULog(domain string) string {
	return h.Path(filepath.Join("embed/log/qemu", domain+".log"))
}

// LibvirtLog is the file in which libvirt itself writes.
func (h *Host) LibvirtLog() string { return h.Path("run/libvirt.log") }

// environment is that of libvirt: none of ours, so that it is the same everywhere.
func (h *Host) environment() []string {
	home := h.Path("home")
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C",
		"TZ=UTC",
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"XDG_DATA_HOME=" + filepath.Join(home, "data"),
		"XDG_RUNTIME_DIR=" + h.Path("run"),
		fmt.Sprintf("LIBVIRT_LOG_OUTPUTS=3:file:%s", h.LibvirtLog()), // else on stderr, where errors of commands are
	}
}
