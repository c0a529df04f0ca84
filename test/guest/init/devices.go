// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const pciFolder = "/sys/bus/pci/devices/"

// buses reports how many PCI devices of each kind there are. Their addresses are not told: a device more moves others.
func buses(r *report) {
	counts := map[string]int{}
	devices, _ := filepath.Glob(pciFolder + "*")
	for _, device := range devices {
		counts[pciID(device)]++
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		r.say("pci/"+id, counts[id])
	}
}

// pciID is VENDOR:DEVICE, as lspci -n has it.
func pciID(device string) string {
	return strings.TrimPrefix(read(device+"/vendor"), "0x") + ":" + strings.TrimPrefix(read(device+"/device"), "0x")
}

// read is a file's text without space around it, or empty.
func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// displays reports the memory of the displays, which is the first region of each.
func displays(r *report) {
	memory := map[string][]string{}
	devices, _ := filepath.Glob(pciFolder + "*")
	for _, device := range devices {
		if !strings.HasPrefix(read(device+"/class"), "0x03") {
			continue
		}
		var begin, end uint64
		if _, err := fmt.Sscanf(read(device+"/resource"), "0x%x 0x%x", &begin, &end); err != nil {
			r.fail("display/"+pciID(device), err)
			return
		}
		memory[pciID(device)] = append(memory[pciID(device)], fmt.Sprint(end-begin+1))
	}
	for _, id := range slices.Sorted(maps.Keys(memory)) {
		r.say("display/"+id+"/memory", strings.Join(memory[id], ", "))
	}
}

// ports reports the channels to the host.
func ports(r *report) {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, name := range names {
		if text := read(name); text != "" {
			r.say("port/"+text, "present")
		}
	}
}

// interrupts counts those of a kind, over all processors.
func interrupts(kind string) (int, error) {
	file, err := os.Open("/proc/interrupts")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] != kind+":" {
			continue
		}
		sum := 0
		for _, field := range fields[1:] {
			var count int
			if _, err := fmt.Sscan(field, &count); err != nil {
				break // the name follows
			}
			sum += count
		}
		return sum, nil
	}
	return 0, fmt.Errorf("no interrupts %s", kind)
}
