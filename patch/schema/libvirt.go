// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/antchfx/xmlquery"
)

// own begins what follows the marker in the aliases of libvirt's own devices.
const own = "-own-"

// IsLibvirts recognises a device that Next added on its own.
func IsLibvirts(device *xmlquery.Node, marker string) bool {
	for c := device.FirstChild; c != nil; c = c.NextSibling {
		if isElement(c, "alias") && strings.HasPrefix(attribute(c, "name"), marker+own) {
			return true
		}
	}
	return false
}

// GetsAddress says whether libvirt gives a device an address. The others stand for a part of
// the machine, of another device, or for none at all.
func GetsAddress(device *xmlquery.Node) bool {
	model := attribute(device, "model")
	switch device.Data {
	case "serial", "parallel", "console", "graphics", "tpm", "emulator", "audio", "panic":
		return false
	case "input":
		return attribute(device, "bus") != "ps2"
	case "iommu":
		return model == "virtio"
	}
	return model != "none" && model != "pci-root" && model != "pcie-root"
}

// IsGiven recognises an address or alias that Next gave a device.
func IsGiven(n *xmlquery.Node, marker string) bool {
	return isElement(n, "alias") && strings.HasPrefix(attribute(n, "name"), marker) ||
		isElement(n, "address") && attribute(n, "device") == marker
}

// libvirt adds what libvirt does to the element that is about to be closed.
func (w *writer) libvirt(group []*xmlquery.Node) {
	if w.marker == "" || len(w.open) < 2 || w.open[1] != "devices" {
		return
	}
	switch {
	case len(w.open) == 2 && len(group) > 0:
		w.ownDevices(group)
	case len(w.open) == 3 && w.open[2] != "emulator":
		w.given++
		w.give(len(named(group, "alias")) > 0, len(named(group, "address")) > 0, "-"+strconv.Itoa(w.given))
	}
}

// sort finds out whether devices are in libvirt's order, or puts them in it: those of one bus or type together, by their target or
// index (virDomainDiskInsert and virDomainControllerInsert in libvirt's domain_conf.c).
func (w *writer) sort(c *Child, devices []*xmlquery.Node) {
	if w.marker == "" || len(w.open) != 2 || w.open[1] != "devices" {
		return
	}
	var of func(*xmlquery.Node) (group string, number int)
	switch c.Name {
	case "disk":
		of = func(n *xmlquery.Node) (string, int) {
			for _, target := range named([]*xmlquery.Node{n}, "target") {
				return attribute(target, "bus"), diskNumber(attribute(target, "dev"))
			}
			return "", 0
		}
	case "controller":
		of = func(n *xmlquery.Node) (string, int) {
			index, _ := strconv.Atoi(attribute(n, "index"))
			return attribute(n, "type"), index
		}
	default:
		return
	}
	groups := map[string]int{}
	for _, n := range devices {
		group, _ := of(n)
		if _, known := groups[group]; !known {
			groups[group] = len(groups)
		}
	}
	order := func(a, b *xmlquery.Node) int {
		x, i := of(a)
		y, j := of(b)
		return cmp.Or(cmp.Compare(groups[x], groups[y]), cmp.Compare(i, j))
	}
	if w.sorting {
		slices.SortStableFunc(devices, order)
	} else if !slices.IsSortedFunc(devices, order) {
		w.disordered = true
	}
}

// diskNumber counts disks by their names: sda is 0, sdaa 26 (virDiskNameToIndex in libvirt's virutil.c).
func diskNumber(name string) int {
	for _, prefix := range []string{"fd", "hd", "vd", "sd", "xvd", "ubd"} {
		letters, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		number := 0
		for _, letter := range strings.TrimRight(letters, "0123456789") {
			number = number*26 + int(letter-'a') + 1
		}
		return number
	}
	return 0
}

// give writes the alias and the address that a device lacks.
func (w *writer) give(hasAlias, hasAddress bool, suffix string) {
	if !hasAlias {
		w.out = append(append(append(append(w.out, `<alias name="`...), w.marker...), suffix...), `"/>`...)
	}
	if !hasAddress {
		w.out = append(append(append(w.out, `<address type="pci" device="`...), w.marker...), `"/>`...)
	}
}

// ownDevices writes the devices that libvirt adds to a domain: the ones of the machine
// (qemuDomainDefAddDefaultDevices in libvirt's qemu_domain.c and the implicit PS/2 inputs), and
// one of the PCIe root ports that it or KubeVirt adds.
func (w *writer) ownDevices(devices []*xmlquery.Node) {
	arch, machine := machineOf(devices[0].Parent)
	var all []string
	if arch == "x86_64" {
		for _, kind := range []string{"mouse", "keyboard"} {
			if !hasPS2(devices, kind) {
				all = append(all, `input type="`+kind+`" bus="ps2"`)
			}
		}
	}
	if strings.Contains(machine, "q35") {
		all = append(all, `watchdog model="itco" action="reset"`)
		if !hasController(devices, "sata") {
			all = append(all, `controller type="sata" index="0"`)
		}
	}
	if arch != "s390x" {
		all = append(all, fmt.Sprintf(`controller type="pci" index="%d" model="pcie-root-port"`, freePCIIndex(devices)))
		if !hasController(devices, "usb") {
			all = append(all, `controller type="usb" index="0" model="qemu-xhci"`)
		}
	}
	if len(named(devices, "memballoon")) == 0 {
		all = append(all, `memballoon model="virtio"`)
	}
	for i, device := range all {
		name, _, _ := strings.Cut(device, " ")
		w.out = append(append(append(w.out, '<'), device...), '>')
		w.give(false, false, own+strconv.Itoa(i))
		w.out = append(append(append(w.out, "</"...), name...), '>')
	}
}

func machineOf(domain *xmlquery.Node) (arch, machine string) {
	for _, kind := range named(named([]*xmlquery.Node{domain}, "os"), "type") {
		return attribute(kind, "arch"), attribute(kind, "machine")
	}
	return "", ""
}

// freePCIIndex is one above that of the last PCI controller.
func freePCIIndex(devices []*xmlquery.Node) int {
	last := 0
	for _, c := range named(devices, "controller") {
		if index, err := strconv.Atoi(attribute(c, "index")); err == nil && attribute(c, "type") == "pci" {
			last = max(last, index)
		}
	}
	return last + 1
}

func hasController(devices []*xmlquery.Node, kind string) bool {
	return slices.ContainsFunc(named(devices, "controller"), func(c *xmlquery.Node) bool { return attribute(c, "type") == kind })
}

func hasPS2(devices []*xmlquery.Node, kind string) bool {
	return slices.ContainsFunc(named(devices, "input"), func(i *xmlquery.Node) bool { return attribute(i, "type") == kind && attribute(i, "bus") == "ps2" })
}

func attribute(n *xmlquery.Node, name string) string {
	value, _ := lastAttribute([]*xmlquery.Node{n}, name)
	return value
}

func isElement(n *xmlquery.Node, name string) bool {
	return n.Type == xmlquery.ElementNode && n.Data == name && n.NamespaceURI == ""
}

// named lists the children of that name of a group of elements.
func named(group []*xmlquery.Node, name string) []*xmlquery.Node {
	var all []*xmlquery.Node
	for _, n := range group {
		for o := n.FirstChild; o != nil; o = o.NextSibling {
			if isElement(o, name) {
				all = append(all, o)
			}
		}
	}
	return all
}
