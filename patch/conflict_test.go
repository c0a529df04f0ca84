// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
)

func TestConflicts(t *testing.T) {
	const (
		none      = "{op: set, path: \"/domain/devices/disk[alias/@name='ua-a']/driver/@cache\", value: none}"
		writeback = "{op: set, path: \"/domain/devices/disk[alias/@name='ua-a']/driver/@cache\", value: writeback}"
	)
	rules := func(text string) string { return "domain: [" + text + "]" }
	cloud := func(text string) string { return "cloudInit: [" + text + "]" }
	cases := map[string]struct{ reason, a, b, want string }{
		"Different":    {"one place, two values", rules(none), rules(writeback), "/domain/devices/disk[alias/@name='ua-a']/driver/@cache"},
		"Same":         {"one value", rules(none), rules(none), ""},
		"Elsewhere":    {"another place", rules(none), rules("{op: set, path: \"/domain/devices/disk[alias/@name='ua-a']/driver/@io\", value: native}"), ""},
		"OtherDisk":    {"it may be the same disk, or not", rules(none), rules("{op: set, path: \"/domain/devices/disk[target/@dev='vda']/driver/@cache\", value: unsafe}"), ""},
		"Spelling":     {"one path in two spellings", rules(none), rules("{op: replace, path: \"/domain/devices/disk[ child::alias/@name = \\\"ua-a\\\" ]/driver/@cache\", value: unsafe}"), "/domain/devices/disk[alias/@name='ua-a']/driver/@cache"},
		"General":      {"all disks, and this one", rules("{op: set, path: /domain/devices/disk/driver/@cache, value: unsafe}"), rules(none), "/domain/devices/disk[alias/@name='ua-a']/driver/@cache"},
		"Narrower":     {"each has a condition of its own", rules("{op: set, path: \"/domain/devices/disk[@device='disk']/driver/@cache\", value: unsafe}"), rules(none), ""},
		"Removed":      {"what is around it goes", rules("{op: remove, path: \"/domain/devices/disk/driver\", expect: Some}"), rules(none), "/domain/devices/disk[alias/@name='ua-a']/driver/@cache"},
		"MayRemove":    {"where nothing is expected, nothing is certain", rules("{op: remove, path: \"/domain/devices/disk/driver\"}"), rules(none), ""},
		"Attribute":    {"removed and set", rules("{op: remove, path: /domain/cpu/@mode, expect: One}"), rules("{op: set, path: /domain/cpu/@mode, value: custom}"), "/domain/cpu/@mode"},
		"Merge":        {"a merge and a set", rules("{op: merge, xml: <domain><vcpu>4</vcpu></domain>}"), rules("{op: set, path: /domain/vcpu, value: '2'}"), "/domain/vcpu"},
		"Fragment":     {"elements of one key", rules("{op: add, path: /domain/clock, xml: <timer name='rtc' tickpolicy='delay'/>}"), rules("{op: add, path: /domain/clock, xml: <timer tickpolicy='catchup' name='rtc'/>}"), "/domain/clock/timer[@name='rtc']/@tickpolicy"},
		"TwoDevices":   {"both are added", rules("{op: add, path: /domain/devices, xml: <watchdog model='diag288' action='none'/>}"), rules("{op: add, path: /domain/devices, xml: <watchdog model='diag288' action='reset'/>}"), ""},
		"Arguments":    {"lists have no places", rules("{op: add, path: /domain, xml: <qemu:commandline><qemu:arg value='-s'/></qemu:commandline>}"), rules("{op: add, path: /domain, xml: <qemu:commandline><qemu:arg value='-S'/></qemu:commandline>}"), ""},
		"Expression":   {"nobody knows the value", rules(none), rules("{op: set, path: \"/domain/devices/disk[alias/@name='ua-a']/driver/@cache\", expression: vmi.metadata.name}"), ""},
		"When":         {"nobody knows whether it runs", rules(none), rules("{op: set, path: \"/domain/devices/disk[alias/@name='ua-a']/driver/@cache\", value: unsafe, when: 'vmi.metadata.name == \"x\"'}"), ""},
		"Position":     {"other rules may move it", rules("{op: set, path: '/domain/devices/disk[1]/serial', value: a}"), rules("{op: set, path: '/domain/devices/disk[1]/serial', value: b}"), ""},
		"Variable":     {"each patch has its own", "{variables: [{name: v, expression: \"'x'\"}], domain: [{op: set, path: \"/domain/devices/disk[@a='$(v)']/serial\", value: a}]}", "{variables: [{name: v, expression: \"'y'\"}], domain: [{op: set, path: \"/domain/devices/disk[@a='$(v)']/serial\", value: b}]}", ""},
		"LastCounts":   {"what a patch leaves in the end", rules(writeback + "," + none), rules(none), ""},
		"Overwritten":  {"an expression has the last word", rules(writeback + ",{op: set, path: //driver/@cache, expression: vmi.metadata.name}"), rules(none), ""},
		"Unknown":      {"a rule that may write anywhere", rules(writeback + ",{op: set, path: \"//alias/../driver/@cache\", value: none}"), rules(none), ""},
		"Elsewhere2":   {"a later rule for another disk", rules(writeback + ",{op: set, path: \"/domain/devices/disk[alias/@name='ua-b']/driver/@cache\", value: none}"), rules(none), "/domain/devices/disk[alias/@name='ua-a']/driver/@cache"},
		"SameWhere":    {"they run on the same VMs", "{matchConditions: [{name: c, expression: 'true'}], " + rules(none) + "}", rules(writeback), "/domain/devices/disk[alias/@name='ua-a']/driver/@cache"},
		"OtherWhere":   {"maybe never together", "{matchConditions: [{name: c, expression: \"vmi.metadata.name == 'x'\"}], " + rules(none) + "}", "{matchConditions: [{name: c, expression: \"vmi.metadata.name != 'x'\"}], " + rules(writeback) + "}", ""},
		"CloudInit":    {"cloud-init has places, too", cloud("{target: userData, op: add, path: /hostname, yaml: a}"), cloud("{target: userData, op: merge, yaml: '{hostname: b, x: y}'}"), "userData /hostname"},
		"OtherTarget":  {"another document", cloud("{target: userData, op: add, path: /hostname, yaml: a}"), cloud("{target: networkData, op: add, path: /hostname, yaml: b}"), ""},
		"CloudSame":    {"one value in two spellings", cloud("{target: userData, op: add, path: /x, yaml: '{a: 1, b: 2}'}"), cloud("{target: userData, op: add, path: /x, yaml: '{b: 2, a: 1}'}"), ""},
		"List":         {"both are added", cloud("{target: userData, op: add, path: /packages/-, yaml: a}"), cloud("{target: userData, op: add, path: /packages/-, yaml: b}"), ""},
		"CloudRemoved": {"what is around it goes", cloud("{target: userData, op: remove, path: /chpasswd}"), cloud("{target: userData, op: add, path: /chpasswd/expire, yaml: 'false'}"), "userData /chpasswd/expire"},
		"CloudNull":    {"a merge removes", cloud("{target: userData, op: merge, yaml: '{hostname: null}'}"), cloud("{target: userData, op: add, path: /hostname, yaml: b}"), "userData /hostname"},
		"CloudMoved":   {"nobody knows what is moved", cloud("{target: userData, op: add, path: /hostname, yaml: a}, {target: userData, op: move, from: /fqdn, path: /hostname}"), cloud("{target: userData, op: add, path: /hostname, yaml: b}"), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a, b := compileSpec(t, "a", tc.a).Writes(), compileSpec(t, "b", tc.b).Writes()
			for _, pair := range [][]*patch.Writes{{a, b}, {b, a}} {
				want := [][]patch.Conflict{nil, nil}
				if tc.want != "" {
					want = [][]patch.Conflict{{{With: 1, Place: tc.want}}, {{With: 0, Place: tc.want}}}
				}
				x := patch.NewIndex(pair)
				if diff := cmp.Diff(want, [][]patch.Conflict{x.Conflicts(pair[0]), x.Conflicts(pair[1])}); diff != "" {
					t.Errorf("conflicts, %s (-want +got):\n%s", tc.reason, diff)
				}
				// What is contested is a bit more: conditions of patches are left to Index.
				contested := tc.want != "" || name == "OtherWhere"
				if diff := cmp.Diff([]bool{contested, contested}, patch.Contested(pair)); diff != "" {
					t.Errorf("contested, %s (-want +got):\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// TestConflictsOfMany wants the first few, whatever the order is in which they are found.
func TestConflictsOfMany(t *testing.T) {
	var all []*patch.Writes
	for i := range 6 {
		all = append(all, compileSpec(t, "a", fmt.Sprintf("domain: [{op: set, path: /domain/title, value: v%d}]", i/2)).Writes())
	}
	all = append(all, nil)
	x := patch.NewIndex(all)
	want := [][]int{{2, 3, 4}, {2, 3, 4}, {0, 1, 4}, {0, 1, 4}, {0, 1, 2}, {0, 1, 2}, nil}
	for i := range want {
		var with []int
		for _, c := range x.Conflicts(all[i]) {
			with = append(with, c.With)
		}
		if diff := cmp.Diff(want[i], with); diff != "" {
			t.Errorf("patch %d conflicts with (-want +got):\n%s", i, diff)
		}
	}
}
