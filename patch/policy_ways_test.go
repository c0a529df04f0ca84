// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// target is a place that the default policy leaves to the admin.
type target struct {
	parent  string // an element of the document, by a path of names
	xml     string // what a tenant would like to have in it, with the text EVIL
	leaf    string // where in the parent the text EVIL is
	key     string // what tells the parent from others where a merge names it
	without string // an element that is taken out first, since there is to be one at most
}

// targets has every class that the default policy forbids. Those in policy_test.go are tried in the
// ways that suit them; these here in all ways.
var targets = map[string]target{
	"emulator":             {parent: "/domain/devices", xml: "<emulator>EVIL</emulator>", leaf: "emulator"},
	"qemu argument":        {parent: "/domain", xml: "<qemu:commandline><qemu:arg value='EVIL'/></qemu:commandline>", leaf: "qemu:commandline/qemu:arg/@value"},
	"qemu environment":     {parent: "/domain", xml: "<qemu:commandline><qemu:env name='LD_PRELOAD' value='EVIL'/></qemu:commandline>", leaf: "qemu:commandline/qemu:env/@value"},
	"qemu override":        {parent: "/domain", xml: "<qemu:override><qemu:device alias='ua-root'><qemu:frontend><qemu:property name='x' type='string' value='EVIL'/></qemu:frontend></qemu:device></qemu:override>", leaf: "qemu:override/qemu:device/@alias"},
	"script":               {parent: "/domain/devices/interface[1]", xml: "<script path='EVIL'/>", leaf: "script/@path", key: "<alias name='ua-default'/>"},
	"downscript":           {parent: "/domain/devices/interface[1]", xml: "<downscript path='EVIL'/>", leaf: "downscript/@path", key: "<alias name='ua-default'/>"},
	"seclabel":             {parent: "/domain", xml: "<seclabel type='EVIL'/>", leaf: "seclabel/@type"},
	"seclabel of a disk":   {parent: "/domain/devices/disk[1]/source", xml: "<seclabel model='EVIL'/>", leaf: "seclabel/@model"},
	"disk source":          {parent: "/domain/devices/disk[1]", xml: "<source file='EVIL'/>", leaf: "source/@file", key: "<target dev='vda'/>"},
	"driver type":          {parent: "/domain/devices/disk[1]", xml: "<driver name='qemu' type='EVIL'/>", leaf: "driver/@type", key: "<target dev='vda'/>"},
	"backing store":        {parent: "/domain/devices/disk[1]", xml: "<backingStore type='file'><source file='EVIL'/></backingStore>", leaf: "backingStore/source/@file", key: "<target dev='vda'/>"},
	"mirror":               {parent: "/domain/devices/disk[1]", xml: "<mirror type='file'><source file='EVIL'/></mirror>", leaf: "mirror/source/@file", key: "<target dev='vda'/>"},
	"loader":               {parent: "/domain/os", xml: "<loader>EVIL</loader>", leaf: "loader"},
	"nvram":                {parent: "/domain/os", xml: "<nvram template='EVIL'/>", leaf: "nvram/@template"},
	"kernel":               {parent: "/domain/os", xml: "<kernel>EVIL</kernel>", leaf: "kernel"},
	"initrd":               {parent: "/domain/os", xml: "<initrd>EVIL</initrd>", leaf: "initrd"},
	"ACPI table":           {parent: "/domain/os", xml: "<acpi><table type='slic'>EVIL</table></acpi>", leaf: "acpi/table[@type='slic']"},
	"ROM":                  {parent: "/domain/devices/interface[2]", xml: "<rom file='EVIL'/>", leaf: "rom/@file", key: "<alias name='ua-storage'/>"},
	"character device":     {parent: "/domain/devices/serial", xml: "<source mode='bind' path='EVIL'/>", leaf: "source/@path", key: "<target port='0'/>"},
	"log":                  {parent: "/domain/devices/console", xml: "<log file='EVIL'/>", leaf: "log/@file"},
	"channel":              {parent: "/domain/devices", xml: "<channel type='unix'><source mode='bind' path='EVIL'/><target type='virtio' name='x'/></channel>"},
	"host device":          {parent: "/domain/devices", xml: "<hostdev mode='subsystem' type='usb'><source><vendor id='EVIL'/></source><alias name='ua-x'/></hostdev>"},
	"vhostuser interface":  {parent: "/domain/devices", xml: "<interface type='vhostuser'><mac address='02:00:00:00:00:09'/><source type='unix' path='EVIL' mode='client'/></interface>"},
	"vhostuser disk":       {parent: "/domain/devices", xml: "<disk type='vhostuser' device='disk'><source type='unix' path='EVIL'/><target dev='vdz' bus='virtio'/></disk>"},
	"filesystem":           {parent: "/domain/devices", xml: "<filesystem type='mount'><source dir='EVIL'/><target dir='x'/></filesystem>"},
	"filesystem's program": {parent: "/domain/devices/filesystem", xml: "<binary path='EVIL'/>", leaf: "binary/@path", key: "<target dir='shared'/>"},
	"vsock":                {parent: "/domain/devices", xml: "<vsock model='virtio'><cid auto='no' address='EVIL'/></vsock>"},
	"listener":             {parent: "/domain/devices/graphics", xml: "<listen type='address' address='EVIL'/>", leaf: "listen/@address", without: "listen"},
	"evdev":                {parent: "/domain/devices", xml: "<input type='evdev'><source dev='EVIL'/></input>"},
	"input passthrough":    {parent: "/domain/devices", xml: "<input type='passthrough' bus='virtio'><source evdev='EVIL'/></input>"},
	"rendernode":           {parent: "/domain/devices/video/model", xml: "<acceleration rendernode='EVIL'/>", leaf: "acceleration/@rendernode"},
	"rendernode of egl":    {parent: "/domain/devices/graphics", xml: "<gl rendernode='EVIL'/>", leaf: "gl/@rendernode"},
	"fwcfg":                {parent: "/domain", xml: "<sysinfo type='fwcfg'><entry name='opt/x' file='EVIL'/></sysinfo>", without: "sysinfo"},
	"rng backend":          {parent: "/domain/devices/rng", xml: "<backend model='random'>EVIL</backend>", leaf: "backend"},
	"TPM backend":          {parent: "/domain/devices/tpm", xml: "<backend type='EVIL'/>", leaf: "backend/@type"},
	"memory backing":       {parent: "/domain/memoryBacking", xml: "<source type='EVIL'/>", leaf: "source/@type"},
	"launch security":      {parent: "/domain", xml: "<launchSecurity type='EVIL'/>", leaf: "launchSecurity/@type"},
	"memory":               {parent: "/domain", xml: "<memory>EVIL</memory>", leaf: "memory"},
	"virtual CPUs":         {parent: "/domain", xml: "<vcpu>EVIL</vcpu>", leaf: "vcpu"},
	"pins":                 {parent: "/domain", xml: "<cputune><vcpupin vcpu='0' cpuset='EVIL'/></cputune>", leaf: "cputune/vcpupin[@vcpu='0']/@cpuset"},
	"metadata":             {parent: "/domain/metadata", xml: "<x:x xmlns:x='urn:x'>EVIL</x:x>"},
	"name":                 {parent: "/domain", xml: "<name>EVIL</name>", leaf: "name"},
	"UUID":                 {parent: "/domain", xml: "<uuid>EVIL</uuid>", leaf: "uuid"},
	"shared memory":        {parent: "/domain/devices", xml: "<shmem name='EVIL'><model type='ivshmem-plain'/></shmem>"},
}

