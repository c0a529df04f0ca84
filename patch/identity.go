// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// identity is a row of the table: an element, where it stands, and what tells it from its
// siblings of the same name.
type identity struct {
	parent, element string
	keys            []key  // best first; none where nothing tells several apart: devices, and lists whose order and number count
	required        bool   // libvirt refuses the element without its first key
	libvirt         string // section of libvirt's formatdomain page, and what it says where that is not plain
	kubevirt        string // field of KubeVirt v1.9.0's virtwrap/api/schema.go that carries the key to the next call, or dropped
}

// dropped stands for the field of an element that KubeVirt drops between calls. It is
// simply added again.
const dropped = "-"

var single = []key{{}}

// identities are the elements that repeat under one parent, and devices.
var identities = []identity{
	{"devices", "disk", []key{childKey("target", "dev"), childKey("alias", "name")}, true, "Hard drives, floppy disks, CDROMs", "Disk.Target.Device, Disk.Alias"},
	{"devices", "filesystem", []key{childKey("target", "dir")}, true, "Filesystems", "FilesystemDevice.Target.Dir"},
	{"devices", "interface", []key{childKey("alias", "name"), {child: "mac", attrs: []string{"address"}, fold: true}}, false, "Network interfaces; libvirt writes MAC addresses in lower case", "Interface.Alias, Interface.MAC"},
	{"devices", "controller", []key{{attrs: []string{"type", "index"}, also: usbCompanion}, childKey("alias", "name")}, false, "Controllers; USB companions share type and index", "Controller.Type, Index and Model, Controller.Alias"},
	{"devices", "channel", []key{childKey("target", "name"), childKey("target", "address", "port")}, false, "Channel: name of a virtio or Xen channel, address and port of guestfwd", "Channel.Target.Name, Address and Port"},
	{"devices", "serial", []key{childKey("target", "port"), childKey("alias", "name")}, false, "Serial port: target port", "Serial.Target.Port, Serial.Alias"},
	{"devices", "console", []key{childKey("target", "port"), childKey("alias", "name")}, false, "Console: target port", "Console.Target.Port, Console.Alias"},
	{"devices", "parallel", []key{childKey("target", "port")}, false, "Parallel port: target port", dropped},
	{"devices", "hostdev", []key{childKey("alias", "name")}, false, "Host device assignment: nothing but the alias", "HostDevice.Alias"},
	{"devices", "watchdog", []key{childKey("alias", "name")}, false, "Watchdog devices: nothing but the alias", "Watchdog.Alias"},
	{"devices", "input", []key{childKey("alias", "name")}, false, "Input devices: nothing but the alias; two of one type and bus are allowed", "Input.Alias"},
	{"devices", "sound", []key{childKey("alias", "name")}, false, "Sound devices: nothing but the alias", "SoundCard.Alias"},
	{"devices", "memory", []key{childKey("alias", "name")}, false, "Memory devices: nothing but the alias", "MemoryDevice.Alias"},
	{"devices", "graphics", []key{attrKey("type")}, false, "Graphical framebuffers: type is mandatory, and the QEMU driver takes one of each type", "Graphics.Type"},
	{"devices", "panic", []key{attrKey("model")}, false, "Panic device: the QEMU driver takes one of each model", "PanicDevice.Model"},
	{"devices", "iommu", []key{childKey("driver", "pciBus"), {}}, false, "IOMMU devices: one, or one smmuv3 for each pciBus", "IOMMUDevice.Driver.PCIBus"},
	{"devices", "shmem", []key{attrKey("name")}, true, "Shared memory device", dropped},
	{"devices", "audio", []key{attrKey("id")}, true, "Audio backends", dropped},
	{"devices", "lease", []key{textKey("key")}, true, "Device leases: key identifies the lease", dropped},
	{"devices", "rng", single, false, "Random number generator device: KubeVirt reads one", "Devices.Rng"},
	{"devices", "tpm", single, false, "TPM device: one, but for the TPM proxy of ppc64, which KubeVirt does not run on", "Devices.TPMs"},
	{"devices", "memballoon", single, false, "Memory balloon device", "Devices.Ballooning"},
	{"devices", "vsock", single, false, "Vsock", "Devices.VSOCK"},
	{"devices", "emulator", single, false, "Devices", "Devices.Emulator"},
	{"devices", "nvram", single, false, "NVRAM device", dropped},
	{"devices", "pstore", single, false, "Pstore", dropped},
	{"devices", "redirfilter", single, false, "Redirected devices: at most one filter", dropped},
	{"devices", "smartcard", single, false, "Smartcard devices: the QEMU driver takes one", dropped},
	{"devices", "video", nil, false, "Video devices: nothing; KubeVirt drops the alias", "Devices.Video"},
	{"devices", "redirdev", nil, false, "Redirected devices: nothing; KubeVirt drops the alias", "Devices.Redirs"},
	{"devices", "hub", nil, false, "Hub devices: nothing", dropped},
	{"devices", "crypto", nil, false, "Crypto: nothing", dropped},

	{"domain", "sysinfo", []key{attrKey("type")}, true, "SMBIOS System Information: smbios and fwcfg", "SysInfo.Type, a single field"},
	{"domain", "seclabel", []key{attrKey("model")}, false, "Security label: one for each security driver", dropped},
	{"sysinfo", "baseBoard", single, false, "SMBIOS System Information: may repeat, but KubeVirt reads one", "SysInfo.BaseBoard"},
	{"sysinfo", "entry", []key{attrKey("name")}, true, "SMBIOS System Information: fwcfg", dropped},
	{"system", "entry", []key{attrKey("name")}, true, "SMBIOS System Information", "SysInfo.System, Entry.Name"},
	{"bios", "entry", []key{attrKey("name")}, true, "SMBIOS System Information", "SysInfo.BIOS, Entry.Name"},
	{"baseBoard", "entry", []key{attrKey("name")}, true, "SMBIOS System Information", "SysInfo.BaseBoard, Entry.Name"},
	{"chassis", "entry", []key{attrKey("name")}, true, "SMBIOS System Information", "SysInfo.Chassis, Entry.Name"},
	{"oemStrings", "entry", nil, false, "SMBIOS System Information: order counts", dropped},

	{"os", "initarg", nil, false, "Container boot: order counts", dropped},
	{"os", "initenv", []key{attrKey("name")}, true, "Container boot", dropped},
	{"acpi", "table", []key{attrKey("type")}, true, "ACPI table in the operating system: one of each type", "ACPITable.Type"},
	{"os", "boot", []key{attrKey("dev")}, true, "BIOS bootloader", "OS.BootOrder, Boot.Dev"},
	{"firmware", "feature", []key{attrKey("name")}, true, "BIOS bootloader", "FirmwareInfo.Features, Name"},
	{"cpu", "feature", []key{attrKey("name")}, true, "CPU model and topology", "CPU.Features, Name"},
	{"numa", "cell", []key{attrKey("id")}, false, "Guest NUMA topology", "NUMA.Cells, ID"},
	{"cell", "cache", []key{attrKey("level")}, true, "ACPI Heterogeneous Memory Attribute Table", dropped},
	{"interconnects", "latency", []key{{attrs: []string{"initiator", "target", "type"}, optional: []string{"cache"}}}, true, "ACPI Heterogeneous Memory Attribute Table", dropped},
	{"interconnects", "bandwidth", []key{{attrs: []string{"initiator", "target", "type"}, optional: []string{"cache"}}}, true, "ACPI Heterogeneous Memory Attribute Table", dropped},
	{"distances", "sibling", []key{attrKey("id")}, true, "Guest NUMA topology", "NUMACellDistances.Siblings, ID"},
	{"clock", "timer", []key{attrKey("name")}, true, "Time keeping", "Clock.Timer, Name"},
	{"vcpus", "vcpu", []key{attrKey("id")}, true, "CPU Allocation", "VCPUs.VCPU, ID"},
	{"cputune", "vcpupin", []key{attrKey("vcpu")}, true, "CPU Tuning", "CPUTune.VCPUPin, VCPU"},
	{"cputune", "iothreadpin", []key{attrKey("iothread")}, true, "CPU Tuning", "CPUTune.IOThreadPin, IOThread"},
	{"cputune", "vcpusched", []key{attrKey("vcpus")}, true, "CPU Tuning", dropped},
	{"cputune", "iothreadsched", []key{attrKey("iothreads")}, true, "CPU Tuning", dropped},
	{"cputune", "cachetune", []key{attrKey("vcpus")}, true, "CPU Tuning", dropped},
	{"cputune", "memorytune", []key{attrKey("vcpus")}, true, "CPU Tuning", dropped},
	{"cachetune", "cache", []key{attrKey("id", "level", "type")}, true, "CPU Tuning", dropped},
	{"cachetune", "monitor", []key{attrKey("level", "vcpus")}, true, "CPU Tuning", dropped},
	{"memorytune", "node", []key{attrKey("id")}, true, "CPU Tuning", dropped},
	{"memorytune", "monitor", []key{attrKey("vcpus")}, true, "CPU Tuning", dropped},
	{"numatune", "memnode", []key{attrKey("cellid")}, true, "NUMA Node Tuning", "NUMATune.MemNodes, CellID"},
	{"iothreadids", "iothread", []key{attrKey("id")}, true, "IOThreads Allocation", dropped},
	{"iothreads", "iothread", []key{attrKey("id")}, true, "Hard drives, floppy disks, CDROMs: threads of a disk", "DiskIOThreads.IOThread, Id"},
	{"iothread", "queue", []key{attrKey("id")}, true, "Hard drives, floppy disks, CDROMs: queues of a thread", dropped},
	{"throttlegroups", "throttlegroup", []key{textKey("group_name")}, true, "Throttle groups", dropped},
	{"throttlefilters", "throttlefilter", []key{attrKey("group")}, true, "Hard drives, floppy disks, CDROMs", dropped},
	{"keywrap", "cipher", []key{attrKey("name")}, true, "Key Wrap", dropped},
	{"cookies", "cookie", []key{attrKey("name")}, true, "Hard drives, floppy disks, CDROMs", dropped},
	{"slices", "slice", []key{attrKey("type")}, true, "Hard drives, floppy disks, CDROMs", dropped},
	{"statistics", "statistic", []key{attrKey("interval")}, true, "Hard drives, floppy disks, CDROMs: latency histograms", dropped},
	{"source", "seclabel", []key{{optional: []string{"model"}}}, false, "Security label: of a file, one for each security driver", dropped},
	{"idmap", "uid", []key{attrKey("start")}, true, "Filesystems; Container boot", dropped},
	{"idmap", "gid", []key{attrKey("start")}, true, "Filesystems; Container boot", dropped},
	{"blkiotune", "device", []key{textKey("path")}, true, "Block I/O Tuning", dropped},
	{"perf", "event", []key{attrKey("name")}, true, "Performance monitoring events", dropped},
	{"vlan", "tag", []key{attrKey("id")}, true, "Setting VLAN tag", dropped},
	{"interface", "ip", []key{attrKey("address")}, true, "IP configuration", dropped},
	{"interface", "route", []key{{attrs: []string{"address"}, optional: []string{"prefix", "netmask"}}}, true, "IP configuration", dropped},
	{"interface", "portForward", nil, false, "Userspace connection using passt: order counts", "Interface.PortForward"},
	{"portForward", "range", []key{attrKey("start")}, true, "Userspace connection using passt", "InterfacePortForward.Ranges, Start"},
	{"source", "ip", []key{attrKey("address")}, true, "Generic ethernet connection: the host's side", dropped},
	{"source", "route", []key{{attrs: []string{"address"}, optional: []string{"prefix", "netmask"}}}, true, "Generic ethernet connection: the host's side", dropped},
	{"redirfilter", "usbdev", nil, false, "Redirected devices: the first that fits counts", dropped},
	{"smartcard", "certificate", nil, false, "Smartcard devices: three", dropped},
	{"sound", "codec", []key{attrKey("type")}, true, "Sound devices", dropped},
	{"filterref", "parameter", []key{attrKey("name")}, true, "Traffic filtering with NWFilter: several values of one name take `key: '@value'`", dropped},
	{"graphics", "channel", []key{attrKey("name")}, true, "Graphical framebuffers: SPICE channels", dropped},
	{"hugepages", "page", []key{{optional: []string{"nodeset"}}}, false, "Memory Backing: one size for each nodeset, and one for the nodes without", "HugePage.NodeSet"},
	{"qemu:commandline", "qemu:arg", nil, false, "QEMU command-line passthrough: order and number count", dropped},
	{"qemu:commandline", "qemu:env", []key{attrKey("name")}, true, "QEMU command-line passthrough", dropped},
	{"qemu:capabilities", "qemu:add", []key{attrKey("capability")}, true, "QEMU command-line passthrough", dropped},
	{"qemu:capabilities", "qemu:del", []key{attrKey("capability")}, true, "QEMU command-line passthrough", dropped},
	{"qemu:override", "qemu:device", []key{attrKey("alias")}, true, "QEMU command-line passthrough: overriding properties", dropped},
	{"qemu:frontend", "qemu:property", []key{attrKey("name")}, true, "QEMU command-line passthrough: overriding properties", dropped},
}

