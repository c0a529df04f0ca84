// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command init is the first and only program of a test guest. It loads the modules that it finds in
// /modules, reports on the serial console what the guest sees of its machine, and powers it off.
//
// The report has one line a fact, "guest: NAME VALUE" with a value quoted as Go does it; the last one,
// "guest: end COUNT", says how many there were. What the watchdog does is told behind it, since that may
// end the guest. Where a thing cannot be read, the value says why.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	r := &report{}
	if err := boot(r); err != nil {
		r.fail("init", err)
	}
	for _, tell := range []func(*report){
		kernel, smbios, firmwareConfig, acpi, cpus, caches, buses, displays, disks, scsiHosts, networks, ports, entropy, cloudInit,
	} {
		tell(r)
	}
	r.end()
	watchdog(r)
	r.flush()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {} // until the power is off
}

// report writes facts to the console.
type report struct{ facts int }

// say reports a fact in one write, so that nothing comes between.
func (r *report) say(name string, value any) {
	r.facts++
	fmt.Fprintf(os.Stdout, "guest: %s %s\n", name, strconv.Quote(fmt.Sprint(value)))
}

func (r *report) fail(name string, err error) { r.say(name, "error: "+err.Error()) }

// file reports the content of a file, if it exists and the driver has something to tell.
func (r *report) file(name, path string) {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		r.say(name, strings.TrimSpace(string(data)))
	case !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENXIO):
		r.fail(name, err)
	}
}

func (r *report) end() { fmt.Fprintf(os.Stdout, "guest: end %d\n", r.facts) }

// flush waits until the console has written all.
func (r *report) flush() { _ = unix.IoctlSetInt(int(os.Stdout.Fd()), unix.TCSBRK, 1) } // tcdrain

// boot makes a Linux of what the kernel has unpacked.
func boot(r *report) error {
	for _, m := range []struct{ kind, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.target, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	console, err := os.OpenFile("/dev/console", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	os.Stdout, os.Stderr = console, console
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("0"), 0); err != nil { // nothing between our lines, not even emergencies
		return err
	}
	return loadModules(r)
}

// loadModules loads the modules of the list, which is in the order that they need.
func loadModules(r *report) error {
	list, err := os.ReadFile("/modules/list")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(list)) {
		if err := loadModule("/modules/" + name); err != nil {
			r.fail("module/"+name, err)
		}
	}
	return nil
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}