// evilVMI is a VMI with what a tenant can write there.
const evilVMI = `{"metadata":{"annotations":{"evil":"EVIL"}}}`

// way writes a target into a document; no patches where it does not suit the target.
type way func(domain string, at target) []bundle.Patch

// ways are those to get something to a place.
var ways = map[string]way{
	"added": func(_ string, at target) []bundle.Patch { return patches(add(at.parent, at.xml)) },
	"from below, by ..": func(_ string, at target) []bundle.Patch {
		return patches(add(at.parent+"/*[1]/..", at.xml))
	},
	"behind another": func(_ string, at target) []bundle.Patch {
		return patches(bundle.DomainRule{Op: bundle.OpAdd, Path: at.parent + "/*[1]", Position: bundle.PositionAfter, XML: at.xml})
	},
	"by a union with what is allowed": func(_ string, at target) []bundle.Patch {
		return patches(add("/domain/sysinfo | "+at.parent, at.xml))
	},
	"merged": func(_ string, at target) []bundle.Patch { return patches(merge("", at.nested())) },
	"with the whole parent": func(domain string, at target) []bundle.Patch {
		switch at.parent {
		case "/domain": // in the place of something that is allowed
			return patches(replace("/domain/sysinfo", "<sysinfo type='smbios'/>"+at.xml))
		case "/domain/devices":
			return patches(replace("//sound", "<sound model='ac97'/>"+at.xml))
		}
		return patches(replace(at.parent, at.parentWithIt(domain)))
	},
	"with the text from an annotation": func(_ string, at target) []bundle.Patch {
		all := patches(add(at.parent, strings.ReplaceAll(at.xml, "EVIL", "$(evil)")))
		all[0].Variables = []bundle.Variable{{Name: "evil", Expression: "vmi.metadata.annotations.evil"}}
		return all
	},
	"set": func(_ string, at target) []bundle.Patch { return at.toLeaf(set(at.parent+"/"+at.leaf, "EVIL")) },
	"computed from the document": func(_ string, at target) []bundle.Patch {
		return at.toLeaf(calc(at.parent+"/"+at.leaf, "xpath('//serial/source/@path')[0]"))
	},
	"after what is allowed": func(_ string, at target) []bundle.Patch {
		return []bundle.Patch{onePatch("a", set("//disk/serial", "S")), onePatch("b", set("//disk/serial", "T"), add(at.parent, at.xml))}
	},
}

