// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

func TestOverrides(t *testing.T) {
	const cache, iops = "/domain/devices/disk[1]/driver/@cache", "/domain/devices/disk[1]/iotune/read_iops_sec"
	remove := func(path string) bundle.DomainRule { return bundle.DomainRule{Op: bundle.OpRemove, Path: path} }
	overrides := func(place string, nodes int) []patch.Override {
		return []patch.Override{{Patch: "DomainPatch ns/a", Place: place, Nodes: nodes}}
	}
	cases := map[string]struct {
		reason string
		a, b   []bundle.DomainRule
		want   []patch.Override // of the last rule of b
	}{
		"attribute":              {a: []bundle.DomainRule{set(cache, "unsafe")}, b: []bundle.DomainRule{set(cache, "writeback")}, want: overrides(cache, 1)},
		"the same value":         {a: []bundle.DomainRule{set(cache, "unsafe")}, b: []bundle.DomainRule{set(cache, "unsafe")}},
		"another attribute":      {a: []bundle.DomainRule{set(cache, "unsafe")}, b: []bundle.DomainRule{set("/domain/devices/disk[1]/driver/@io", "native")}},
		"what the document had":  {a: []bundle.DomainRule{set(cache, "none")}, b: []bundle.DomainRule{set(cache, "unsafe")}, want: nil},
		"its own":                {b: []bundle.DomainRule{set(cache, "unsafe"), set(cache, "writeback")}},
		"its own of late":        {reason: "the second rule overrides the first, which reported it", a: []bundle.DomainRule{set(cache, "unsafe")}, b: []bundle.DomainRule{set(cache, "writeback"), set(cache, "none")}},
		"a created text":         {a: []bundle.DomainRule{set(iops, "1")}, b: []bundle.DomainRule{set(iops, "2")}, want: overrides(iops+"/text()", 1)},
		"a changed text":         {a: []bundle.DomainRule{set("/domain/os/type", "x")}, b: []bundle.DomainRule{set("/domain/os/type/text()", "y")}, want: overrides("/domain/os/type/text()", 1)},
		"beside a created text":  {a: []bundle.DomainRule{set(iops, "1")}, b: []bundle.DomainRule{set("/domain/devices/disk[1]/iotune/write_iops_sec", "2")}},
		"removed attribute":      {a: []bundle.DomainRule{set(cache, "unsafe")}, b: []bundle.DomainRule{remove(cache)}, want: overrides(cache, 1)},
		"removed with its child": {a: []bundle.DomainRule{set("//disk[target/@dev='vda']/driver/@cache", "unsafe"), set("//disk[target/@dev='vda']/iotune/read_iops_sec", "1")}, b: []bundle.DomainRule{remove("//disk[target/@dev='vda']")}, want: overrides("/domain/devices/disk[1]", 2)},
		"replaced by a twin": {
			a:    []bundle.DomainRule{add("/domain/devices", "<disk type='file'><target dev='vdc'/></disk>")},
			b:    []bundle.DomainRule{add("/domain/devices", "<disk type='block'><target dev='vdc'/></disk>")},
			want: overrides("/domain/devices/disk[3]", 1),
		},
		"merged into": {
			a:    []bundle.DomainRule{add("/domain/devices", "<disk type='file'><target dev='vdc'/></disk>")},
			b:    []bundle.DomainRule{{Op: bundle.OpMerge, Path: "/domain/devices/disk[3]", XML: "<disk type='block'><serial>x</serial></disk>"}},
			want: overrides("/domain/devices/disk[3]/@type", 1),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
			if len(tc.a) > 0 {
				b.Patches = append(b.Patches, onePatch("a", tc.a...))
			}
			b.Patches = append(b.Patches, onePatch("b", tc.b...), onePatch("c", bundle.DomainRule{Op: bundle.OpTest, Path: "/domain"}))
			_, report, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range report.Patches {
				for j, r := range p.Rules {
					var want []patch.Override
					if i == len(report.Patches)-2 && j == len(p.Rules)-1 {
						want = tc.want
					} else if name == "its own of late" && p.Patch == "DomainPatch ns/b" {
						want = overrides(cache, 1)
					}
					if diff := cmp.Diff(want, r.Overrides); diff != "" {
						t.Errorf("%s: %s %s (-want +got):\n%s", tc.reason, p.Patch, r.Field, diff)
					}
				}
			}
		})
	}
}