// singles are the other elements that libvirt allows once per parent: their name is their key.
var singles = []struct {
	parent   string // "" for any device
	libvirt  string // as in identity
	kubevirt string // the struct that has fields for some of them; KubeVirt drops the others
	elements []string
}{
	{"domain", "all sections", "DomainSpec", []string{"name", "uuid", "genid", "title", "description", "metadata", "memory", "currentMemory", "maxMemory", "memoryBacking",
		"memtune", "vcpu", "vcpus", "iothreads", "iothreadids", "cputune", "numatune", "blkiotune", "resource", "os", "bootloader", "cpu", "features", "clock",
		"on_poweroff", "on_reboot", "on_crash", "on_lockfailure", "pm", "perf", "devices", "launchSecurity", "keywrap", "iommufd", "throttlegroups",
		"qemu:commandline", "qemu:capabilities", "qemu:override", "qemu:deprecation"}},
	{"os", "Operating system booting", "OS", []string{"type", "loader", "nvram", "smbios", "bios", "bootmenu", "firmware", "kernel", "initrd", "cmdline", "shim", "dtb", "acpi"}},
	{"features", "Hypervisor features", "Features", []string{"acpi", "apic", "pae", "hap", "viridian", "privnet", "hyperv", "kvm", "xen", "pvspinlock", "pmu", "vmport", "gic",
		"smm", "ioapic", "hpt", "htm", "nested-hv", "vmcoreinfo", "msrs", "ccf-assist", "cfpc", "sbbc", "ibs", "tcg", "async-teardown", "ras", "ps2", "aia"}},
	{"hyperv", "Hypervisor features", "FeatureHyperv", []string{"relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "reset", "vendor_id", "frequencies",
		"reenlightenment", "tlbflush", "ipi", "evmcs", "avic", "emsr_bitmap", "xmm_input"}},
	{"qemu:device", "QEMU command-line passthrough", dropped, []string{"qemu:frontend"}},
	{"stimer", "Hypervisor features", "SyNICTimer", []string{"direct"}},
	{"tlbflush", "Hypervisor features", "TLBFlush", []string{"direct", "extended"}},
	{"kvm", "Hypervisor features", "FeatureKVM", []string{"hidden", "hint-dedicated", "poll-control", "pv-ipi", "dirty-ring"}},
	{"smm", "Hypervisor features", dropped, []string{"tseg"}},
	{"tcg", "Hypervisor features", dropped, []string{"tb-cache"}},
	{"hpt", "Hypervisor features", dropped, []string{"maxpagesize"}},
	{"sysinfo", "SMBIOS System Information", "SysInfo", []string{"bios", "system", "chassis", "oemStrings"}},
	{"cpu", "CPU model and topology", "CPU", []string{"model", "vendor", "topology", "cache", "maxphysaddr", "numa"}},
	{"cell", "Guest NUMA topology", "NUMACell", []string{"distances"}},
	{"cache", "ACPI Heterogeneous Memory Attribute Table", dropped, []string{"size", "line"}},
	{"numa", "Guest NUMA topology", dropped, []string{"interconnects"}},
	{"timer", "Time keeping", dropped, []string{"catchup"}},
	{"cputune", "CPU Tuning", "CPUTune", []string{"shares", "period", "quota", "global_period", "global_quota", "emulator_period", "emulator_quota", "iothread_period",
		"iothread_quota", "emulatorpin", "emulatorsched"}},
	{"numatune", "NUMA Node Tuning", "NUMATune", []string{"memory"}},
	{"memoryBacking", "Memory Backing", "MemoryBacking", []string{"hugepages", "nosharepages", "locked", "source", "access", "allocation", "discard"}},
	{"memtune", "Memory Tuning", dropped, []string{"hard_limit", "soft_limit", "swap_hard_limit", "min_guarantee"}},
	{"blkiotune", "Block I/O Tuning", dropped, []string{"weight"}},
	{"device", "Block I/O Tuning", dropped, []string{"path", "weight", "read_bytes_sec", "write_bytes_sec", "read_iops_sec", "write_iops_sec"}},
	{"resource", "Resource partitioning", "Resource", []string{"partition", "fibrechannel"}},
	{"pm", "Power Management", dropped, []string{"suspend-to-mem", "suspend-to-disk"}},
	{"launchSecurity", "Launch Security", "LaunchSecurity", []string{"cbitpos", "reducedPhysBits", "policy", "dhCert", "session", "quoteGenerationService"}},
	{"disk", "Hard drives, floppy disks, CDROMs", "Disk", []string{"source", "target", "driver", "serial", "wwn", "vendor", "product", "iotune", "readonly", "shareable",
		"transient", "blockio", "geometry", "backingStore", "mirror", "encryption", "backenddomain", "auth", "throttlefilters"}},
	{"source", "Hard drives, floppy disks, CDROMs; Host device assignment", "DiskSource, HostDeviceSource", []string{"address", "vendor", "product", "reservations",
		"reconnect", "auth", "encryption", "snapshot", "config", "slices", "ssl", "cookies", "timeout", "readahead", "initiator", "dataStore", "adapter",
		"identity", "local", "path", "pagesize", "nodemask", "alignsize", "pmem", "clipboard", "mouse"}},
	{"adapter", "Host device assignment", dropped, []string{"parentaddr"}},
	{"parentaddr", "Host device assignment", dropped, []string{"address"}},
	{"reservations", "Hard drives, floppy disks, CDROMs", dropped, []string{"source"}},
	{"initiator", "Hard drives, floppy disks, CDROMs", dropped, []string{"iqn"}},
	{"auth", "Hard drives, floppy disks, CDROMs", dropped, []string{"secret"}},
	{"encryption", "Hard drives, floppy disks, CDROMs", dropped, []string{"secret", "cipher", "ivgen"}},
	{"backingStore", "Hard drives, floppy disks, CDROMs", dropped, []string{"format", "source", "backingStore"}},
	{"mirror", "Hard drives, floppy disks, CDROMs", dropped, []string{"format", "source", "backingStore"}},
	{"format", "Hard drives, floppy disks, CDROMs", dropped, []string{"metadata_cache"}},
	{"metadata_cache", "Hard drives, floppy disks, CDROMs", dropped, []string{"max_size"}},
	{"driver", "Hard drives, floppy disks, CDROMs; Network interfaces", "DiskDriver", []string{"iothreads", "metadata_cache", "statistics", "host", "guest"}},
	{"iotune", "Hard drives, floppy disks, CDROMs", dropped, []string{"total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec",
		"write_iops_sec", "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max",
		"size_iops_sec", "group_name", "total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length", "total_iops_sec_max_length",
		"read_iops_sec_max_length", "write_iops_sec_max_length"}},
	{"interface", "Network interfaces", "Interface", []string{"source", "mac", "target", "model", "driver", "mtu", "link", "bandwidth", "script", "downscript", "backend",
		"virtualport", "vlan", "filterref", "tune", "guest", "coalesce", "teaming", "portOptions", "port", "backenddomain"}},
	{"virtualport", "Setting the virtual port", dropped, []string{"parameters"}},
	{"coalesce", "Coalesce settings", dropped, []string{"rx"}},
	{"rx", "Coalesce settings", dropped, []string{"frames"}},
	{"bandwidth", "Quality of service", dropped, []string{"inbound", "outbound"}},
	{"tune", "Network interfaces", dropped, []string{"sndbuf"}},
	{"controller", "Controllers", "Controller", []string{"driver", "master", "target", "model", "pcihole64"}},
	{"video", "Video devices", "Video", []string{"model", "driver"}},
	{"model", "Video devices", dropped, []string{"acceleration", "resolution"}},
	{"memballoon", "Memory balloon device", "MemBalloon", []string{"stats", "driver"}},
	{"rng", "Random number generator device", "Rng", []string{"rate", "backend", "driver"}},
	{"tpm", "TPM device", "TPM", []string{"backend"}},
	{"backend", "TPM device; Random number generator device; Network interfaces", dropped, []string{"device", "encryption", "active_pcr_banks", "protocol", "log"}},
	{"active_pcr_banks", "TPM device", dropped, []string{"sha1", "sha256", "sha384", "sha512"}},
	{"vsock", "Vsock", "VSOCK", []string{"cid", "driver"}},
	{"iommu", "IOMMU devices", "IOMMUDevice", []string{"driver"}},
	{"crypto", "Crypto", dropped, []string{"backend", "driver"}},
	{"shmem", "Shared memory device", dropped, []string{"model", "size", "server", "msi"}},
	{"audio", "Audio backends", dropped, []string{"input", "output"}},
	{"output", "Audio backends", dropped, []string{"settings"}},
	{"lease", "Device leases", dropped, []string{"lockspace", "key", "target"}},
	{"nvram", "BIOS bootloader", dropped, []string{"source"}},
	{"seclabel", "Security label", dropped, []string{"label", "baselabel", "imagelabel"}},
	{"sound", "Sound devices", dropped, []string{"audio", "driver"}},
	{"input", "Input devices; Audio backends", dropped, []string{"driver", "source", "settings"}},
	{"memory", "Memory devices", "MemoryDevice", []string{"source", "target", "uuid"}},
	{"label", "Memory devices", dropped, []string{"size"}},
	{"target", "Memory devices; Controllers; Serial port", "MemoryTarget", []string{"size", "requested", "current", "node", "block", "address", "label", "readonly", "model"}},
	{"graphics", "Graphical framebuffers", dropped, []string{"image", "jpeg", "zlib", "playback", "streaming", "clipboard", "mouse", "filetransfer", "gl", "audio"}},
	{"serial", "Serial port", "Serial", []string{"source", "target", "protocol", "log"}},
	{"channel", "Channel", "Channel", []string{"source", "target", "protocol", "log"}},
	{"console", "Console", "Console", []string{"source", "target", "protocol", "log"}},
	{"redirdev", "Redirected devices", "RedirectedDevice", []string{"source", "protocol", "log"}},
	{"parallel", "Parallel port", dropped, []string{"target", "protocol", "log"}},
	{"smartcard", "Smartcard devices", dropped, []string{"database", "target", "protocol", "log"}},
	{"filesystem", "Filesystems", "FilesystemDevice", []string{"source", "target", "driver", "binary", "readonly", "space_hard_limit", "space_soft_limit", "idmap"}},
	{"binary", "Filesystems", "FilesystemBinary", []string{"cache", "sandbox", "lock", "thread_pool", "openfiles"}},
	{"hostdev", "Host device assignment", "HostDevice", []string{"source", "driver", "teaming", "mac", "readonly", "shareable"}},
	{"address", "Device addresses: of s390x", dropped, []string{"zpci"}},
	{"", "Device addresses; Devices", "Address, Alias, BootOrder, Rom, ACPI", []string{"address", "alias", "boot", "rom", "acpi"}},
}