func (at target) toLeaf(rule bundle.DomainRule) []bundle.Patch {
	if at.leaf == "" {
		return nil
	}
	return patches(rule)
}

// nested is the target within all that is around it.
func (at target) nested() string {
	inner := at.key + at.xml
	steps := strings.Split(at.parent, "/")[1:]
	for _, step := range slices.Backward(steps) {
		name, _, _ := strings.Cut(step, "[")
		inner = "<" + name + ">" + inner + "</" + name + ">"
	}
	return inner
}

// parentWithIt is the first element of the parent's name as the document has it, with the target in it.
func (at target) parentWithIt(domain string) string {
	name, _, _ := strings.Cut(at.parent[strings.LastIndexByte(at.parent, '/')+1:], "[")
	_, rest, _ := strings.Cut(domain, "<"+name+" ")
	inner, _, _ := strings.Cut(rest, "</"+name+">")
	if strings.Contains(domain, "<"+name+">") {
		_, rest, _ = strings.Cut(domain, "<"+name+">")
		inner, _, _ = strings.Cut(rest, "</"+name+">")
		return "<" + name + ">" + inner + at.xml + "</" + name + ">"
	}
	return "<" + name + " " + inner + at.xml + "</" + name + ">"
}

// cut takes an element out of a document; no name takes nothing.
func cut(domain, name string) string {
	before, rest, found := strings.Cut(domain, "<"+name+" ")
	if !found {
		return domain
	}
	_, after, _ := strings.Cut(rest, "</"+name+">")
	return before + after
}

// enoughWays is how many ways have to lead to each target without policies; some never do, such
// as one that libvirt's or KubeVirt's rules rule out.
const enoughWays = 5

func TestPolicyDeniesEveryWay(t *testing.T) {
	policy := defaultPolicy(t)
	for class, at := range targets {
		t.Run(class, func(t *testing.T) {
			in := cut(testDomain(t, "devices"), at.without)
			led := 0
			for name, way := range ways {
				b := bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: way(in, at)}
				if len(b.Patches) == 0 {
					continue
				}
				out, _, err := compile(t, &b).Domain(context.Background(), []byte(in), []byte(evilVMI), nil)
				if err != nil && !strings.Contains(err.Error(), "does not survive KubeVirt's second pass") || err == nil && string(out) == in {
					t.Logf("%s: leads nowhere without policies, either: %v", name, err)
					continue
				}
				led++
				b.Policies = []bundle.Policy{policy}
				out, _, err = compile(t, &b).Domain(context.Background(), []byte(in), []byte(evilVMI), nil)
				if err == nil || out != nil || !strings.Contains(err.Error(), "denied by DomainPatchPolicy default: /domain") {
					t.Errorf("%s: error %v, want a denial", name, err)
				}
			}
			if led < enoughWays {
				t.Errorf("%d ways lead there without policies, want %d at least", led, enoughWays)
			}
		})
	}
}

// Markup in what is allowed stays text, be it written in the rule or in an annotation.
func TestPolicyMarkupStaysText(t *testing.T) {
	in, policy := testDomain(t, "devices"), defaultPolicy(t)
	variable := []bundle.Variable{{Name: "evil", Expression: "vmi.metadata.annotations.evil"}}
	for class, at := range targets {
		markup := "</serial></disk>" + at.xml + "<disk><serial>]]><!--"
		annotated := fmt.Appendf(nil, `{"metadata":{"annotations":{"evil":%q}}}`, markup)
		for name, rule := range map[string]bundle.DomainRule{
			"value":              set("//disk[target/@dev='sda']/serial", markup),
			"expression":         calc("//disk[target/@dev='sda']/serial", "variables.evil"),
			"$(NAME)":            replace("//disk[target/@dev='sda']/serial", "<serial>$(evil)</serial>"),
			"$(NAME) of a merge": mix("<devices><disk><target dev='sda'/><serial>$(evil)</serial></disk></devices>"),
		} {
			t.Run(class+"/"+name, func(t *testing.T) {
				b := bundle.Bundle{FormatVersion: bundle.FormatVersion, Policies: []bundle.Policy{policy}, Patches: patches(rule)}
				b.Patches[0].Variables = variable
				out, _, err := compile(t, &b).Domain(context.Background(), []byte(in), annotated, nil)
				if err != nil {
					t.Fatal(err)
				}
				before, after := elements(t, in), elements(t, string(out))
				before = slices.DeleteFunc(before, func(e string) bool { return e == "text DATA-1" })
				after = slices.DeleteFunc(after, func(e string) bool { return e == "text "+markup })
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("the text became more than a text (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// elements lists elements and texts of a document, as encoding/xml reads them.
func elements(t *testing.T, document string) []string {
	t.Helper()
	var all []string
	for decoder := xml.NewDecoder(strings.NewReader(document)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			all = append(all, fmt.Sprintf("<%s> %v", token.Name.Local, token.Attr))
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				all = append(all, "text "+text)
			}
		case xml.Comment:
			all = append(all, "comment "+string(token))
		}
	}
}
