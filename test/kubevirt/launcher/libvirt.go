// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strconv"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// DumpInactive is libvirt between two passes: it returns what virt-launcher
// reads (util.GetDomainSpecWithFlags with DOMAIN_XML_INACTIVE) after it had
// this domain defined. Only the devices matter, the rest of it is not used.
//
// What libvirt does to a domain was observed with its QEMU driver, 9.0 and by
// its notes for later versions: it drops what it does not know and the aliases
// that are not the user's, adds the devices that the machine type always has,
// and gives addresses. Here that is done to KubeVirt's structs, since
// everything is read into them anyway. Not played: addresses on ports that the
// domain already has, more than one virtio-scsi controller, USB hubs, devices
// that KubeVirt's structs do not hold. A test has libvirt judge it (test/libvirt/facts).
func DumpInactive(domain []byte) (*api.DomainSpec, error) {
	spec := &api.DomainSpec{}
	if err := xml.Unmarshal(domain, spec); err != nil {
		return nil, err
	}
	forget(&spec.Devices)
	if spec.Devices.Emulator == "" {
		spec.Devices.Emulator = "/usr/libexec/qemu-kvm"
	}
	if spec.OS.Type.Arch == "x86_64" {
		addQ35Devices(&spec.Devices)
	}
	copySerialConsole(&spec.Devices)
	sortDisks(spec.Devices.Disks)
	sortControllers(spec.Devices.Controllers)
	assignDriveAddresses(spec.Devices.Disks)
	assignUSBAddresses(&spec.Devices)
	assignPCIAddresses(spec)
	return spec, nil
}

// forget drops what libvirt does not keep of KubeVirt's structs: aliases
// without the prefix ua-, and fields that exist in KubeVirt only.
func forget(d *api.Devices) {
	for _, alias := range aliases(d) {
		if *alias != nil && !(*alias).IsUserDefined() {
			*alias = nil
		}
	}
	for i := range d.Disks {
		forgetOfDisk(&d.Disks[i])
	}
	for i := range d.Controllers {
		if d.Controllers[i].Model == "none" {
			d.Controllers[i].Address = nil
		}
	}
	if d.Ballooning != nil && d.Ballooning.Model == "none" {
		d.Ballooning.Address = nil
	}
	for i := range d.Graphics {
		if graphics := &d.Graphics[i]; graphics.Port > 0 && graphics.AutoPort == "" {
			graphics.AutoPort = "no"
		}
	}
	for i := range d.Filesystems {
		if filesystem := &d.Filesystems[i]; filesystem.Driver != nil && filesystem.Driver.Type == "virtiofs" {
			filesystem.AccessMode = ""
		}
	}
}

func forgetOfDisk(disk *api.Disk) {
	disk.Capacity, disk.FilesystemOverhead = nil, nil
	if disk.Target.Tray == "closed" {
		disk.Target.Tray = ""
	}
	switch disk.Type {
	case "block":
		disk.Source.Name = ""
	case "vhostuser":
		disk.Snapshot = "no"
	}
}

// aliases are the places of those that KubeVirt's structs hold.
func aliases(d *api.Devices) (all []**api.Alias) {
	for i := range d.Disks {
		all = append(all, &d.Disks[i].Alias)
	}
	for i := range d.Controllers {
		all = append(all, &d.Controllers[i].Alias)
	}
	for i := range d.HostDevices {
		all = append(all, &d.HostDevices[i].Alias)
	}
	for i := range d.Inputs {
		all = append(all, &d.Inputs[i].Alias)
	}
	for i := range d.Serials {
		all = append(all, &d.Serials[i].Alias)
	}
	for i := range d.Consoles {
		all = append(all, &d.Consoles[i].Alias)
	}
	for i := range d.SoundCards {
		all = append(all, &d.SoundCards[i].Alias)
	}
	for i := range d.Watchdogs {
		all = append(all, &d.Watchdogs[i].Alias)
	}
	return all
}

