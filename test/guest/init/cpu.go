// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cpus reports what all processors have in common, as the first one has it.
func cpus(r *report) {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		r.fail("cpu", err)
		return
	}
	all := strings.TrimSpace(string(data))
	first, _, _ := strings.Cut(all, "\n\n")
	r.say("cpu/count", strings.Count(all, "\n\n")+1)
	for line := range strings.Lines(first) {
		name, value, _ := strings.Cut(line, ":")
		switch name = strings.TrimSpace(name); name {
		case "vendor_id", "model name", "cpu family", "model", "stepping":
			r.say("cpu/"+strings.ReplaceAll(name, " ", "_"), strings.TrimSpace(value))
		case "flags":
			r.say("cpu/flags", strings.TrimSpace(value))
		}
	}
}

// caches reports the caches of the first processor.
func caches(r *report) {
	folders, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index[0-9]*")
	var all []string
	for _, folder := range folders {
		all = append(all, fmt.Sprintf("L%s %s %s", read(folder+"/level"), read(folder+"/type"), read(folder+"/size")))
	}
	r.say("cpu/caches", strings.Join(all, ", "))
}