// usbCompanion gives the model of a USB 1 companion of an ICH9 controller, which has the
// type and index of the controller it belongs to; empty for any other controller.
func usbCompanion(controller *xmlquery.Node) string {
	i := document.Attribute(controller, "", "model")
	if i < 0 || !strings.HasPrefix(controller.Attr[i].Value, "ich9-uhci") {
		return ""
	}
	return controller.Attr[i].Value
}

// identityOf finds the row of an element below a parent; nil where there is none.
func identityOf(parent *xmlquery.Node, element string) *identity {
	above := tableName(parent)
	for i := range identities {
		if identities[i].element == element && identities[i].parent == above {
			return &identities[i]
		}
	}
	return nil
}

// isListed says whether an element stands in a list whose order and number count.
func isListed(parent *xmlquery.Node, element string) bool {
	row := identityOf(parent, element)
	return row != nil && len(row.keys) == 0 && !isDevices(parent)
}

// keysOf lists the keys of an element below a parent; none where nothing is known.
func keysOf(parent *xmlquery.Node, element string) []key {
	if row := identityOf(parent, element); row != nil {
		return row.keys
	}
	above := tableName(parent)
	// Domain metadata: at most one element for each namespace.
	if above == "metadata" && strings.Contains(element, " ") {
		return single
	}
	isDevice := parent.Parent != nil && isDevices(parent.Parent)
	for _, row := range singles {
		if (row.parent == above || row.parent == "" && isDevice) && slices.Contains(row.elements, element) {
			return single
		}
	}
	return nil
}

