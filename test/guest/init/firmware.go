// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kernel reports how Linux was started.
func kernel(r *report) {
	r.file("kernel/release", "/proc/sys/kernel/osrelease")
	r.file("kernel/cmdline", "/proc/cmdline")
	_, err := os.Stat("/sys/firmware/efi")
	r.say("firmware/efi", err == nil)
}

// smbios reports what Linux reads from the tables, and the OEM strings, which it does not.
func smbios(r *report) {
	for _, name := range []string{
		"bios_vendor", "bios_version", "sys_vendor", "product_name", "product_version", "product_serial", "product_uuid", "product_sku",
		"product_family", "board_vendor", "board_name", "board_version", "board_serial", "board_asset_tag", "chassis_vendor",
		"chassis_version", "chassis_serial", "chassis_asset_tag",
	} {
		r.file("dmi/"+name, "/sys/class/dmi/id/"+name)
	}
	tables, err := os.ReadFile("/sys/firmware/dmi/tables/DMI")
	if err != nil {
		r.fail("dmi/oem_strings", err)
		return
	}
	for i, text := range oemStrings(tables) {
		r.say(fmt.Sprintf("dmi/oem_string/%d", i+1), text)
	}
}

// oemStrings are those of the structures of type 11 (SMBIOS 3.6, 6.1 and 7.12): a header whose second byte is its
// length, the strings, each ended by a zero, and one more zero.
func oemStrings(tables []byte) []string {
	const oemStringsType, header = 11, 4
	var found []string
	for len(tables) >= header {
		kind, length := tables[0], int(tables[1])
		if length < header || length > len(tables) {
			break
		}
		end := bytes.Index(tables[length:], []byte{0, 0})
		if end < 0 {
			break
		}
		if kind == oemStringsType {
			found = append(found, strings.Split(string(tables[length:length+end]), "\x00")...)
		}
		tables = tables[length+end+2:]
	}
	return found
}

// firmwareConfig reports the entries of fw_cfg that are the user's.
func firmwareConfig(r *report) {
	entries, _ := filepath.Glob("/sys/firmware/qemu_fw_cfg/by_key/*")
	for _, entry := range entries {
		if name := read(entry + "/name"); strings.HasPrefix(name, "opt/") {
			r.file("fw_cfg/"+name, entry+"/raw")
		}
	}
}

// acpi reports which tables there are, and Apple's controller, which only ACPI knows of.
func acpi(r *report) {
	tables, err := os.ReadDir("/sys/firmware/acpi/tables")
	if err != nil {
		r.fail("acpi", err)
	}
	for _, table := range tables {
		if !table.IsDir() {
			r.say("acpi/table/"+table.Name(), "present")
		}
	}
	devices, _ := filepath.Glob("/sys/bus/acpi/devices/APP*")
	for _, device := range devices {
		r.say("acpi/device/"+filepath.Base(device), "present")
	}
}
