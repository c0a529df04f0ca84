// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch"
)

// vmField is a place of the domain for which the VM API has a field.
type vmField struct {
	shape string // of the place, see patch.Place.Shape
	// field is below spec.template.spec of a VirtualMachine, which is kubevirt.io/api's
	// VirtualMachineInstanceSpec; [] stands for the entries of a list.
	field string
	// condition must be among those of the path; empty for any path.
	condition string
	// values are those that the field can say; nil for all. gone stands for a removal.
	values []string
}

// gone is the value of a place that a rule removes. No text of a domain can hold it.
const gone = "\x00"

var onOff = []string{"on", "off"}

// vmFields are the places with a field of the VM API, by KubeVirt v1.9.0. A place is in the
// list where the field says all that the rule says, so that the rule is not needed.
var vmFields = []vmField{
	// CPU and memory
	{"/domain/cpu/@mode", "domain.cpu.model", "", []string{"host-passthrough", "host-model"}},
	{"/domain/cpu/model", "domain.cpu.model", "", nil},
	{"/domain/cpu/feature/@policy", "domain.cpu.features[].policy", "", nil},
	{"/domain/cpu/feature/@name", "domain.cpu.features[].name", "", nil},
	{"/domain/cpu/topology/@cores", "domain.cpu.cores", "", nil},
	{"/domain/cpu/topology/@sockets", "domain.cpu.sockets", "", nil},
	{"/domain/cpu/topology/@threads", "domain.cpu.threads", "", nil},
	{"/domain/vcpu", "domain.cpu.cores", "", nil},
	{"/domain/memory", "domain.memory.guest", "", nil},
	{"/domain/currentMemory", "domain.memory.guest", "", nil},
	{"/domain/maxMemory", "domain.memory.maxGuest", "", nil},
	{"/domain/memoryBacking/hugepages", "domain.memory.hugepages", "", nil},
	{"/domain/memoryBacking/hugepages/page/@size", "domain.memory.hugepages.pageSize", "", nil},
	{"/domain/iothreads", "domain.ioThreads.supplementalPoolThreadCount", "", nil},

	// Firmware, machine and SMBIOS
	{"/domain/uuid", "domain.firmware.uuid", "", nil},
	{"/domain/sysinfo/system/entry", "domain.firmware.uuid", "@name='uuid'", nil},
	{"/domain/sysinfo/system/entry", "domain.firmware.serial", "@name='serial'", nil},
	{"/domain/sysinfo/chassis/entry", "domain.chassis.manufacturer", "@name='manufacturer'", nil},
	{"/domain/sysinfo/chassis/entry", "domain.chassis.version", "@name='version'", nil},
	{"/domain/sysinfo/chassis/entry", "domain.chassis.serial", "@name='serial'", nil},
	{"/domain/sysinfo/chassis/entry", "domain.chassis.asset", "@name='asset'", nil},
	{"/domain/sysinfo/chassis/entry", "domain.chassis.sku", "@name='sku'", nil},
	{"/domain/os/type/@machine", "domain.machine.type", "", nil},
	{"/domain/os/loader/@secure", "domain.firmware.bootloader.efi.secureBoot", "", []string{"yes", "no"}},
	{"/domain/os/bios/@useserial", "domain.firmware.bootloader.bios.useSerial", "", []string{"yes", "no"}},
	{"/domain/os/cmdline", "domain.firmware.kernelBoot.kernelArgs", "", nil},
	{"/domain/os/kernel", "domain.firmware.kernelBoot.container.kernelPath", "", nil},
	{"/domain/os/initrd", "domain.firmware.kernelBoot.container.initrdPath", "", nil},
	{"/domain/on_reboot", "domain.rebootPolicy", "", []string{"destroy", "restart"}},
	{"/domain/launchSecurity/@type", "domain.launchSecurity.sev", "", []string{"sev"}},
	{"/domain/launchSecurity/@type", "domain.launchSecurity.snp", "", []string{"sev-snp"}},
	{"/domain/launchSecurity/@type", "domain.launchSecurity.tdx", "", []string{"tdx"}},
	{"/domain/launchSecurity/session", "domain.launchSecurity.sev.session", "", nil},
	{"/domain/launchSecurity/dhCert", "domain.launchSecurity.sev.dhCert", "", nil},

	// Features
	{"/domain/features/acpi", "domain.features.acpi", "", []string{"", gone}},
	{"/domain/features/apic", "domain.features.apic", "", []string{"", gone}},
	{"/domain/features/smm/@state", "domain.features.smm", "", onOff},
	{"/domain/features/kvm/hidden/@state", "domain.features.kvm.hidden", "", onOff},
	{"/domain/features/pvspinlock/@state", "domain.features.pvspinlock", "", onOff},
	{"/domain/features/hyperv/@mode", "domain.features.hypervPassthrough", "", []string{"passthrough"}},
	{"/domain/features/hyperv/relaxed/@state", "domain.features.hyperv.relaxed", "", onOff},
	{"/domain/features/hyperv/vapic/@state", "domain.features.hyperv.vapic", "", onOff},
	{"/domain/features/hyperv/spinlocks/@state", "domain.features.hyperv.spinlocks", "", onOff},
	{"/domain/features/hyperv/spinlocks/@retries", "domain.features.hyperv.spinlocks.spinlocks", "", nil},
	{"/domain/features/hyperv/vpindex/@state", "domain.features.hyperv.vpindex", "", onOff},
	{"/domain/features/hyperv/runtime/@state", "domain.features.hyperv.runtime", "", onOff},
	{"/domain/features/hyperv/synic/@state", "domain.features.hyperv.synic", "", onOff},
	{"/domain/features/hyperv/stimer/@state", "domain.features.hyperv.synictimer", "", onOff},
	{"/domain/features/hyperv/stimer/direct/@state", "domain.features.hyperv.synictimer.direct", "", onOff},
	{"/domain/features/hyperv/reset/@state", "domain.features.hyperv.reset", "", onOff},
	{"/domain/features/hyperv/vendor_id/@state", "domain.features.hyperv.vendorid", "", onOff},
	{"/domain/features/hyperv/vendor_id/@value", "domain.features.hyperv.vendorid.vendorid", "", nil},
	{"/domain/features/hyperv/frequencies/@state", "domain.features.hyperv.frequencies", "", onOff},
	{"/domain/features/hyperv/reenlightenment/@state", "domain.features.hyperv.reenlightenment", "", onOff},
	{"/domain/features/hyperv/tlbflush/@state", "domain.features.hyperv.tlbflush", "", onOff},
	{"/domain/features/hyperv/ipi/@state", "domain.features.hyperv.ipi", "", onOff},
	{"/domain/features/hyperv/evmcs/@state", "domain.features.hyperv.evmcs", "", onOff},

	// Clock
	{"/domain/clock/@offset", "domain.clock.utc", "", []string{"utc"}},
	{"/domain/clock/@adjustment", "domain.clock.utc.offsetSeconds", "", nil},
	{"/domain/clock/@timezone", "domain.clock.timezone", "", nil},
	{"/domain/clock/timer/@present", "domain.clock.timer.hpet.present", "@name='hpet'", nil},
	{"/domain/clock/timer/@tickpolicy", "domain.clock.timer.hpet.tickPolicy", "@name='hpet'", nil},
	{"/domain/clock/timer/@present", "domain.clock.timer.rtc.present", "@name='rtc'", nil},
	{"/domain/clock/timer/@tickpolicy", "domain.clock.timer.rtc.tickPolicy", "@name='rtc'", []string{"delay", "catchup"}},
	{"/domain/clock/timer/@track", "domain.clock.timer.rtc.track", "@name='rtc'", []string{"guest", "wall"}},
	{"/domain/clock/timer/@present", "domain.clock.timer.pit.present", "@name='pit'", nil},
	{"/domain/clock/timer/@tickpolicy", "domain.clock.timer.pit.tickPolicy", "@name='pit'", []string{"delay", "catchup", "discard"}},
	{"/domain/clock/timer/@present", "domain.clock.timer.kvm.present", "@name='kvmclock'", nil},
	{"/domain/clock/timer/@present", "domain.clock.timer.hyperv.present", "@name='hypervclock'", nil},

	// Disks
	{"/domain/devices/disk/driver/@cache", "domain.devices.disks[].cache", "", []string{"none", "writethrough", "writeback"}},
	{"/domain/devices/disk/driver/@io", "domain.devices.disks[].io", "", []string{"native", "threads"}},
	{"/domain/devices/disk/driver/@error_policy", "domain.devices.disks[].errorPolicy", "", nil},
	{"/domain/devices/disk/serial", "domain.devices.disks[].serial", "", nil},
	{"/domain/devices/disk/boot/@order", "domain.devices.disks[].bootOrder", "", nil},
	{"/domain/devices/disk/blockio/@logical_block_size", "domain.devices.disks[].blockSize.custom.logical", "", nil},
	{"/domain/devices/disk/blockio/@physical_block_size", "domain.devices.disks[].blockSize.custom.physical", "", nil},
	{"/domain/devices/disk/blockio/@discard_granularity", "domain.devices.disks[].blockSize.custom.discardGranularity", "", nil},
	{"/domain/devices/disk/shareable", "domain.devices.disks[].shareable", "", nil},
	{"/domain/devices/disk/readonly", "domain.devices.disks[].disk.readonly", "", nil},
	{"/domain/devices/disk/target/@bus", "domain.devices.disks[].disk.bus", "", []string{"virtio", "sata", "scsi", "usb"}},
	{"/domain/devices/disk/target/@tray", "domain.devices.disks[].cdrom.tray", "", []string{"open", "closed"}},

	// Network interfaces
	{"/domain/devices/interface/model/@type", "domain.devices.interfaces[].model", "",
		[]string{"virtio", "e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139"}},
	{"/domain/devices/interface/mac/@address", "domain.devices.interfaces[].macAddress", "", nil},
	{"/domain/devices/interface/boot/@order", "domain.devices.interfaces[].bootOrder", "", nil},
	{"/domain/devices/interface/acpi/@index", "domain.devices.interfaces[].acpiIndex", "", nil},
	{"/domain/devices/interface/address/@bus", "domain.devices.interfaces[].pciAddress", "", nil},
	{"/domain/devices/interface/link/@state", "domain.devices.interfaces[].state", "", []string{"up", "down"}},

	// Other devices
	{"/domain/devices/watchdog/@action", "domain.devices.watchdog.i6300esb.action", "", []string{"poweroff", "reset", "shutdown"}},
	{"/domain/devices/watchdog/@model", "domain.devices.watchdog.i6300esb", "", []string{"i6300esb"}},
	{"/domain/devices/watchdog/@model", "domain.devices.watchdog.diag288", "", []string{"diag288"}},
	{"/domain/devices/sound/@model", "domain.devices.sound.model", "", []string{"ich9", "ac97"}},
	{"/domain/devices/tpm/@model", "domain.devices.tpm", "", []string{"tpm-tis", "tpm-crb"}},
	{"/domain/devices/tpm/backend/@persistent_state", "domain.devices.tpm.persistent", "", nil},
	{"/domain/devices/rng/@model", "domain.devices.rng", "", []string{"virtio"}},
	{"/domain/devices/video/model/@type", "domain.devices.video.type", "", []string{"vga", "bochs", "virtio", "ramfb", "cirrus"}},
	{"/domain/devices/input/@type", "domain.devices.inputs[].type", "", []string{"tablet"}},
	{"/domain/devices/vsock", "domain.devices.autoattachVSOCK", "", nil},
	{"/domain/devices/panic/@model", "domain.devices.panicDevices[].model", "", []string{"hyperv", "isa", "pvpanic"}},
	{"/domain/devices/memballoon", "domain.devices.autoattachMemBalloon", "", []string{gone}},
	{"/domain/devices/memballoon/@model", "domain.devices.autoattachMemBalloon", "", []string{"none"}},
	{"/domain/devices/graphics", "domain.devices.autoattachGraphicsDevice", "", []string{gone}},
	{"/domain/devices/serial", "domain.devices.autoattachSerialConsole", "", []string{gone}},
	{"/domain/devices/interface", "domain.devices.autoattachPodInterface", "", []string{gone}},
}

