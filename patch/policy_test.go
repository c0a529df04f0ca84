// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// defaultPolicy is the policy that clusters get.
func defaultPolicy(t testing.TB) bundle.Policy {
	t.Helper()
	text, err := os.ReadFile("../config/policy/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Metadata struct{ Name string }
		Spec     struct {
			Allow []struct{ Path, Reason string }
		}
	}
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	policy := bundle.Policy{Name: object.Metadata.Name}
	for _, a := range object.Spec.Allow {
		if a.Reason == "" {
			t.Errorf("%s has no reason", a.Path)
		}
		policy.Allow = append(policy.Allow, a.Path)
	}
	return policy
}

func testDomain(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/domains", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func remove(path string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpRemove, Path: path}
}

func calc(path, expression string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpSet, Path: path, Expression: expression}
}

// mix merges a snippet into the domain, as one pastes it from libvirt's manual.
func mix(inner string) bundle.DomainRule {
	return merge("", "<domain>"+inner+"</domain>")
}

// patches makes one patch of every rule, so that they run as patches in a row.
func patches(rules ...bundle.DomainRule) []bundle.Patch {
	var all []bundle.Patch
	for i, r := range rules {
		all = append(all, onePatch(string(rune('a'+i)), r))
	}
	return all
}

// attempt is a try to change what the default policy leaves to the admin.
type attempt struct {
	reason  string
	patches []bundle.Patch
	place   string    // what the message names
	domain  [2]string // a change of the document before the patch: old, new
}

// one is an attempt of a single patch.
func one(reason, place string, rules ...bundle.DomainRule) attempt {
	return attempt{reason: reason, place: place, patches: []bundle.Patch{onePatch("p", rules...)}}
}

func (a attempt) on(old, new string) attempt {
	a.domain = [2]string{old, new}
	return a
}

const (
	devicesTag = "\t<devices>\n"
	aClock     = "\t<clock offset='timezone' timezone='UTC'/>\n"
)