// addQ35Devices adds what every q35 machine of libvirt's has: KubeVirt starts
// no other on x86.
func addQ35Devices(d *api.Devices) {
	if !hasController(d, "sata") {
		d.Controllers = append(d.Controllers, api.Controller{Type: "sata", Index: "0", Address: pciAddress(0, 0x1f, 2)})
	}
	for _, kind := range []v1.InputType{"mouse", "keyboard"} {
		if !slices.ContainsFunc(d.Inputs, func(i api.Input) bool { return i.Type == kind && i.Bus == "ps2" }) {
			d.Inputs = append(d.Inputs, api.Input{Type: kind, Bus: "ps2"})
		}
	}
	for i := range d.Video {
		if model := &d.Video[i].Model; model.VRam == nil && (model.Type == "vga" || model.Type == "bochs") {
			vram := uint(16384)
			model.VRam = &vram
		}
	}
	for _, watchdog := range d.Watchdogs {
		if watchdog.Model == "itco" {
			return
		}
	}
	d.Watchdogs = append(d.Watchdogs, api.Watchdog{Model: "itco", Action: "reset"})
}

func hasController(d *api.Devices, kind string) bool {
	for _, c := range d.Controllers {
		if c.Type == kind {
			return true
		}
	}
	return false
}

// copySerialConsole makes the first console the twin of the first serial port.
func copySerialConsole(d *api.Devices) {
	if len(d.Consoles) == 0 || len(d.Serials) == 0 {
		return
	}
	console, serial := &d.Consoles[0], d.Serials[0]
	if console.Target == nil || console.Target.Type == nil || *console.Target.Type != "serial" {
		return
	}
	console.Type = serial.Type
	if serial.Source != nil {
		console.Source = &api.ConsoleSource{Mode: serial.Source.Mode, Path: serial.Source.Path}
	}
}

// sortDisks brings disks of one bus together, by their targets' names: buses in
// the order in which they first appear.
func sortDisks(disks []api.Disk) {
	order := map[v1.DiskBus]int{}
	for _, disk := range disks {
		if _, seen := order[disk.Target.Bus]; !seen {
			order[disk.Target.Bus] = len(order)
		}
	}
	slices.SortStableFunc(disks, func(a, b api.Disk) int {
		return cmp.Or(order[a.Target.Bus]-order[b.Target.Bus], driveIndex(a.Target.Device)-driveIndex(b.Target.Device))
	})
}

// sortControllers brings those of one type together, by their index.
func sortControllers(controllers []api.Controller) {
	order := map[string]int{}
	for _, c := range controllers {
		if _, seen := order[c.Type]; !seen {
			order[c.Type] = len(order)
		}
	}
	index := func(c api.Controller) int {
		number, _ := strconv.Atoi(c.Index) // libvirt gives those without one theirs
		return number
	}
	slices.SortStableFunc(controllers, func(a, b api.Controller) int {
		return cmp.Or(order[a.Type]-order[b.Type], index(a)-index(b))
	})
}

// assignDriveAddresses gives SATA and SCSI disks the place that their target's
// name stands for: sda is unit 0, sdc unit 2.
func assignDriveAddresses(disks []api.Disk) {
	for i := range disks {
		disk := &disks[i]
		bus := disk.Target.Bus
		if disk.Address == nil && bus == v1.DiskBusUSB {
			disk.Address = &api.Address{Type: "usb", Bus: "0"}
		}
		if bus != v1.DiskBusSATA && bus != v1.DiskBusSCSI {
			continue
		}
		if disk.Address == nil {
			unit, units := driveIndex(disk.Target.Device), 1<<14
			if bus == v1.DiskBusSATA {
				units = 6
			}
			disk.Address = &api.Address{Type: "drive", Controller: strconv.Itoa(unit / units), Bus: "0", Unit: strconv.Itoa(unit % units)}
		}
		if disk.Address.Target == "" {
			disk.Address.Target = "0"
		}
	}
}

// assignUSBAddresses gives USB devices their bus; libvirt chooses the port when it starts the domain.
func assignUSBAddresses(d *api.Devices) {
	for i := range d.Inputs {
		if input := &d.Inputs[i]; input.Bus == v1.InputBusUSB && input.Address == nil {
			input.Address = &api.Address{Type: "usb", Bus: "0"}
		}
	}
	for i := range d.HostDevices {
		if device := &d.HostDevices[i]; device.Type == "usb" && device.Address == nil {
			device.Address = &api.Address{Type: "usb", Bus: "0"}
		}
	}
}

// driveIndex is the inverse of converter.FormatDeviceName; its prefixes have two letters.
func driveIndex(device string) int {
	index := 0
	for _, letter := range device[min(2, len(device)):] {
		index = index*26 + int(letter-'a') + 1
	}
	return index - 1
}
