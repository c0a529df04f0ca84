// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

func expectOne(rule bundle.DomainRule) bundle.DomainRule {
	rule.Expect = bundle.ExpectOne
	return rule
}

// realDomain is a domain of KubeVirt's with many devices.
func realDomain(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/domains/devices.xml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSurvives: these make their edits again wherever KubeVirt loses them, and find them where it does not.
func TestSurvives(t *testing.T) {
	edit := func(old, new string) func(string) string {
		return func(domain string) string { return strings.Replace(domain, old, new, 1) }
	}
	cases := map[string]struct {
		domain func(string) string // what another sidecar did before
		rules  []bundle.DomainRule
	}{
		"dropped and kept":         {nil, []bundle.DomainRule{set("//disk/target/@rotation_rate", "1"), set("//disk/serial", "S")}},
		"remove what libvirt adds": {nil, []bundle.DomainRule{remove("//memballoon"), remove("//input")}},
		"a comment that stays alone": {
			edit("</domain>", "<blkiotune>\n<!-- x -->\n<weight>1</weight>\n</blkiotune></domain>"), []bundle.DomainRule{remove("/domain/blkiotune/weight")},
		},
		"a device anew that gets no address":  {nil, []bundle.DomainRule{remove("//memballoon"), add("/domain/devices", "<memballoon model='none'/>")}},
		"a device anew that has but an alias": {nil, []bundle.DomainRule{remove("//serial"), add("/domain/devices", "<serial type='pty'><target port='0'/></serial>")}},
		"remove aliases":                      {nil, []bundle.DomainRule{remove("//alias")}},
		"remove addresses":                    {nil, []bundle.DomainRule{remove("/domain/devices/*/address")}},
		"edit of all devices":                 {nil, []bundle.DomainRule{set("/domain/devices/*/@mark", "1")}},
		"what KubeVirt always writes":         {nil, []bundle.DomainRule{remove("/domain/sysinfo/bios"), remove("//interface/source"), set("//disk/driver/@name", "")}},
		"numbers in KubeVirt's writing":       {nil, []bundle.DomainRule{set("/domain/vcpu", "004"), set("//video/model/@heads", "01")}},
		"QEMU's arguments":                    {nil, []bundle.DomainRule{add("/domain", "<qemu:commandline/>"), add("/domain/qemu:commandline", "<qemu:arg value='-a'/>")}},
		"beside QEMU's of KubeVirt's": {
			edit("</domain>", "<qemu:commandline><qemu:arg value='-fw_cfg'/></qemu:commandline></domain>"),
			[]bundle.DomainRule{add("/domain", "<qemu:commandline/>"), add("/domain/qemu:commandline", "<qemu:arg value='-a'/>")},
		},
		"another sidecar's": {
			edit("</devices>", "<shmem name='x'><size>1</size></shmem></devices>"),
			[]bundle.DomainRule{set("//shmem/size", "2"), set("//shmem/@role", "peer"), set("//disk/target/@rotation_rate", "1")},
		},
		"another sidecar's, removed":  {edit("</devices>", "<shmem name='x'/></devices>"), []bundle.DomainRule{remove("//shmem")}},
		"another sidecar's attribute": {edit("<devices>", "<devices mark='x'>"), []bundle.DomainRule{set("/domain/devices/@mark", "y")}},
		"another sidecar's second of a kind": {
			edit("</devices>", "</devices><sysinfo type='fwcfg'><entry name='opt/x'>y</entry></sysinfo>"),
			[]bundle.DomainRule{set("/domain/sysinfo[@type='fwcfg']/entry[@name='opt/x']", "z"), set("/domain/@a", "1")},
		},
		"placeholders": {
			edit("</devices>", "<interface type='ethernet'><alias name='placeholder-0'/></interface></devices>"),
			[]bundle.DomainRule{set("//interface/@mark", "1")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			domain := realDomain(t)
			if tc.domain != nil {
				if edited := tc.domain(domain); edited != domain {
					domain = edited
				} else {
					t.Fatal("the test's edit does not apply")
				}
			}
			out, report, err := compile(t, rules(tc.rules...)).Domain(context.Background(), []byte(domain), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range report.Patches[0].Rules {
				if r.Changed == 0 && !strings.Contains(tc.rules[i].XML, "commandline/") {
					t.Errorf("rule %d changed nothing:\n%s", i, out)
				}
			}
		})
	}
}

// TestDoesNotSurvive: these would be lost, or made twice, in KubeVirt's second or third pass.
func TestDoesNotSurvive(t *testing.T) {
	const domain, second = "spec.domain[", "the rule does not survive KubeVirt's second pass: "
	cases := map[string]struct {
		rules []bundle.DomainRule
		want  string
	}{
		"the marker of a rule is dropped": {
			[]bundle.DomainRule{
				calc("/domain/devices/disk[target/@dev='vda']/serial", "xpath('/domain/devices/disk[1]/wwn').size() == 0 ? 'x' + (current == null ? '' : current) : current"),
				set("/domain/devices/disk[target/@dev='vda']/wwn", "5000c50015ea71ad"),
			}, "spec.domain[0]: the rule is not idempotent",
		},
		"what libvirt adds is taken for its own": {
			[]bundle.DomainRule{set("/domain/devices/controller[last()]/@mark", "x")}, domain + "0]: " + second + "/domain/devices/controller[",
		},
		"one device, then several": {
			[]bundle.DomainRule{expectOne(set("/domain/devices/watchdog/@mark", "x"))}, domain + "0]: " + second + "/domain/devices/watchdog/@mark is not what it was",
		},
		"devices made anew lose their addresses": {
			[]bundle.DomainRule{remove("/domain/devices/controller[@type='scsi']"), add("/domain/devices", "<controller type='scsi' index='0' model='virtio-scsi'/>")},
			domain + "1]: " + second,
		},
		"a number that KubeVirt cannot read": {
			[]bundle.DomainRule{set("/domain/devices/disk[1]/driver/@queues", "auto")},
			domain + "0]: " + second + `KubeVirt cannot read /domain/devices/disk/driver/@queues: "auto"`,
		},
		"only KubeVirt's QEMU arguments hold it": {
			[]bundle.DomainRule{set("/domain/@a", "1"), add("/domain/qemu:commandline", "<qemu:arg value='-a'/>")},
			domain + "1]: " + second + "/domain/qemu:commandline is lost",
		},
		"disks are sorted by their buses": {
			[]bundle.DomainRule{set("/domain/devices/disk[2]/@mark", "1")}, domain + "0]: " + second + "/domain/devices/disk[2]/@mark is not what it was",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			src := strings.Replace(realDomain(t), "</domain>", "<qemu:commandline><qemu:arg value='-fw_cfg'/></qemu:commandline></domain>", 1)
			src = strings.Replace(src, "</devices>", "<shmem name='anotherSidecars'><size>4</size></shmem></devices>", 1)
			src = strings.Replace(src, `<disk `, `<disk type="file"><target dev="sdx" bus="sata"/></disk><disk type="file"><target dev="vdx" bus="virtio"/></disk><disk type="file"><target dev="sdw" bus="sata"/></disk><disk `, 1)
			out, report, err := compile(t, rules(tc.rules...)).Domain(context.Background(), []byte(src), nil, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || out != nil {
				t.Fatalf("got %v, want an error with %q\n%s", err, tc.want, out)
			}
			if report.Patches[0].Outcome != patch.Failed {
				t.Errorf("the report does not tell: %+v", report)
			}
		})
	}
}

// TestBlame: the patch and the rule behind which the result no longer survives.
func TestBlame(t *testing.T) {
	good := []bundle.DomainRule{set("/domain/@a", "1"), set("/domain/title", "x")}
	bad := expectOne(set("/domain/devices/watchdog/@mark", "x"))
	b := rules()
	b.Patches = nil
	for i := range 5 {
		p := onePatch(fmt.Sprint("p", i), good...)
		if i == 2 {
			p.Domain = append(p.Domain, bad, set("/domain/@b", "1"))
		}
		b.Patches = append(b.Patches, p)
	}
	const want = "DomainPatch ns/p2: spec.domain[2]: the rule does not survive"
	_, report, err := compile(t, b).Domain(context.Background(), []byte(realDomain(t)), nil, nil)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
	for i, p := range report.Patches {
		if (p.Outcome == patch.Failed) != (i == 2) {
			t.Errorf("report of patch %d: %+v", i, p)
		}
	}
	b.Patches[2].FailurePolicy = bundle.Ignore
	out, report, err := compile(t, b).Domain(context.Background(), []byte(realDomain(t)), nil, nil)
	if err != nil || report.Patches[2].Outcome != patch.Ignored || !strings.Contains(report.Patches[2].Reason, "does not survive") || strings.Contains(string(out), "mark=") {
		t.Errorf("%v, %+v", err, report)
	}
}

// TestUnreadableInput: what no patch did is no patch's fault.
func TestUnreadableInput(t *testing.T) {
	src := strings.Replace(realDomain(t), "<vcpu placement=\"static\">", "<vcpu placement=\"static\">x", 1)
	out, _, err := compile(t, rules(set("/domain/@a", "1"))).Domain(context.Background(), []byte(src), nil, nil)
	if err != nil || !strings.Contains(string(out), ` a="1"`) || src == realDomain(t) {
		t.Errorf("got %v", err)
	}
}
