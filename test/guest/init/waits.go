// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// entropy measures how many random bytes the host gives within a time.
func entropy(r *report) {
	const limit, patience = 4 * time.Second, 30 * time.Second // for all bytes, for any
	const wanted = 16 << 10
	source, err := os.OpenFile("/dev/hwrng", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return // there is none
	}
	defer source.Close()
	buffer, got, begin := make([]byte, 512), 0, time.Now()
	for got < wanted && (time.Since(begin) < limit || got == 0 && time.Since(begin) < patience) {
		n, err := unix.Read(int(source.Fd()), buffer)
		if n > 0 {
			got += n
			continue
		}
		if err == unix.ENODEV { // no device has joined
			return
		}
		if err != nil && err != unix.EAGAIN {
			r.fail("rate/random", err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got == 0 {
		return
	}
	r.say("rate/random/bytes_per_second", int(float64(got)/time.Since(begin).Seconds()))
}

// watchdog lets the watchdog bite, if there is one, and reports whether the guest lives on and was interrupted.
func watchdog(r *report) {
	const seconds, patience = 2, 30 * time.Second
	device, err := os.OpenFile("/dev/watchdog0", os.O_WRONLY, 0)
	if err != nil {
		return // there is none
	}
	before, err := interrupts("NMI")
	if err != nil {
		r.fail("watchdog/interrupts", err)
		return
	}
	r.say("watchdog/armed", "yes")
	r.flush() // it may be the last word
	if err := unix.IoctlSetPointerInt(int(device.Fd()), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		r.fail("watchdog/timeout", err)
		return
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		now, err := interrupts("NMI")
		if err != nil {
			r.fail("watchdog/interrupts", err)
			return
		}
		if now > before {
			r.say("watchdog/bite", "an NMI, and the guest lives on")
			return
		}
	}
	r.say("watchdog/bite", "nothing happens")
}
