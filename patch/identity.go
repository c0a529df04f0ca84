// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"slices"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// key is a path of at most one child and an attribute whose values identify an element
// among its siblings. With two attributes both together identify it. The zero key means
// that libvirt allows the element once per parent: the name alone identifies it.
type key struct {
	child string
	attrs []string
}

// identity is a row of the table: where an element stands and what identifies it, best key first.
type identity struct {
	parent  string // name of the parent; "" where the element means the same everywhere
	element string
	keys    []key
}

func attrKey(names ...string) key { return key{attrs: names} }

func childKey(child, attr string) key { return key{child: child, attrs: []string{attr}} }

// identities are the elements that repeat under one parent, and what tells them apart.
// The pages are libvirt's documentation of the domain XML (formatdomain), by section;
// the fields are those of KubeVirt v1.9.0, pkg/virt-launcher/virtwrap/api/schema.go,
// that carry the key from one hook call to the next ("-": KubeVirt drops the whole
// element between calls, so that it is simply added again).
var identities = []identity{
	{"devices", "disk", []key{childKey("target", "dev")}},                                  // Hard drives, floppy disks, CDROMs: target dev is the logical name; Disk.Target.Device
	{"devices", "filesystem", []key{childKey("target", "dir")}},                            // Filesystems: target dir; FilesystemDevice.Target.Dir
	{"devices", "interface", []key{childKey("alias", "name"), childKey("mac", "address")}}, // Network interfaces; Interface.Alias, Interface.MAC
	{"devices", "controller", []key{attrKey("type", "index")}},                             // Controllers: type and index; Controller.Type, Controller.Index
	{"devices", "channel", []key{childKey("target", "name")}},                              // Channel: target name; Channel.Target.Name
	{"devices", "hostdev", []key{childKey("alias", "name")}},                               // Host device assignment; HostDevice.Alias
	{"devices", "watchdog", []key{childKey("alias", "name")}},                              // Watchdog devices; Watchdog.Alias
	{"devices", "rng", []key{{}}},                                                          // Random number generator devices; Devices.Rng, a single field
	{"devices", "memballoon", []key{{}}},                                                   // Memory balloon device: at most one; Devices.Ballooning
	{"devices", "emulator", []key{{}}},                                                     // Devices: at most one; Devices.Emulator

	{"system", "entry", []key{attrKey("name")}},    // SMBIOS System Information; SysInfo.System, Entry.Name
	{"bios", "entry", []key{attrKey("name")}},      // SysInfo.BIOS
	{"baseBoard", "entry", []key{attrKey("name")}}, // SysInfo.BaseBoard
	{"chassis", "entry", []key{attrKey("name")}},   // SysInfo.Chassis

	{"cpu", "feature", []key{attrKey("name")}},             // CPU model and topology; CPU.Features
	{"clock", "timer", []key{attrKey("name")}},             // Time keeping; Clock.Timer
	{"cputune", "vcpupin", []key{attrKey("vcpu")}},         // CPU Tuning; CPUTune.VCPUPin
	{"cputune", "iothreadpin", []key{attrKey("iothread")}}, // CPUTune.IOThreadPin
	{"vcpus", "vcpu", []key{attrKey("id")}},                // CPU Allocation; VCPUs.VCPU
	{"numa", "cell", []key{attrKey("id")}},                 // Guest NUMA topology; NUMA.Cells
	{"numatune", "memnode", []key{attrKey("cellid")}},      // NUMA Node Tuning; NUMATune.MemNodes
	{"os", "boot", []key{attrKey("dev")}},                  // BIOS bootloader; OS.BootOrder
}

