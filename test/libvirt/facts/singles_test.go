// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package facts

import (
	"maps"
	"slices"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// differ are the places where the engine and this libvirt's schema do not agree, and why; of a parent alone, all of it.
var differ = map[string]string{
	"channel/source":      "only a UDP socket has two, and KubeVirt reads one",
	"console/source":      "as of a channel",
	"redirdev/source":     "as of a channel",
	"serial/source":       "as of a channel",
	"devices/redirfilter": "the schema takes several, libvirt one: see TestIdentities",
	"devices/tpm":         "the schema takes several, libvirt one: see TestIdentities",
	"devices/rng":         "libvirt takes several, KubeVirt reads one",
	"devices/smartcard":   "the schema takes several, QEMU one: see TestIdentities",
	"sysinfo/baseBoard":   "libvirt takes several, KubeVirt reads one",
	"devices/watchdog":    "libvirt takes several since 9.1",
	"slices/slice":        "of each type; there is one type yet",
	"seclabel/label":      "the schema does not say so, but libvirt reads one",

	"domain/capabilities": "in a namespace of QEMU's",
	"domain/deprecation":  "in a namespace of QEMU's",
	"domain/override":     "in a namespace of QEMU's",
	"device/frontend":     "in a namespace of QEMU's",

	"capabilities":          "of containers",
	"namespace":             "of containers",
	"domain/idmap":          "of containers",
	"domain/namespace":      "of containers",
	"features/capabilities": "of containers",
	"os/init":               "of containers",
	"os/initdir":            "of containers",
	"os/initgroup":          "of containers",
	"os/inituser":           "of containers",
	"os/root":               "of containers",
	"source/block":          "of containers",
	"source/char":           "of containers",
	"source/interface":      "of containers",

	"domain/bootloader_args": "of Xen",
	"xen":                    "of Xen",
	"domain/datacenterpath":  "of VMware",
	"domain/defaultiothread": "of the state of a running domain",
	"disk/privateData":       "of the state of a running domain",
	"source/privateData":     "of the state of a running domain",
	"launchSecurity/handle":  "libvirt does not read it",
}

// TestSingles: what libvirt's schema allows once per parent is its own key in the engine, and nothing else is.
func TestSingles(t *testing.T) {
	virsh.ForTest(t)
	g := loadGrammar(t)
	stale := maps.Clone(differ)
	for _, parent := range slices.Sorted(maps.Keys(g.children)) {
		for _, child := range slices.Sorted(maps.Keys(g.children[parent])) {
			place := parent + "/" + child
			delete(stale, parent)
			delete(stale, place)
			if differ[parent] != "" {
				continue
			}
			got, want := isSingle(t, g, parent, child), g.children[parent][child] == 1
			if (got != want) != (differ[place] != "") {
				t.Errorf("%s: single for the engine: %t, for libvirt: %t; known to differ: %q", place, got, want, differ[place])
			}
		}
	}
	for place := range stale {
		t.Errorf("libvirt's schema has no %s, which is known to differ", place)
	}
}

// isSingle asks the engine, which knows devices by their parent.
func isSingle(t *testing.T, g *grammar, parent, child string) bool {
	t.Helper()
	text := "<" + parent + "><" + child + "/></" + parent + ">"
	if parent != "domain" && g.children["devices"][parent] > 0 {
		text = "<domain><devices>" + text + "</devices></domain>"
	}
	identities := patch.Identities(xmlquery.FindOne(parse(t, text).Root(), "//"+parent+"/"+child))
	return len(identities) == 1 && len(identities[0].Paths) == 0
}