// vmFieldOf finds the field of the VM API that says what a rule writes; nil if there is none.
func vmFieldOf(p *patch.Place) *vmField {
	shape := p.Shape()
	text := ""
	for i := range vmFields {
		f := &vmFields[i]
		if f.shape != shape || !f.says(p) {
			continue
		}
		if text == "" {
			text = p.String()
		}
		if strings.Contains(text, f.condition) {
			return f
		}
	}
	return nil
}

// says tells whether the field can say what the place gets.
func (f *vmField) says(p *patch.Place) bool {
	switch {
	case p.Removed:
		return slices.Contains(f.values, gone)
	case f.values == nil:
		return true
	}
	return p.Value != nil && slices.Contains(f.values, *p.Value)
}

// checkVMAPI finds rules for which the VM API has a field. A fragment counts only if there are
// fields for all of it: the rest could not stand without the rule.
func checkVMAPI(s *subject) {
	for i := range s.places {
		rule := &s.places[i]
		isFragment := s.patch.Spec.Domain[ruleIndex(rule)].XML != ""
		var found *vmField
		for j := range rule.Places {
			p := &rule.Places[j]
			if p.Incidental || isFragment && isNeutral(p) {
				continue
			}
			f := vmFieldOf(p)
			if f == nil && isFragment {
				found = nil
				break
			}
			if found == nil {
				found = f
			}
		}
		if found == nil {
			continue
		}
		field, offset := s.textWith(ruleIndex(rule), lastName(found.shape))
		message := "the VM API has a field for " + found.shape + ": spec.template.spec." + found.field
		fix := "set spec.template.spec." + found.field + " of the VirtualMachine, and remove the rule"
		if version := sinceVersion(found.field); version != "" {
			message += " (since KubeVirt " + version + ")"
			fix = "with KubeVirt " + version + " or later, " + fix
		}
		s.warnAt(UseVMAPI, field, offset, message, fix)
	}
}

// isNeutral says whether a place of a fragment only tells an element apart.
func isNeutral(p *patch.Place) bool {
	shape := p.Shape()
	return p.IsElement() || strings.HasSuffix(shape, "/alias/@name") || strings.HasSuffix(shape, "/timer/@name") || strings.HasSuffix(shape, "/entry/@name")
}

func lastName(shape string) string {
	return strings.TrimPrefix(shape[strings.LastIndexByte(shape, '/')+1:], "@")
}