// singles are the elements that libvirt allows once per parent: their name is their
// key. Same sources as above; the parent "" stands for any device.
var singles = map[string][]string{
	"domain": {"name", "uuid", "title", "description", "metadata", "memory", "currentMemory", "maxMemory", "memoryBacking", "memtune", "vcpu", "vcpus",
		"iothreads", "iothreadids", "cputune", "numatune", "blkiotune", "resource", "os", "bootloader", "cpu", "features", "clock", "on_poweroff", "on_reboot",
		"on_crash", "on_lockfailure", "pm", "devices", "seclabel", "launchSecurity", "keywrap", "qemu:commandline", "qemu:capabilities"},
	"os": {"type", "loader", "nvram", "smbios", "bios", "bootmenu", "firmware", "kernel", "initrd", "cmdline", "dtb", "acpi"},
	"features": {"acpi", "apic", "pae", "hap", "viridian", "privnet", "hyperv", "kvm", "xen", "pvspinlock", "pmu", "vmport", "gic", "smm", "ioapic",
		"hpt", "htm", "nested-hv", "vmcoreinfo", "msrs", "ccf-assist", "cfpc", "sbbc", "ibs", "tcg", "async-teardown", "ras", "ps2"},
	"hyperv": {"relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "reset", "vendor_id", "frequencies", "reenlightenment", "tlbflush",
		"ipi", "evmcs", "avic", "emsr_bitmap", "xmm_input"},
	"kvm":           {"hidden", "hint-dedicated", "poll-control", "pv-ipi", "dirty-ring"},
	"sysinfo":       {"bios", "system", "chassis", "oemStrings"},
	"cpu":           {"model", "vendor", "topology", "cache", "maxphysaddr", "numa"},
	"memoryBacking": {"hugepages", "nosharepages", "locked", "source", "access", "allocation", "discard"},
	"memtune":       {"hard_limit", "soft_limit", "swap_hard_limit", "min_guarantee"},
	"timer":         {"catchup"},
	"pm":            {"suspend-to-mem", "suspend-to-disk"},
	"disk": {"source", "target", "driver", "serial", "wwn", "vendor", "product", "iotune", "readonly", "shareable", "transient", "blockio", "geometry",
		"backingStore", "mirror", "encryption", "backenddomain"},
	"iotune": {"total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec", "total_bytes_sec_max",
		"read_bytes_sec_max", "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max", "size_iops_sec", "group_name",
		"total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length", "total_iops_sec_max_length", "read_iops_sec_max_length",
		"write_iops_sec_max_length"},
	"interface": {"source", "mac", "target", "model", "driver", "mtu", "link", "bandwidth", "script", "downscript", "backend", "virtualport", "vlan",
		"filterref", "tune", "guest", "coalesce", "teaming", "portOptions"},
	"controller": {"driver", "master", "target", "model", "pcihole64"},
	"video":      {"model", "driver"},
	"model":      {"acceleration", "resolution"},
	"memballoon": {"stats", "driver"},
	"watchdog":   {},
	"rng":        {"rate", "backend", "driver"},
	"graphics":   {"image", "jpeg", "zlib", "playback", "streaming", "clipboard", "mouse", "filetransfer", "gl"},
	"serial":     {"source", "target", "protocol", "log"},
	"channel":    {"source", "target", "protocol", "log"},
	"console":    {"source", "target", "protocol", "log"},
	"filesystem": {"source", "target", "driver", "binary", "readonly", "space_hard_limit", "space_soft_limit", "idmap"},
	"hostdev":    {"source", "driver", "teaming", "mac", "readonly", "shareable"},
	"":           {"address", "alias", "boot", "rom", "acpi"},
}

// runs are the elements whose repetition has a meaning: order and number count.
var runs = []string{"qemu:arg", "qemu:env"} // QEMU command-line passthrough; Commandline.QEMUArg, QEMUEnv

// keysOf lists the keys of an element below a parent; none where nothing is known.
func keysOf(parent *xmlquery.Node, element string) []key {
	for _, id := range identities {
		if id.element == element && (id.parent == "" || id.parent == parent.Data) {
			return id.keys
		}
	}
	isDevice := parent.Parent != nil && parent.Parent.Data == "devices"
	if slices.Contains(singles[parent.Data], element) || isDevice && slices.Contains(singles[""], element) {
		return []key{{}}
	}
	return nil
}

// value gives what the key says of an element; ok is false where the element lacks it.
func (k key) value(n *xmlquery.Node) (value string, ok bool) {
	if len(k.attrs) == 0 {
		return "", true
	}
	if k.child != "" {
		children := document.Elements(n)
		i := slices.IndexFunc(children, func(c *xmlquery.Node) bool { return c.Data == k.child && c.NamespaceURI == "" })
		if i < 0 {
			return "", false
		}
		n = children[i]
	}
	for _, name := range k.attrs {
		i := document.Attribute(n, "", name)
		if i < 0 {
			return "", false
		}
		value += name + "=" + n.Attr[i].Value + "\x00"
	}
	return value, true
}

// tableName is the element's name as the table spells it.
func tableName(n *xmlquery.Node) string {
	switch n.NamespaceURI {
	case "":
		return n.Data
	case document.QEMUNamespace:
		return "qemu:" + n.Data
	}
	return n.NamespaceURI + " " + n.Data
}
