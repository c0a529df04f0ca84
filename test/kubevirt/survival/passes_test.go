// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package survival

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	placeholders = 2
	given        = "given-by-libvirt-" // begins the aliases, and is the device of the addresses
)

// boot is what a VM's domain goes through until libvirt gets it.
type boot struct {
	// between makes the next call's input of a result and of the first call's input.
	between func(t *testing.T, pristine, result *node) *node
}

// boots are the ways of which every edit must survive each.
var boots = map[string]boot{
	// Pass by pass, what KubeVirt's structs keep, with addresses and aliases for all devices.
	"everything lives on": {func(t *testing.T, _, result *node) *node {
		next := parse(t, roundTrip(t, result.document(t)))
		give(next)
		return next
	}},
	// As network.WithNetworkIfacesResources does it before the second pass: only the devices but
	// the interfaces live on, all else starts again.
	"devices live on": {func(t *testing.T, pristine, result *node) *node {
		next := parse(t, roundTrip(t, result.document(t)))
		old := parse(t, pristine.document(t))
		devices := next.child("devices")
		devices.drop("interface")
		for _, c := range old.child("devices").Children {
			if c.XMLName.Local == "interface" {
				devices.Children = append(devices.Children, c)
			}
		}
		old.child("devices").Children = devices.Children
		give(old)
		return old
	}},
}

// threePasses calls the engine as KubeVirt does in one boot, and gives the last result.
func (b *boot) threePasses(t *testing.T, folder, domain string) (last *node, refusal string) {
	t.Helper()
	pristine := withDevices(parse(t, domain))
	first := withDevices(parse(t, domain))
	for i := range placeholders {
		first.child("devices").Children = append(first.child("devices").Children, placeholder(i))
	}
	out, report, refusal := call(t, folder, first.document(t), nil)
	if refusal != "" {
		return nil, refusal
	}
	for pass := 2; pass <= 3; pass++ {
		result := withDevices(parse(t, out))
		result.child("devices").dropPlaceholders()
		next := b.between(t, pristine, result)
		if out, _, refusal = call(t, folder, next.document(t), report); refusal != "" {
			t.Fatalf("pass %d: %s\n%s", pass, refusal, next)
		}
		b = &boot{boots["everything lives on"].between}
	}
	return withDevices(parse(t, out)), ""
}

// withDevices adds an empty list of devices where the domain has none: KubeVirt writes one.
func withDevices(domain *node) *node {
	if domain.child("devices") == nil {
		domain.Children = append(domain.Children, element("devices"))
	}
	return domain
}

func placeholder(i int) *node {
	name := fmt.Sprintf("placeholder-%d", i)
	n := element("interface", "type", "ethernet")
	n.Children = []*node{element("target", "dev", name, "managed", "no"), element("alias", "name", name)}
	return n
}

func (n *node) drop(name string) {
	var rest []*node
	for _, c := range n.Children {
		if c.XMLName.Local != name {
			rest = append(rest, c)
		}
	}
	n.Children = rest
}

func (n *node) dropPlaceholders() {
	var rest []*node
	for _, c := range n.Children {
		if alias := c.child("alias"); alias == nil || !strings.HasPrefix(alias.attr("name"), "placeholder-") {
			rest = append(rest, c)
		}
	}
	n.Children = rest
}

// give plays libvirt: addresses and aliases for all devices, and devices of its own.
func give(domain *node) {
	devices := domain.child("devices")
	has := false
	for _, d := range devices.Children {
		has = has || d.XMLName.Local == "input" && d.attr("bus") == "ps2"
	}
	if !has {
		devices.Children = append(devices.Children, element("input", "type", "mouse", "bus", "ps2"), element("watchdog", "model", "itco", "action", "reset"))
	}
	for i, d := range devices.Children {
		if d.XMLName.Local == "emulator" {
			continue
		}
		if d.child("alias") == nil {
			d.Children = append(d.Children, element("alias", "name", fmt.Sprint(given, i)))
		}
		if d.child("address") == nil {
			d.Children = append(d.Children, element("address", "type", "pci", "slot", fmt.Sprint(i), "device", given))
		}
	}
}

