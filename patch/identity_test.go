// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// places are where the parents of the table stand. Those that are missing stand below one
// that KubeVirt drops.
var places = map[string][]string{
	"devices": {"domain"}, "domain": nil, "sysinfo": {"domain"}, "system": {"domain", "sysinfo"}, "bios": {"domain", "sysinfo"},
	"baseBoard": {"domain", "sysinfo"}, "chassis": {"domain", "sysinfo"}, "os": {"domain"}, "firmware": {"domain", "os"}, "cpu": {"domain"},
	"numa": {"domain", "cpu"}, "distances": {"domain", "cpu", "numa", "cell"}, "clock": {"domain"}, "vcpus": {"domain"}, "cputune": {"domain"},
	"numatune": {"domain"}, "iothreads": {"domain", "devices", "disk", "driver"}, "hugepages": {"domain", "memoryBacking"}, "graphics": {"domain", "devices"},
	"features": {"domain"}, "hyperv": {"domain", "features"}, "stimer": {"domain", "features", "hyperv"}, "tlbflush": {"domain", "features", "hyperv"},
	"kvm": {"domain", "features"}, "cell": {"domain", "cpu", "numa"}, "memoryBacking": {"domain"}, "resource": {"domain"}, "launchSecurity": {"domain"},
	"disk": {"domain", "devices"}, "interface": {"domain", "devices"}, "controller": {"domain", "devices"}, "video": {"domain", "devices"},
	"memballoon": {"domain", "devices"}, "rng": {"domain", "devices"}, "tpm": {"domain", "devices"}, "vsock": {"domain", "devices"}, "iommu": {"domain", "devices"},
	"memory": {"domain", "devices"}, "serial": {"domain", "devices"}, "channel": {"domain", "devices"}, "console": {"domain", "devices"},
	"redirdev": {"domain", "devices"}, "filesystem": {"domain", "devices"}, "binary": {"domain", "devices", "filesystem"}, "hostdev": {"domain", "devices"},
	"acpi": {"domain", "os"}, "portForward": {"domain", "devices", "interface"},
}

// at makes an element by its name and the names above it.
func at(names ...string) *xmlquery.Node {
	var n *xmlquery.Node
	for _, name := range names {
		n = &xmlquery.Node{Type: xmlquery.ElementNode, Data: name, Parent: n}
	}
	return n
}

func fragmentElement(t *testing.T, text string) *xmlquery.Node {
	t.Helper()
	f, err := document.ParseFragment(text)
	if err != nil {
		t.Fatal(err)
	}
	return f.Elements()[0]
}

// TestIdentitiesAgainstSchema: a row says that KubeVirt carries a key if and only if its
// structs do, so that no key of the table gets lost between two calls.
func TestIdentitiesAgainstSchema(t *testing.T) {
	for _, row := range identities {
		above, known := places[row.parent]
		var kept *schema.Element
		if known {
			kept = schema.Of(at(append(above, row.parent, row.element)...))
		}
		if (kept == nil) != (row.kubevirt == dropped) {
			t.Errorf("%s/%s: the table says %q, and KubeVirt keeps %v", row.parent, row.element, row.kubevirt, kept != nil)
		}
		for _, k := range row.keys {
			if err := k.survives(kept); err != nil {
				t.Errorf("%s/%s: %v", row.parent, row.element, err)
			}
		}
		if row.libvirt == "" || row.required && len(row.keys) == 0 {
			t.Errorf("%s/%s: the row is incomplete: %+v", row.parent, row.element, row)
		}
	}
}

// TestIdentitiesAreUnique: a second row for one element would never be read.
func TestIdentitiesAreUnique(t *testing.T) {
	seen := unique{}
	for _, row := range identities {
		if err := seen.add(row.parent + "/" + row.element); err != nil {
			t.Error(err)
		}
	}
	for _, row := range singles {
		for _, element := range row.elements {
			if err := seen.add(row.parent + "/" + element); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSinglesAgainstSchema: what the table allows once per parent does not repeat in
// KubeVirt's structs, and what does not repeat there has a key, since a second one would be
// read into the first.
func TestSinglesAgainstSchema(t *testing.T) {
	for _, row := range singles {
		above, known := places[row.parent]
		if !known {
			continue
		}
		parent := at(append(above, row.parent)...)
		for _, element := range row.elements {
			if schema.Of(parent).Repeats("", element) {
				t.Errorf("%s/%s repeats in KubeVirt's structs", row.parent, element)
			}
		}
	}
	others := map[string]bool{
		"graphics/listen":         true, // libvirt takes several
		"disk/filesystemOverhead": true, // KubeVirt's own, which libvirt does not know
		"disk/capacity":           true,
	}
	for name, above := range places {
		parent := at(append(above, name)...)
		for _, c := range schema.Of(parent).Children() {
			if !c.Repeats && c.Namespace == "" && len(keysOf(parent, c.Name)) == 0 && !others[name+"/"+c.Name] {
				t.Errorf("%s/%s is one in KubeVirt's structs and has no key", name, c.Name)
			}
		}
	}
}

func TestParseKey(t *testing.T) {
	for path, want := range map[string]struct {
		fragment string
		value    string
		ok       bool
	}{
		"@type":             {`<a type="x"/>`, "type=x\x00", true},
		"target/@dev":       {`<a><target/><target dev="y"/></a>`, "", false},
		"name":              {`<a><name>x</name></a>`, "=x\x00", true},
		"source/host/@name": {`<a><source><host name="x"/></source></a>`, "name=x\x00", true},
		"source/host/port":  {`<a><source><host/></source></a>`, "", false},
	} {
		k, err := parseKey(path)
		if err != nil || k.String() != path {
			t.Errorf("%s: %v, %v", path, k, err)
		}
		value, ok := k.value(fragmentElement(t, want.fragment))
		if value != want.value || ok != want.ok {
			t.Errorf("%s of %s gives %q, %v", path, want.fragment, value, ok)
		}
	}
}