// isOnePerElement tells whether a path, down children of one name each, leads to at most one node
// of an element of a name; false where that is not known.
func isOnePerElement(element, path string) bool {
	steps := strings.Split(path, "/")
	for i, step := range steps {
		if strings.HasPrefix(step, "@") {
			continue
		}
		parent := element
		if i > 0 {
			parent = steps[i-1]
		}
		if !isSingle(parent, step) {
			return false
		}
	}
	return true
}

// isSingle tells whether libvirt allows an element once below a parent, or below devices at least.
func isSingle(parent, element string) bool {
	for _, row := range singles {
		if (row.parent == parent || row.parent == "") && slices.Contains(row.elements, element) {
			return true
		}
	}
	return false
}

// mayRepeat refuses a second element of one name where KubeVirt reads several into one.
func mayRepeat(parent *xmlquery.Node, namespace, name string) error {
	above := schema.Of(parent)
	if above.Child(namespace, name) == nil || above.Repeats(namespace, name) || !hasChild(parent, namespace, name) {
		return nil
	}
	return fmt.Errorf("a <%s> is there already, and KubeVirt reads several below <%s> as one", name, parent.Data)
}

// hasChild says whether a node has a child element of that name.
func hasChild(n *xmlquery.Node, namespace, name string) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode && c.Data == name && c.NamespaceURI == namespace {
			return true
		}
	}
	return false
}

// isDevices says whether an element holds the devices of a domain.
func isDevices(n *xmlquery.Node) bool { return n.Data == "devices" && n.NamespaceURI == "" }

// tableName is the element's name as the table spells it.
func tableName(n *xmlquery.Node) string { return tableNameOf(n.NamespaceURI, n.Data) }

func tableNameOf(namespace, name string) string {
	switch namespace {
	case "":
		return name
	case document.QEMUNamespace:
		return "qemu:" + name
	}
	return namespace + " " + name
}