// facts counts what a domain says: the elements, attributes and texts by their places, without
// what libvirt and KubeVirt add by themselves.
func facts(domain *node) map[string]int {
	all := map[string]int{}
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		path += "/" + n.XMLName.Local
		all[path]++
		for _, a := range n.Attrs {
			all[fmt.Sprintf("%s@%s=%s", path, a.Name.Local, a.Value)]++
		}
		if text := strings.TrimSpace(n.Text); text != "" {
			all[path+"="+text]++
		}
		for _, c := range n.Children {
			if !isGiven(c) {
				walk(c, path)
			}
		}
	}
	walk(domain, "")
	return all
}

func isGiven(n *node) bool {
	switch n.XMLName.Local {
	case "alias":
		return strings.HasPrefix(n.attr("name"), given)
	case "address":
		return n.attr("device") == given
	case "input":
		return n.attr("type") == "mouse" && n.attr("bus") == "ps2"
	case "watchdog":
		return n.attr("model") == "itco"
	}
	return false
}

// checkEdits counts in the last result every fact in which the wanted domain differs from the
// one before: it must be there as often. Placeholders, which a case may hold, live for one pass.
func checkEdits(t *testing.T, before, want, last *node) (edits int) {
	t.Helper()
	for _, domain := range []*node{before, want} { // of a case with placeholders of its own
		withDevices(domain).child("devices").dropPlaceholders()
	}
	was, is, got := facts(before), facts(want), facts(last)
	for fact := range union(was, is) {
		if was[fact] == is[fact] {
			continue
		}
		edits++
		if got[fact] != is[fact] {
			t.Errorf("%s: %d times before, %d wanted, %d after three passes", fact, was[fact], is[fact], got[fact])
		}
	}
	return edits
}

func union(a, b map[string]int) map[string]bool {
	all := map[string]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// checkAddresses: a device that KubeVirt's structs keep came into the last pass with an alias and
// an address, and has them still, where the structs know such a thing.
func checkAddresses(t *testing.T, last *node) {
	t.Helper()
	aliases, addresses := map[string]bool{}, map[string]bool{}
	for _, d := range everything(t).child("devices").Children {
		aliases[d.XMLName.Local] = d.child("alias") != nil
		addresses[d.XMLName.Local] = d.child("address") != nil
	}
	for _, d := range last.child("devices").Children {
		if name := d.XMLName.Local; aliases[name] && d.child("alias") == nil || addresses[name] && d.child("address") == nil {
			t.Errorf("a device lost its address or alias:\n%s", d)
		}
	}
}

// TestCasesSurviveThreePasses runs every case with a domain through three passes.
func TestCasesSurviveThreePasses(t *testing.T) {
	var folders []string
	for _, pattern := range []string{"patch/testdata/cases/*/want.xml", "config/samples/*/want.xml"} {
		found, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no file matches %s: %v", pattern, err)
		}
		for _, file := range found {
			folders = append(folders, filepath.Dir(file))
		}
	}
	edits := 0
	for _, folder := range folders {
		for way, b := range boots {
			t.Run(filepath.Base(folder)+"/"+way, func(t *testing.T) {
				domain, want := read(t, folder, "domain.xml"), read(t, folder, "want.xml")
				last, refusal := b.threePasses(t, folder, domain)
				if refusal != "" {
					t.Fatal(refusal)
				}
				edits += checkEdits(t, parse(t, domain), parse(t, want), last)
				checkAddresses(t, last)
				if t.Failed() {
					t.Logf("the last result:\n%s", last)
				}
			})
		}
	}
	if edits < len(folders) {
		t.Errorf("only %d edits in %d cases", edits, len(folders))
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