var forbidden = map[string][]attempt{
	"emulator": {
		one("as it is meant", "/domain/devices/emulator", add("/domain/devices", "<emulator>/bin/sh</emulator>")),
		one("from below", "/domain/devices/emulator", add("//graphics/..", "<emulator>/bin/sh</emulator>")),
		one("in the place of a device that is allowed", "/domain/devices/emulator", replace("//sound", "<emulator>/bin/sh</emulator>")),
		one("merged", "/domain/devices/emulator/text()", mix("<devices><emulator>/bin/sh</emulator></devices>")).on(devicesTag, devicesTag+"<emulator>/usr/bin/qemu</emulator>"),
		one("one that is there", "/domain/devices/emulator/text()", set("//emulator", "/bin/sh")).on(devicesTag, devicesTag+"<emulator>/usr/bin/qemu</emulator>"),
		one("removed", "/domain/devices/emulator", remove("/domain/devices/*[contains(., 'qemu') and not(*)]")).on(devicesTag, devicesTag+"<emulator>/usr/bin/qemu</emulator>"),
	},
	"qemu:commandline": {
		one("as it is meant", "/domain/qemu:commandline", add("/domain", "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline>")),
		one("with another prefix", "/domain/qemu:commandline",
			add("/domain", "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-s'/></q:commandline>")),
		one("in the place of what is allowed", "/domain/qemu:commandline", replace("/domain/sysinfo", "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline>")),
		one("by merge", "/domain/qemu:commandline", merge("", "<domain><qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>")),
		one("an environment variable", "/domain/qemu:commandline", add("/domain", "<qemu:commandline><qemu:env name='LD_PRELOAD' value='/x'/></qemu:commandline>")),
	},
	"interface scripts": {
		one("as it is meant", "/domain/devices/interface[1]/script", set("/domain/devices/interface[1]/script/@path", "/x")),
		one("wherever", "/domain/devices/interface[2]/downscript", add("//interface[model/@type='e1000e']", "<downscript path='/x'/>")),
		one("in the place of what is allowed", "/domain/devices/interface[1]/script", replace("//interface/mtu", "<script path='/x'/>")),
		one("with a whole interface", "/domain/devices/interface[3]",
			add("/domain/devices", "<interface type='ethernet'><mac address='02:00:00:00:00:09'/><script path='/x'/></interface>")),
	},
	"seclabel": {
		one("as it is meant", "/domain/seclabel", add("/domain", "<seclabel type='none'/>")),
		one("merged", "/domain/seclabel", mix("<seclabel type='none'/>")),
		one("created", "/domain/seclabel", set("/domain/seclabel/@type", "none")),
		one("of a disk", "/domain/devices/disk[1]/source/seclabel", set("//disk[target/@dev='vda']/source/seclabel/@model", "dac")),
	},
	"disk source": {
		one("as it is meant", "/domain/devices/disk[1]/source/@file", set("/domain/devices/disk[1]/source/@file", "/etc/shadow")),
		one("wherever", "/domain/memoryBacking/source/@dev", set("//source/@dev", "/dev/sda")),
		one("merged", "/domain/devices/disk[1]/source/@file", mix("<devices><disk><source file='/etc/shadow'/><target dev='vda'/></disk></devices>")),
		one("with the whole disk", "/domain/devices/disk[1]/source/@file", replace("/domain/devices/disk[1]",
			`<disk device="disk" type="file" model="virtio-non-transitional"><source file="/etc/shadow"/><target bus="virtio" dev="vda"/></disk>`)),
		one("from an expression", "/domain/devices/disk[1]/source/@file", calc("//disk/source/@file", "vmi.metadata.annotations['vendor']")),
		one("another attribute", "/domain/devices/disk[1]/source/@startupPolicy", set("//disk[alias/@name='ua-root']/source/@startupPolicy", "optional")),
		one("by the twin of the disk", "/domain/devices/disk[1]/@model",
			add("/domain/devices", "<disk type='file' device='disk'><source file='/etc/shadow'/><target dev='vda' bus='virtio'/><alias name='ua-root'/></disk>")),
		one("a new disk", "/domain/devices/disk[8]", add("/domain/devices", "<disk type='file' device='disk'><source file='/etc/shadow'/><target dev='vdz' bus='virtio'/></disk>")),
		one("a new disk that holds what is allowed", "/domain/devices/disk[8]",
			add("/domain/devices", "<disk><iotune><total_iops_sec>1</total_iops_sec></iotune><target dev='vdz' rotation_rate='1'/></disk>")),
		one("the type", "/domain/devices/disk[1]/@type", set("//disk[target/@dev='vda']/@type", "block")),
		one("the device", "/domain/devices/disk[1]/@device", set("//disk[target/@dev='vda']/@device", "lun")),
		one("a disk less", "/domain/devices/disk[1]", remove("//disk[target/@dev='vda']")),
		one("all disks less", "/domain/devices/disk[1]", remove("//target[@bus='virtio']/..")),
	},
	"disk driver": {
		one("the type", "/domain/devices/disk[1]/driver/@type", set("//disk[not(@none)]/driver/@type", "vmdk")),
		one("the type of all", "/domain/devices/disk[1]/driver/@type", calc("//disk/driver/@type", "'vmdk'")),
		one("the type removed", "/domain/devices/disk[1]/driver/@type", remove("//disk/driver/@type")),
		one("every attribute removed", "/domain/devices/disk[1]/driver", remove("//disk/driver")),
		one("replaced by what is allowed", "/domain/devices/disk[1]/driver/@error_policy",
			bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain/devices/disk[1]/source", Position: bundle.PositionBefore, XML: "<driver cache='none'/>"}),
		{reason: "two patches in a row, each harmless", place: "/domain/devices/disk[1]/driver",
			patches: patches(set("/domain/devices/disk[1]/driver/@cache", "unsafe"), remove("/domain/devices/disk[1]/driver"))},
		one("one in front of the driver, out of two parts that are allowed", "/domain/devices/disk[2]/driver[1]", replace("/domain/devices/disk[2]/serial", "<driver cache='unsafe'/>")),
		one("iothread", "/domain/devices/disk[1]/driver/@iothread", set("//disk[alias/@name='ua-root']/driver/@iothread", "1")),
	},
	"backing store": {
		one("of a disk without", "/domain/devices/disk[1]/backingStore", set("//disk[target/@dev='vda']/backingStore/source/@file", "/etc/shadow")),
		one("one that is there", "/domain/devices/disk[6]/backingStore/source/@file", set("//backingStore/source/@file", "/etc/shadow")),
		one("its format", "/domain/devices/disk[6]/backingStore/format/@type", set("//format/@type", "raw")),
	},
	"firmware and kernel files": {
		one("loader", "/domain/os/loader/text()", set("/domain/os/loader", "/x")),
		one("loader removed", "/domain/os/loader", remove("/domain/os/loader")),
		one("loader's kind", "/domain/os/loader/@readonly", set("//loader/@readonly", "no")),
		one("nvram", "/domain/os/nvram/text()", set("//nvram", "/x")),
		one("nvram template", "/domain/os/nvram/@template", set("//nvram/@template", "/x")),
		one("kernel", "/domain/os/kernel", add("/domain/os", "<kernel>/etc/shadow</kernel>")),
		one("initrd", "/domain/os/initrd", set("/domain/os/initrd", "/etc/shadow")),
		one("kernel arguments", "/domain/os/cmdline", set("/domain/os/smbios/../cmdline", "x")),
		one("device tree", "/domain/os/dtb", set("/domain/os/dtb", "/x")),
		one("ACPI table", "/domain/os/acpi", set("/domain/os/acpi/table[@type='slic']", "/x")),
		one("ROM", "/domain/devices/interface[2]/rom/@file", set("//rom/@file", "/x")),
		one("ROM of a device that is allowed", "/domain/devices/sound", set("/domain/devices/sound/rom/@file", "/x")),
		one("the whole of os", "/domain/os", remove("/domain/os")),
	},
	"character devices and logs": {
		one("the path", "/domain/devices/serial/source/@path", set("//serial/source/@path", "/x")),
		one("the log", "/domain/devices/serial/log/@file", set("//log/@file", "/x")),
		one("a log where there was none", "/domain/devices/console/log", set("/domain/devices/console/log/@file", "/x")),
		one("the type", "/domain/devices/serial/@type", set("/domain/devices/serial/@type", "tcp")),
		one("a channel", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel type='unix'><source mode='bind' path='/x'/><target type='virtio' name='x'/></channel>")),
		one("a channel of the kind that is allowed, with a log", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel type='qemu-vdagent'><log file='/x'/><target type='virtio' name='x'/></channel>")),
		one("with another target", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel type='qemu-vdagent'><target type='guestfwd' address='10.0.2.1' port='80' name='x'/></channel>")),
		one("with two targets", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel type='qemu-vdagent'><target type='virtio' name='x'/><target type='guestfwd' address='10.0.2.1' port='80'/></channel>")),
		one("libvirt reads the first of the two types", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel x:type='unix' type='qemu-vdagent' xmlns:x='urn:x'><source mode='bind' path='/x'/><target type='virtio' name='x'/></channel>")),
		one("libvirt does not look at the prefix", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel type='qemu-vdagent' xmlns:x='urn:x'><x:log file='/x'/><target type='virtio' name='x'/></channel>")),
		one("libvirt does not look at the namespace of a target's type", "/domain/devices/channel[2]",
			add("/domain/devices", "<channel type='qemu-vdagent' xmlns:x='urn:x'><target x:type='guestfwd' type='virtio' name='x'/></channel>")),
		one("labels of the source's file", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<source><seclabel model='dac' relabel='no'/></source>"))),
		one("a path in the source", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<source path='/x'/>"))),
		one("a path in the second source", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<source><clipboard copypaste='yes'/></source><source path='/x'/>"))),
		one("a host in the source", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<source mode='connect' host='192.0.2.1' service='80'/>"))),
		one("a connection that is made again", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<source><reconnect enabled='yes' timeout='1'/></source>"))),
		one("a protocol", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<protocol type='telnet'/>"))),
		one("a channel that is there turned into one that is allowed", "/domain/devices/channel", set("//channel/@type", "qemu-vdagent")),
		one("USB redirection", "/domain/devices/redirdev[1]/source/@path", set("//redirdev/source/@path", "/x")),
	},
	"host devices": {
		one("in the place of a device that is allowed", "/domain/devices/hostdev", replace("//sound", "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>")),
		one("as it is meant", "/domain/devices/hostdev", add("/domain/devices",
			"<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' slot='0' function='0'/></source><alias name='ua-x'/></hostdev>")),
		one("in front", "/domain/devices/hostdev", bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain/devices/video", Position: bundle.PositionBefore,
			XML: "<hostdev mode='subsystem' type='usb'><source><vendor id='1'/></source><alias name='ua-x'/></hostdev>"}),
		one("an interface", "/domain/devices/interface[1]/@type", set("//interface[mac/@address='02:00:5e:00:02:01']/@type", "hostdev")),
		one("a driver of one", "/domain/devices/interface[1]/driver/@model", set("/domain/devices/interface[1]/driver/@model", "vfio")),
	},
	"vhostuser": {
		one("an interface", "/domain/devices/interface[3]", add("/domain/devices",
			"<interface type='vhostuser'><mac address='02:00:00:00:00:09'/><source type='unix' path='/x' mode='client'/></interface>")),
		one("its source", "/domain/devices/interface[1]/source/@path", set("/domain/devices/interface[1]/source/@path", "/x")),
		one("a disk", "/domain/devices/disk[1]/@type", set("/domain/devices/disk[1]/@type", "vhostuser"), set("/domain/devices/disk[1]/source/@path", "/x")),
		one("a graphics card", "/domain/devices/video/driver", set("/domain/devices/video/driver/@name", "vhostuser")),
	},
	"filesystem": {
		one("as it is meant", "/domain/devices/filesystem[2]", add("/domain/devices",
			"<filesystem type='mount'><source dir='/'/><target dir='x'/></filesystem>")),
		one("another folder", "/domain/devices/filesystem/source/@dir", set("//filesystem/source/@dir", "/")),
		one("another program", "/domain/devices/filesystem/binary", set("//filesystem/binary/@path", "/x")),
		one("another socket", "/domain/devices/filesystem/source/@socket", calc("//filesystem/source/@socket", "'/x'")),
	},
	"vsock": {
		one("its address", "/domain/devices/vsock/cid/@address", set("//vsock/cid/@address", "3")).
			on(devicesTag, devicesTag+"<vsock model='virtio'><cid auto='no' address='7'/></vsock>"),
		one("removed", "/domain/devices/vsock", remove("//cid/..")).on(devicesTag, devicesTag+"<vsock model='virtio'><cid auto='no' address='7'/></vsock>"),
	},
	"graphics": {
		one("a listener", "/domain/devices/graphics/listen/@address", set("//graphics/listen/@type", "address"), set("//graphics/listen/@address", "0.0.0.0")),
		one("a port", "/domain/devices/graphics/@port", set("//graphics/@port", "5900")),
		one("a socket", "/domain/devices/graphics/listen/@socket", set("//listen/@socket", "/x")),
		one("rendernode", "/domain/devices/graphics/gl", set("/domain/devices/graphics/gl/@rendernode", "/dev/dri/x")),
		one("rendernode of the card", "/domain/devices/video/model/acceleration", set("/domain/devices/video/model/acceleration/@rendernode", "/dev/dri/x")),
		one("another attribute of the card", "/domain/devices/video/model/@blob", set("/domain/devices/video/model/@blob", "on")),
		one("a card less", "/domain/devices/video", remove("//video")),
	},
	"evdev": {
		one("the type", "/domain/devices/input[1]", set("/domain/devices/input[1]/@type", "evdev"), set("/domain/devices/input[1]/source/@dev", "/dev/input/event0")),
		one("passthrough", "/domain/devices/input[2]", set("//input[@bus='virtio']/@type", "passthrough"), set("//input[@bus='virtio']/source/@evdev", "/dev/input/event0")),
		one("the source alone", "/domain/devices/input[1]", set("//input/source/@dev", "/dev/input/event0")),
	},
	"fwcfg": {
		one("a file of one that is there", "/domain/sysinfo[2]/entry/@file", set("//sysinfo/entry[@name='opt/x']/@file", "/etc/shadow")).
			on("\t<devices>\n", "<sysinfo type='fwcfg'><entry name='opt/x'>a</entry></sysinfo>\n\t<devices>\n"),
		one("in the place of what is allowed", "/domain/sysinfo", replace("/domain/sysinfo", "<sysinfo type='fwcfg'><entry name='opt/x' file='/etc/shadow'/></sysinfo>")),
		one("by changing the type", "/domain/sysinfo", set("/domain/sysinfo/@type", "fwcfg"), set("/domain/sysinfo/entry[@name='opt/x']/@file", "/etc/shadow")),
		one("the node's own SMBIOS", "/domain/os/smbios", set("/domain/os/smbios/@mode", "host")),
	},
	"rng and tpm": {
		one("a backend", "/domain/devices/rng/backend/text()", set("//rng/backend", "/etc/shadow")),
		one("a backend's kind", "/domain/devices/rng/backend/@model", set("/domain/devices/rng/backend/@model", "egd")),
		one("another rng", "/domain/devices/rng/@model", add("/domain/devices", "<rng model='virtio'><backend model='random'>/etc/shadow</backend></rng>")),
		one("the TPM's kind", "/domain/devices/tpm/backend/@type", set("//tpm/backend/@type", "passthrough")),
		one("the TPM's device", "/domain/devices/tpm/backend/device", set("//tpm/backend/device/@path", "/dev/x")),
	},
	"memory backing and protection": {
		one("a source", "/domain/memoryBacking/source/@type", set("/domain/memoryBacking/source/@type", "file")),
		one("removed", "/domain/memoryBacking", remove("//access/..")),
		one("locked", "/domain/memoryBacking/locked", add("/domain/memoryBacking", "<locked/>")),
		one("launchSecurity", "/domain/launchSecurity", add("/domain", "<launchSecurity type='sev'><policy>0x1</policy></launchSecurity>")),
		one("created", "/domain/launchSecurity", set("/domain/launchSecurity/@type", "sev")),
	},
	"time zone": {
		one("a file of the node", "/domain/clock", set("/domain/clock/@timezone", ":/etc/shadow")),
		one("the same without a colon", "/domain/clock", set("/domain/clock/@timezone", "/etc/shadow")),
		one("from the folder of time zones upwards", "/domain/clock", set("/domain/clock/@timezone", "Europe/../../../../etc/shadow")),
		one("from there, with a colon", "/domain/clock", set("/domain/clock/@timezone", ":../../../etc/shadow")),
		one("with a new clock", "/domain/clock", replace("/domain/clock", "<clock offset='timezone' timezone='/dev/x'/>")).on(devicesTag, aClock+devicesTag),
		one("merged", "/domain/clock", mix("<clock offset='timezone' timezone='./dev/x'/>")),
		one("a second clock", "/domain/clock", add("/domain", "<clock offset='timezone' timezone=':/x'/>")).on(devicesTag, aClock+devicesTag),
		one("libvirt does not look at the namespace", "/domain/clock", replace("/domain/clock", "<clock offset='timezone' x:timezone='/x' timezone='UTC' xmlns:x='urn:x'/>")).on(devicesTag, aClock+devicesTag),
	},
	"children of devices that are allowed": {
		one("of the balloon", "/domain/devices/memballoon", add("//memballoon", "<source path='/x'/>")),
		one("a new balloon", "/domain/devices/memballoon", replace("//memballoon", "<memballoon model='virtio'><backend><device path='/x'/></backend></memballoon>")),
		one("a ROM of the balloon", "/domain/devices/memballoon", set("//memballoon/rom/@file", "/x")),
		one("of the watchdog", "/domain/devices/watchdog", add("//watchdog", "<source path='/x'/>")),
		one("of the sound card", "/domain/devices/sound", add("//sound", "<source path='/x'/>")),
		one("of an input", "/domain/devices/input[1]", add("//input[@bus='usb']", "<log file='/x'/>")),
		one("of a channel", "/domain/devices/channel[2]", add("/domain/devices", vdagent("<boot order='1'/>"))),
	},
	"memory and CPUs": {
		one("memory", "/domain/memory/text()", set("/domain/memory", "1")),
		one("its unit", "/domain/memory/@unit", set("/domain/memory/@unit", "GiB")),
		one("maxMemory", "/domain/maxMemory", remove("/domain/maxMemory")),
		one("vcpu", "/domain/vcpu/text()", set("//vcpu[@placement]", "64")),
		one("pins", "/domain/cputune", set("/domain/cputune/vcpupin[@vcpu='0']/@cpuset", "0-99")),
		one("topology", "/domain/cpu/topology/@sockets", set("/domain/cpu/topology/@sockets", "9")),
		one("the memory of a cell", "/domain/cpu/numa/cell/@memory", set("//cell/@memory", "1")),
		one("merged", "/domain/vcpu/text()", mix("<clock offset='localtime'/><vcpu>64</vcpu>")),
		one("text replaced", "/domain/vcpu/text()", bundle.DomainRule{Op: bundle.OpReplace, Path: "//vcpu[@placement]", Value: ptr("64")}),
		one("the whole CPU, by one without topology", "/domain/cpu/topology", replace("/domain/cpu", "<cpu mode='host-passthrough'/>")),
		one("the whole CPU", "/domain/cpu", remove("/domain/cpu")),
		one("hugepages", "/domain/memoryBacking/hugepages", set("/domain/memoryBacking/hugepages/page/@size", "1")),
	},
	"names and metadata": {
		one("the name", "/domain/name/text()", set("/domain/name", "other_vm")),
		one("the name as markup", "/domain/name/text()", set("/domain/name", "x</name><emulator>/bin/sh</emulator><name>")),
		one("a name merged", "/domain/name/text()", mix("<name>other</name>")),
		one("a UUID", "/domain/uuid", add("/domain", "<uuid>4f8e1f66-8d8c-4a3b-8f0a-5c1de0000009</uuid>")),
		one("KubeVirt's metadata", "/domain/metadata/kubevirt:kubevirt/kubevirt:uid/text()", set("//kubevirt:uid", "x")),
		one("all metadata", "/domain/metadata", remove("//kubevirt:kubevirt/..")),
		one("the type of the domain", "/domain/@type", set("/domain/@type", "qemu")),
		one("the machine", "/domain/os/type/@machine", set("//type/@machine", "pc")),
		one("a title", "/domain/title", set("/domain/title", "x")),
	},
	"what looks allowed": {
		one("action dump", "/domain/devices/watchdog", set("//watchdog/@action", "dump")),
		one("controllers", "/domain/devices/controller[2]/@model", set("//controller[@type='scsi']/@model", "x")),
		{reason: "two patches in a row", place: "/domain/devices/serial/log/@file",
			patches: patches(set("//disk/serial", "/x"), calc("//serial/log/@file", "xpath('//disk/serial')[0]"))},
		one("beside many that are allowed", "/domain/vcpu/text()", set("//disk/serial", "x"), set("/domain/clock/@offset", "localtime"), set("/domain/vcpu", "99")),
		one("a feature", "/domain/features/acpi", remove("/domain/features/acpi")),
		one("an address", "/domain/devices/disk[2]/address/@unit", set("//disk[target/@dev='sda']/address/@unit", "5")),
		one("an alias", "/domain/devices/disk[1]/alias/@name", set("//disk[target/@dev='vda']/alias/@name", "ua-other")),
	},
}

// vdagent is a channel of the kind that is allowed, with more in it.
func vdagent(more string) string {
	return "<channel type='qemu-vdagent'>" + more + "<target type='virtio' name='com.redhat.spice.0'/></channel>"
}

func TestPolicyDenies(t *testing.T) {
	policy := defaultPolicy(t)
	for class, attempts := range forbidden {
		if len(attempts) < 2 {
			t.Errorf("%s: only %d attempts", class, len(attempts))
		}
		for _, a := range attempts {
			t.Run(class+"/"+a.reason, func(t *testing.T) {
				b := bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: a.patches}
				in := testDomain(t, "devices")
				if a.domain[0] != "" {
					in = strings.Replace(in, a.domain[0], a.domain[1], 1)
				}
				out, _, err := compile(t, &b).Domain(context.Background(), []byte(in), []byte(vmi), nil)
				lost := err != nil && strings.Contains(err.Error(), "does not survive KubeVirt's second pass") // but the first had it
				if err != nil && !lost || string(out) == in {
					t.Fatalf("without policies: error %v, changed %t: the attempt attempts nothing", err, string(out) != in)
				}
				b.Policies = []bundle.Policy{policy}
				out, report, err := compile(t, &b).Domain(context.Background(), []byte(in), []byte(vmi), nil)
				checkDenied(t, err, a.place)
				if out != nil || report.Patches[len(report.Patches)-1].Outcome != patch.Failed {
					t.Errorf("a document came back, or the report says other: %+v", report)
				}
			})
		}
	}
}

func checkDenied(t *testing.T, err error, place string) {
	t.Helper()
	var e *patch.Error
	if !errors.As(err, &e) || e.Field != "spec.domain" || !strings.Contains(err.Error(), "denied by DomainPatchPolicy default: "+place+" is ") {
		t.Errorf("got %v\nwant a denial at %s", err, place)
	}
}

// What a tenant may do under the default policy.
func TestPolicyAllows(t *testing.T) {
	cases := map[string][]bundle.DomainRule{
		"SMBIOS":              {set("/domain/os/smbios/@mode", "sysinfo"), set("/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']", "Radical Edward")},
		"merged":              {mix("<clock offset='localtime'/><os><smbios mode='sysinfo'/></os><devices><disk><target dev='vda' rotation_rate='1'/><serial>S</serial></disk><interface><alias name='ua-default'/><mtu size='9000'/></interface></devices>")},
		"replaced":            {replace("//sound", "<sound model='ac97'/>"), replace("//memballoon", "<memballoon model='none'/>")},
		"SMBIOS away":         {remove("/domain/sysinfo"), remove("/domain/os/smbios")},
		"iotune":              {set("//disk/iotune/total_iops_sec", "100"), set("//disk[target/@bus='virtio']/iotune/group_name", "g")},
		"disk":                {set("//disk/serial", "S"), set("//disk/wwn", "5000c50015ea71aa"), set("//disk/target/@rotation_rate", "1"), set("//disk/blockio/@logical_block_size", "4096")},
		"disk driver":         {set("//disk/driver/@cache", "writeback"), set("//disk/driver/@detect_zeroes", "unmap"), remove("//disk/driver/@discard")},
		"interface":           {set("//interface/mtu/@size", "9000"), set("//interface/model/@type", "vmxnet3"), set("//interface/driver/@queues", "2"), set("//interface/driver/@rx_queue_size", "1024"), set("//interface/driver/@tx_queue_size", "256")},
		"no mtu":              {remove("//interface/mtu")},
		"vdagent":             {add("/domain/devices", vdagent("<source><clipboard copypaste='yes'/><mouse mode='client'/></source><alias name='ua-x'/><address type='virtio-serial' controller='0' bus='0' port='5'/>"))},
		"vdagent of KubeVirt": {add("/domain/devices", vdagent("<source mode='' path=''/>"))},
		"video":               {set("//video/model/@type", "virtio"), set("//video/model/@vram", "65536"), set("//video/model/@heads", "2"), set("//video/model/resolution/@x", "800"), set("//video/model/resolution/@y", "600")},
		"CPU":                 {set("/domain/cpu/@mode", "custom"), set("/domain/cpu/model", "Skylake-Server"), set("/domain/cpu/feature[@name='vmx']/@policy", "disable"), set("/domain/cpu/cache/@mode", "passthrough")},
		"features":            {set("/domain/features/kvm/hidden/@state", "off"), set("/domain/features/hyperv/vendor_id/@value", "x")},
		"clock":               {set("/domain/clock/@offset", "localtime"), set("/domain/clock/timer[@name='hpet']/@present", "no"), set("/domain/clock/timer[@name='rtc']/catchup/@threshold", "1")},
		"time zone":           {set("/domain/clock/@offset", "timezone"), set("/domain/clock/@timezone", "America/Port-au-Prince")},
		"no city":             {set("/domain/clock/@timezone", "Etc/GMT+5")},
		"balloon":             {mix("<devices><memballoon model='virtio' autodeflate='on'><stats period='5'/><driver iommu='on'/><alias name='ua-x'/><address type='pci' domain='0' bus='9' slot='0' function='0'/></memballoon></devices>")},
		"addresses":           {set("//watchdog/address/@type", "pci"), set("//sound/address/@type", "pci"), add("//sound", "<codec type='micro'/>"), add("//sound", "<audio id='1'/>"), set("//input[@bus='virtio']/driver/@iommu", "on")},
		"watchdog":            {set("//watchdog/@action", "reset")},
		"no watchdog":         {remove("//watchdog")},
		"sound":               {set("//sound/@model", "ac97")},
		"no balloon":          {set("//memballoon/@model", "none")},
		"input":               {set("//input[@bus='usb']/@bus", "ps2"), set("//input[@bus='ps2']/@type", "mouse")},
		"nothing":             {set("/domain/vcpu", "16"), remove("//emulator")},
		"back again":          {set("/domain/name", "other"), set("/domain/name", "vms_devices")},
		"mixed nodes":         {set("//disk/serial", "S"), set("//disk/driver/@cache", "none")},
		"many entries":        {set("/domain/sysinfo/system/entry[@name='sku']", "1"), set("/domain/sysinfo/chassis/entry[@name='asset']", "2")},
	}
	for name, rules := range cases {
		t.Run(name, func(t *testing.T) {
			in := testDomain(t, "devices")
			free := bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{onePatch("p", rules...)}}
			want, _, err := compile(t, &free).Domain(context.Background(), []byte(in), []byte(vmi), nil)
			if err != nil || string(want) == in != (name == "nothing" || name == "back again") {
				t.Fatalf("without policies: %v, changed %t", err, string(want) != in)
			}
			governed := free
			governed.Policies = []bundle.Policy{defaultPolicy(t)}
			got, report, err := compile(t, &governed).Domain(context.Background(), []byte(in), []byte(vmi), nil)
			if err != nil || string(got) != string(want) {
				t.Fatalf("%v, the result is that without policies: %t", err, string(got) == string(want))
			}
			if _, _, err := compile(t, &governed).Domain(context.Background(), got, []byte(vmi), report); err != nil {
				t.Errorf("a repeated call: %v", err)
			}
		})
	}
}

// A rule that selects nothing until libvirt has added something must not get past.
func TestPolicyOnRepeat(t *testing.T) {
	const added = "<controller type='pci' index='7'><address type='pci'/></controller>"
	in := testDomain(t, "devices")
	later := strings.Replace(in, "</devices>", added+"</devices>", 1)
	sneaky := onePatch("sneaky", set("//disk/serial", "S"),
		bundle.DomainRule{Op: bundle.OpSet, Path: "//controller[@index='7']/../serial/log/@file", Value: ptr("/x"), Expect: bundle.ExpectAny})
	for _, policy := range []bundle.FailurePolicy{bundle.Fail, bundle.Ignore} {
		t.Run(string(policy), func(t *testing.T) {
			sneaky.FailurePolicy = policy
			p := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{sneaky, onePatch("honest", set("/domain/clock/@offset", "localtime"))},
				Policies: []bundle.Policy{defaultPolicy(t)}})
			_, first, err := p.Domain(context.Background(), []byte(in), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, report, err := p.Domain(context.Background(), []byte(later), nil, first)
			if policy == bundle.Fail {
				checkDenied(t, err, "/domain/devices/serial/log/@file")
				return
			}
			if err != nil || report.Patches[0].Outcome != patch.Ignored || !strings.Contains(report.Patches[0].Reason, "denied by DomainPatchPolicy default") {
				t.Fatalf("error %v, report %+v", err, report)
			}
			if strings.Contains(string(out), `file="/x"`) || strings.Contains(string(out), "<serial>S<") || !strings.Contains(string(out), "localtime") {
				t.Errorf("not undone, or the other patch with it:\n%s", out)
			}
		})
	}
}

func TestPolicyScope(t *testing.T) {
	in := testDomain(t, "devices")
	denied := set("/domain/vcpu", "4")
	cluster := func(p bundle.Patch) bundle.Patch {
		p.Kind, p.Namespace = bundle.KindClusterDomainPatch, ""
		return p
	}
	ignored := onePatch("ignored", set("//disk[target/@dev='vda']/serial", "S"), denied)
	ignored.FailurePolicy = bundle.Ignore
	policy := func(name string, allow ...string) bundle.Policy { return bundle.Policy{Name: name, Allow: allow} }
	matches := strings.Replace(in, "</devices>", strings.Repeat("<a/>", selector.MaxMatches+1)+"</devices>", 1)
	cases := map[string]struct {
		reason   string
		domain   string
		patches  []bundle.Patch
		policies []bundle.Policy
		changed  string // part of the result
		err      string
	}{
		"NoPolicies":    {"nothing limits", in, []bundle.Patch{onePatch("p", denied)}, nil, ">4</vcpu>", ""},
		"EmptyPolicy":   {"nothing is allowed", in, []bundle.Patch{onePatch("p", set("//disk/serial", "S"))}, []bundle.Policy{policy("a")}, "", "denied by DomainPatchPolicy a: /domain/devices/disk[1]/serial is added"},
		"EmptyUnmoved":  {"nothing is changed, either", in, []bundle.Patch{onePatch("p", set("/domain/vcpu", "16"))}, []bundle.Policy{policy("a")}, "", ""},
		"Cluster":       {"the admin's own patches are exempt", in, []bundle.Patch{onePatch("p", set("//disk/serial", "S")), cluster(onePatch("c", denied))}, []bundle.Policy{policy("a", "//disk/serial")}, ">4</vcpu>", ""},
		"ClusterFirst":  {"and are not what a later patch is blamed for", in, []bundle.Patch{cluster(onePatch("c", denied)), onePatch("p", set("//disk/serial", "S"))}, []bundle.Policy{policy("a", "//disk/serial")}, ">4</vcpu>", ""},
		"ClusterBefore": {"a tenant cannot undo them", in, []bundle.Patch{cluster(onePatch("c", denied)), onePatch("p", set("/domain/vcpu", "16"))}, []bundle.Policy{policy("a", "//disk/serial")}, "", "DomainPatch ns/p: spec.domain: denied"},
		"Union":         {"policies add up", in, []bundle.Patch{onePatch("p", denied, set("//disk/serial", "S"))}, []bundle.Policy{policy("a", "//disk/serial"), policy("b", "/domain/vcpu")}, ">4</vcpu>", ""},
		"Names":         {"the message names them", in, []bundle.Patch{onePatch("p", denied)}, []bundle.Policy{policy("a"), policy("b"), policy("c"), policy("d")}, "", "denied by DomainPatchPolicy a, b, c and 1 more: /domain/vcpu/text() is changed"},
		"Ignored":       {"a denied patch is undone as a whole", in, []bundle.Patch{ignored, onePatch("p", set("//disk/wwn", "5"))}, []bundle.Policy{policy("a", "//disk/serial", "//disk/wwn")}, "<wwn>5</wwn>", ""},
		"Blame":         {"the patch that did it is named", in, []bundle.Patch{onePatch("a", set("//disk/serial", "S")), onePatch("b", denied), onePatch("c", set("//disk/serial", "T"))}, []bundle.Policy{policy("a", "//disk/serial")}, "", "DomainPatch ns/b: spec.domain: denied"},
		"Undone": {"what was undone is forgotten", in, []bundle.Patch{ignored, cluster(onePatch("c", set("//disk[target/@dev='vda']/serial", "C"), set("/domain/os/smbios/@mode", "emulate"))), onePatch("p", denied)},
			[]bundle.Policy{policy("a", "//disk/serial", "//smbios/@mode")}, "", "DomainPatch ns/p: spec.domain: denied"},
		"Limit":          {"what cannot be told is denied", matches, []bundle.Patch{onePatch("p", set("//disk/serial", "S"))}, []bundle.Policy{policy("a", "//disk/serial", "//a")}, "", "denied: DomainPatchPolicy a does not tell what it allows: spec.allow[1].path: //a: "},
		"LimitUnmoved":   {"but only where something changed", matches, []bundle.Patch{onePatch("p", set("/domain/vcpu", "16"))}, []bundle.Policy{policy("a", "//a")}, "", ""},
		"Metadata":       {"metadata are of KubeVirt's namespace", in, []bundle.Patch{onePatch("p", set("//kubevirt:uid", "x"))}, []bundle.Policy{policy("a", "/domain/metadata")}, ">x</uid>", ""},
		"Domain":         {"a policy may allow all", in, []bundle.Patch{onePatch("p", set("//kubevirt:uid", "x"), denied)}, []bundle.Policy{policy("a", "/domain")}, ">4</vcpu>", ""},
		"DomainQEMU":     {"QEMU's namespace included", in, []bundle.Patch{onePatch("p", add("/domain", "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline>"))}, []bundle.Policy{policy("a", "/domain")}, "qemu:arg", ""},
		"MetadataBeside": {"no more than metadata", in, []bundle.Patch{onePatch("p", set("//kubevirt:uid", "x"), denied)}, []bundle.Policy{policy("a", "/domain/metadata")}, "", "denied by DomainPatchPolicy a: /domain/vcpu/text() is changed"},
		"BlankFilled": {"white space is no obstacle", strings.Replace(in, features(t, in), "<features>\n\t</features>", 1), []bundle.Patch{onePatch("p", set("/domain/features/kvm/hidden/@state", "on"))},
			[]bundle.Policy{policy("a", "/domain/features/kvm")}, `<hidden state="on"`, ""},
		"BlankLeft": {"nor is a comment", strings.Replace(in, features(t, in), "<features>\n<!-- c -->\n<kvm><hidden state='on'/></kvm>\n</features>", 1), []bundle.Patch{onePatch("p", remove("/domain/features/kvm"))},
			[]bundle.Policy{policy("a", "/domain/features/kvm")}, "<!-- c -->", ""},
		"Placeholder": {"policies do not see what rules do not see", strings.Replace(in, "</devices>", "<interface type='ethernet'><alias name='placeholder-1'/></interface></devices>", 1),
			[]bundle.Patch{onePatch("p", set("//interface/mtu/@size", "9000"))}, []bundle.Policy{policy("a", "/domain/devices/interface[1]/mtu", "/domain/devices/interface[2]/mtu")}, `<mtu size="9000">`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: tc.patches, Policies: tc.policies})
			out, _, err := p.Domain(context.Background(), []byte(tc.domain), []byte(vmi), nil)
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("error %v, want %q: %s", err, tc.err, tc.reason)
			}
			if err == nil && (!strings.Contains(string(out), tc.changed) || (string(out) != tc.domain) != (tc.changed != "") || strings.Contains(string(out), "<serial>S") && name == "Ignored") {
				t.Errorf("%s, want %q in\n%s", tc.reason, tc.changed, out)
			}
		})
	}
}

// features are those of a domain, as they are written.
func features(t *testing.T, domain string) string {
	t.Helper()
	_, rest, _ := strings.Cut(domain, "<features>")
	inner, _, found := strings.Cut(rest, "</features>")
	if !found {
		t.Fatal("the domain has no features")
	}
	return "<features>" + inner + "</features>"
}

func TestCompilePolicies(t *testing.T) {
	_, err := patch.Compile(&bundle.Bundle{
		FormatVersion: bundle.FormatVersion,
		Patches:       []bundle.Patch{onePatch("p", set("/domain[", "x"))},
		Policies:      []bundle.Policy{{Name: "a", Allow: []string{"/domain/clock", "//disk["}}, {Name: "b", Allow: []string{"x"}}, {Name: "c", Allow: make([]string, bundle.MaxAllowed+1)}},
	})
	var got []string
	for _, e := range patch.Errors(err) {
		got = append(got, e.Patch+": "+e.Field)
	}
	want := "DomainPatch ns/p: spec.domain[0].path, DomainPatchPolicy a: spec.allow[1].path, DomainPatchPolicy b: spec.allow[0].path, DomainPatchPolicy c: spec.allow"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s\n%v", strings.Join(got, ", "), want, err)
	}
	if _, err := patch.Compile(&bundle.Bundle{Policies: make([]bundle.Policy, bundle.MaxPolicies+1)}); err == nil || !strings.Contains(err.Error(), "over the limit of 64") {
		t.Errorf("too many policies: %v", err)
	}
}

func BenchmarkPolicies(b *testing.B) {
	in, rule := []byte(testDomain(b, "devices")), set("//disk/serial", "S")
	for name, policies := range map[string][]bundle.Policy{"none": nil, "default": {defaultPolicy(b)}} {
		b.Run(name, func(b *testing.B) {
			p, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{onePatch("p", rule)}, Policies: policies})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, _, err := p.Domain(context.Background(), in, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
