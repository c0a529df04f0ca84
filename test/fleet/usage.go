// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks is how many of the kernel's units of CPU time make a second; Linux shows all programs this many.
const ticks = 100

// usage is what a process takes.
type usage struct {
	At time.Time
	// RSS is the resident memory now, Peak the most that it ever was, Anonymous the part of RSS
	// that is not pages of files; all in bytes.
	RSS, Peak, Anonymous int64
	CPU                  time.Duration // since its start
}

// usageOf reads the usage of a process from /proc; see proc(5).
func usageOf(pid int) (usage, error) {
	u := usage{At: time.Now()}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for name, value := range map[string]*int64{"VmRSS": &u.RSS, "VmHWM": &u.Peak, "RssAnon": &u.Anonymous} {
		if *value, err = field(string(status), name); err != nil {
			return u, err
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	u.CPU, err = cpuTime(string(stat))
	return u, err
}

// field is a line of /proc/PID/status, in bytes.
func field(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/PID/status has no %s", name)
}

// cpuTime is the sum of the fields utime and stime of /proc/PID/stat, the 14th and 15th. The
// second, the name of the program in parentheses, may hold spaces.
func cpuTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat is short: %q", stat)
	}
	var sum time.Duration
	for _, text := range fields[11:13] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}