func TestCloudInitOverrides(t *testing.T) {
	rule := func(op bundle.Op, path, value string) bundle.CloudInitRule {
		r := bundle.CloudInitRule{Target: bundle.UserData, Op: op, Path: path}
		if value != "" {
			r.Value = []byte(value)
		}
		return r
	}
	overrides := func(place string, nodes int) []patch.Override {
		return []patch.Override{{Patch: "DomainPatch ns/a", Place: place, Nodes: nodes}}
	}
	cases := map[string]struct {
		a, b   bundle.CloudInitRule
		policy bundle.FailurePolicy // of a
		want   []patch.Override
	}{
		"the same place":  {a: rule("add", "/hostname", `"a"`), b: rule("add", "/hostname", `"b"`), want: overrides("userData /hostname", 1)},
		"the same value":  {a: rule("add", "/hostname", `"a"`), b: rule("add", "/hostname", `"a"`)},
		"another place":   {a: rule("add", "/hostname", `"a"`), b: rule("add", "/host", `"b"`)},
		"around it":       {a: rule("add", "/chpasswd/expire", `true`), b: rule("replace", "/chpasswd", `{}`), want: overrides("userData /chpasswd", 1)},
		"within it":       {a: rule("add", "/growpart", `{"mode":"auto"}`), b: rule("replace", "/growpart/mode", `"off"`), want: overrides("userData /growpart/mode", 1)},
		"one more within": {a: rule("add", "/growpart", `{"mode":"auto"}`), b: rule("add", "/growpart/devices", `["/"]`)},
		"merged":          {a: rule("merge", "", `{"growpart":{"mode":"a","x~/y":1}}`), b: rule("merge", "/growpart", `{"mode":null,"x~/y":2,"z":3}`), want: overrides("userData /growpart/mode", 2)},
		"computed": {a: rule("add", "/hostname", `"a"`), b: bundle.CloudInitRule{Target: bundle.UserData, Op: bundle.OpMerge, Expression: `{"hostname": "b"}`},
			want: overrides(`userData "/hostname"`, 1)},
		"moved away":        {a: rule("add", "/hostname", `"a"`), b: bundle.CloudInitRule{Target: bundle.UserData, Op: bundle.OpMove, From: "/hostname", Path: "/fqdn"}, want: overrides("userData /hostname", 1)},
		"lists move":        {a: rule("add", "/packages/0", `"a"`), b: rule("replace", "/packages/0", `"b"`)},
		"of a failed patch": {a: rule("add", "/hostname", `"a"`), policy: bundle.Ignore, b: rule("add", "/hostname", `"b"`)},
	}
	const data = `{"UserData":"#cloud-config\nchpasswd: {}\npackages: [x]\n"}`
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
			for _, p := range []struct {
				name  string
				rules []bundle.CloudInitRule
			}{{"a", []bundle.CloudInitRule{tc.a}}, {"b", []bundle.CloudInitRule{tc.b}}} {
				b.Patches = append(b.Patches, bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "ns", Name: p.name, FailurePolicy: bundle.Fail, CloudInit: p.rules})
			}
			if tc.policy == bundle.Ignore {
				b.Patches[0].FailurePolicy = bundle.Ignore
				b.Patches[0].CloudInit = append(b.Patches[0].CloudInit, rule("test", "/nothing", "1"))
			}
			_, report, err := compile(t, b).CloudInit(context.Background(), []byte(data), []byte(vmi))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, report.Patches[1].Rules[0].Overrides); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
