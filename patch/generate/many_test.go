// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
)

// TestRemadeAlone removes and adds two devices: a rule that removed all of their kind would take a third one from
// another VM, which no rule brings back.
func TestRemadeAlone(t *testing.T) {
	const devices = "<domain><devices><audio id='1' type='none'/><audio id='2' type='none'/></devices></domain>"
	a, err := parse("before", []byte(devices))
	if err != nil {
		t.Fatal(err)
	}
	b, err := parse("after", []byte(strings.ReplaceAll(devices, "none", "spice")))
	if err != nil {
		t.Fatal(err)
	}
	root := newDigests().compare(a.Element(), b.Element(), nil)
	levels := map[*xmlquery.Node]int{}
	for _, n := range named(named(b.Element(), qname{"", "devices"})[0], qname{"", "audio"}) {
		levels[n] = remade
	}
	l := newPlanner(levels)
	l.plan(root)
	if len(l.rules) != 4 {
		t.Fatalf("%d rules, want a removal and an addition of each device", len(l.rules))
	}
	if alike := l.alike(); len(alike) > 0 {
		t.Errorf("%d of these rules are to become one: %q", len(alike[0].rules), alike[0].path)
	}
}

// TestGeneraliseTries wants rules to stay as they are where one in their place would not give the wanted domain.
func TestGeneraliseTries(t *testing.T) {
	const disks = "<domain><devices><disk><target dev='vda' bus='virtio'/></disk><disk><target dev='vdb' bus='virtio'/></disk></devices></domain>"
	shared := strings.ReplaceAll(disks, "/></disk>", "/><shareable/></disk>")
	for wanted, rules := range map[string]int{shared: 1, disks: 2} {
		var of [3]*document.Document
		for i, text := range []string{disks, shared, wanted} {
			d, err := parse("the domain", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			of[i] = d
		}
		root := newDigests().compare(of[0].Element(), of[1].Element(), nil)
		l := newPlanner(map[*xmlquery.Node]int{})
		l.plan(root)
		g := &generator{ctx: t.Context(), before: []byte(disks), b: of[2]}
		if out := g.generalise(root, l); len(l.rules) != rules || (out != nil) != (rules == 1) {
			t.Errorf("%d rules with result %q, want %d", len(l.rules), out, rules)
		}
	}
}

// TestMoreThanAPatchHolds wants what rules become to count, and not how many there were.
func TestMoreThanAPatchHolds(t *testing.T) {
	virtio := func(n int) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, "<disk type='file' device='disk'><driver name='qemu' cache='none'/><source file='/%d'/><target dev='vd%d' bus='virtio'/><alias name='ua-%d'/></disk>\n", i, i, i)
		}
		return all.String()
	}
	edit := strings.NewReplacer("cache='none'", "cache='writeback' queues='2'", "bus='virtio'/>", "bus='virtio'/><shareable/>").Replace
	for name, tc := range map[string]struct {
		reason, before, after string
		want                  int // rules; 0 for too many
	}{
		"two edits":      {"each is the same for all", virtio(40), edit(virtio(40)), 2},
		"many disks":     {"as many as a path may select", virtio(256), edit(virtio(256)), 2},
		"some their own": {"they fit beside those that become one", virtio(100), strings.NewReplacer("'/1'", "'/x'", "'/2'", "'/y'").Replace(edit(virtio(100))), 4},
		"not of a kind":  {"nothing tells them from the last one", virtio(70), edit(virtio(69)) + strings.SplitAfter(virtio(70), "\n")[69], 0},
		"too many":       {"even to plan", virtio(600), edit(virtio(600)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Domains(t.Context(), []byte(devices(tc.before)), []byte(devices(tc.after)), nil)
			if tc.want == 0 {
				if !errors.Is(err, errTooMany) {
					t.Errorf("%s: got %v, want %v", tc.reason, err, errTooMany)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			check(t, d, []byte(devices(tc.after)))
			if len(d.Rules) != tc.want {
				t.Errorf("%s: got %d rules, want %d: %+v", tc.reason, len(d.Rules), tc.want, d.Rules)
			}
		})
	}
}

// TestFailedRuleOfMany wants the rule that an error is about to be found in whatever patch it is tried.
func TestFailedRuleOfMany(t *testing.T) {
	d, err := parse("it", []byte("<domain><title/></domain>"))
	if err != nil {
		t.Fatal(err)
	}
	value := "x"
	rules := make([]planned, 2*bundle.MaxRules)
	for i := range rules {
		rules[i] = planned{DomainRule{DomainRule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/title", Value: &value}}, &pair{b: d.Element()}}
	}
	const wrong = bundle.MaxRules + 5
	rules[wrong].at, rules[wrong].Path = &pair{b: d.Element()}, "/domain/name["
	g := &generator{ctx: t.Context(), before: []byte("<domain><title/></domain>"), b: d}
	if _, at, err := g.try(nil, rules); err == nil || len(at) != 1 || at[0] != rules[wrong].at {
		t.Errorf("got %v and error %v, want that of rule %d", at, err, wrong)
	}
}
