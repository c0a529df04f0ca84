// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// compileSpec compiles a patch of a spec as YAML.
func compileSpec(t testing.TB, name, text string) *patch.Program {
	t.Helper()
	var spec struct {
		MatchConditions []bundle.MatchCondition `yaml:"matchConditions"`
		Variables       []bundle.Variable
		Domain          []bundle.DomainRule
		CloudInit       []struct {
			Target, Op, Path, From, Yaml, Expression, When string
			Create                                         bool
		} `yaml:"cloudInit"`
	}
	if err := yaml.Unmarshal([]byte(text), &spec); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p := bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "vms", Name: name, FailurePolicy: bundle.Fail,
		MatchConditions: spec.MatchConditions, Variables: spec.Variables, Domain: spec.Domain}
	for _, r := range spec.CloudInit {
		p.CloudInit = append(p.CloudInit, bundle.CloudInitRule{Target: bundle.Target(r.Target), Op: bundle.Op(r.Op), Path: r.Path, From: r.From,
			YAML: r.Yaml, Expression: r.Expression, When: r.When, Create: r.Create})
	}
	program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return program
}

// describe writes the places of a rule: ~ incidental, - removed, ! dropped by KubeVirt, and the
// value where it is known.
func describe(r patch.RulePlaces) []string {
	if r.Unknown != "" {
		return []string{"unknown: " + r.Unknown}
	}
	var all []string
	for i := range r.Places {
		p := &r.Places[i]
		text := p.String()
		if p.Incidental {
			text = "~" + text
		}
		if p.Removed {
			text = "-" + text
		}
		if p.Dropped() {
			text = "!" + text
		}
		if p.Value != nil {
			text += fmt.Sprintf(" = %s", *p.Value)
		}
		all = append(all, text)
	}
	if r.Optional {
		all = append(all, "optional")
	}
	return all
}

func TestPlaces(t *testing.T) {
	cases := map[string]struct{ reason, rule, want string }{
		"Test":          {"nothing is written", "{op: test, path: /domain/cpu}", ""},
		"SetText":       {"the text of an element", "{op: set, path: /domain/title, value: x}", "!/domain/title = x"},
		"SetAttribute":  {"and what tells an element apart that is created", "{op: set, path: \"/domain/sysinfo[@type='smbios']/system/entry[@name='a']\", value: x}", "~/domain/sysinfo[@type='smbios']/system/entry[@name='a']/@name ~/domain/sysinfo[@type='smbios']/system/entry[@name='a'] ~/domain/sysinfo[@type='smbios']/@type ~/domain/sysinfo[@type='smbios'] /domain/sysinfo[@type='smbios']/system/entry[@name='a'] = x"},
		"SetExpression": {"a value of later, which may be null", "{op: set, path: /domain/os/smbios/@mode, expression: vmi.metadata.name}", "/domain/os/smbios/@mode optional"},
		"SetNotNull":    {"CEL says that it is text", "{op: set, path: /domain/os/smbios/@mode, expression: \"'sys' + 'info'\"}", "/domain/os/smbios/@mode"},
		"SetMany":       {"predicates in one spelling", "{op: set, path: \"/domain/devices/disk[ target/@bus = \\\"virtio\\\" ][@device='disk']/driver/@io\", value: native}", "/domain/devices/disk[@device='disk' and target/@bus='virtio']/driver/@io = native"},
		"SetAnywhere":   {"at any depth", "{op: set, path: //driver/@io, value: native}", "//driver/@io = native"},
		"SetUnion":      {"one by one", "{op: set, path: /domain/title | /domain/description, value: x}", "!/domain/title = x !/domain/description = x"},
		"SetUp":         {"a path that turns back", "{op: set, path: \"/domain/devices/disk/target[@dev='a']/../serial\", value: x}", "unknown: its path does not go down alone"},
		"SetTemplate":   {"a predicate of later is left out", "{op: set, path: \"/domain/devices/disk[@a='$(v)' and @b='c']/serial\", value: x}", "~/domain/devices/disk[@b='c']/@a ~/domain/devices/disk[@b='c'] ~/domain/devices/disk[@b='c']/@b ~/domain/devices/disk[@b='c'] /domain/devices/disk[@b='c']/serial = x"},
		"When":          {"it may be skipped", "{op: set, path: /domain/on_reboot, value: x, when: 'true'}", "/domain/on_reboot = x optional"},
		"Any":           {"it may select nothing", "{op: set, path: /domain/on_reboot, value: x, expect: Any}", "/domain/on_reboot = x optional"},
		"Remove":        {"an element", "{op: remove, path: /domain/devices/video, expect: One}", "-/domain/devices/video"},
		"RemoveText":    {"is the empty text", "{op: remove, path: /domain/on_reboot/text(), expect: One}", "/domain/on_reboot = "},
		"AddKeyed":      {"found by its key; replaced as a whole, it may be", "{op: add, path: /domain/clock, xml: \"<timer name='rtc' mode='native'/>\"}", "~/domain/clock/timer[@name='rtc'] /domain/clock/timer[@name='rtc']/@name = rtc !/domain/clock/timer[@name='rtc']/@mode = native"},
		"AddSingle":     {"libvirt allows one", "{op: add, path: /domain/features, xml: <vmcoreinfo/>}", "~/domain/features/vmcoreinfo !/domain/features/vmcoreinfo = "},
		"AddLoose":      {"a device that nothing tells apart", "{op: add, path: /domain/devices, xml: \"<video><model type='vga'/></video>\"}", "/domain/devices/video /domain/devices/video/model/@type = vga"},
		"AddBefore":     {"beside the selected element", "{op: add, path: /domain/clock, position: before, xml: <pm><suspend-to-mem enabled='no'/></pm>}", "~/domain/pm !/domain/pm/suspend-to-mem/@enabled = no"},
		"AddTemplate":   {"a key and a text of later", "{op: add, path: /domain/devices, xml: \"<channel type='unix'><target name='$(v)'/></channel>\"}", "/domain/devices/channel /domain/devices/channel/@type = unix /domain/devices/channel/target/@name"},
		"AddQEMU":       {"in QEMU's namespace", "{op: add, path: /domain, xml: <qemu:commandline><qemu:arg value='-s'/></qemu:commandline>}", "~/domain/qemu:commandline !/domain/qemu:commandline/qemu:arg/@value = -s"},
		"Merge":         {"into what is there", "{op: merge, xml: <domain><cpu mode='custom'><model>EPYC</model></cpu></domain>}", "~/domain/cpu /domain/cpu/@mode = custom ~/domain/cpu/model /domain/cpu/model = EPYC"},
		"ReplaceXML":    {"the old one goes", "{op: replace, path: /domain/on_reboot, xml: <on_reboot>restart</on_reboot>}", "~/domain/on_reboot ~/domain/on_reboot /domain/on_reboot = restart"},
		"ReplaceText":   {"like set", "{op: replace, path: /domain/vcpu, value: '4'}", "/domain/vcpu = 4"},
		"ReplaceUnder":  {"nobody knows what it stands in", "{op: replace, path: //vcpu, xml: <vcpu/>}", "unknown: its path does not tell what the elements come into"},
		"TooLong":       {"a bound", "{op: set, path: \"" + strings.Repeat("/a", 33) + "\", value: x}", "unknown: its path has more than 32 steps"},
		"TooDeep":       {"a bound", "{op: merge, xml: \"<domain>" + strings.Repeat("<a>", 32) + strings.Repeat("</a>", 32) + "</domain>\"}", "unknown: it writes below more than 32 elements"},
		"TooMany":       {"a bound", "{op: add, path: /domain, xml: <a>" + strings.Repeat("<b/>", patch.PlacesListed) + "</a>}", "unknown: it writes more than 1024 places"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := compileSpec(t, "a", "{variables: [{name: v, expression: \"'x'\"}], domain: ["+tc.rule+"]}").Places()
			if diff := cmp.Diff(tc.want, strings.Join(describe(got[0]), " ")); diff != "" || got[0].Field != "spec.domain[0]" || got[0].Patch != "DomainPatch vms/a" {
				t.Errorf("places of %s %s, %s (-want +got):\n%s", got[0].Patch, got[0].Field, tc.reason, diff)
			}
		})
	}
}

func TestDenied(t *testing.T) {
	cases := map[string]struct {
		reason, allow, rule string
		want                bool
	}{
		"Nothing":       {"an empty policy", "", "{op: set, path: /domain/title, value: x}", true},
		"Test":          {"it changes nothing", "", "{op: test, path: /domain/title}", false},
		"Same":          {"the place itself", "/domain/title", "{op: set, path: /domain/title, value: x}", false},
		"Above":         {"what is around it", "/domain/clock", "{op: set, path: /domain/clock/@offset, value: utc}", false},
		"Beside":        {"something else", "/domain/devices/disk/driver/@cache", "{op: set, path: /domain/devices/disk/driver/@io, value: native}", true},
		"Below":         {"set writes no more than it says", "/domain/cpu/model/@fallback", "{op: set, path: /domain/cpu/model, value: x}", true},
		"Anywhere":      {"it may be there", "/domain/devices/disk/driver/@cache", "{op: set, path: //driver/@cache, value: none}", false},
		"NotAnywhere":   {"nothing of that name is allowed", "/domain/devices/disk/driver/@cache", "{op: set, path: //source/@file, value: x}", true},
		"AllowAny":      {"a policy may allow it everywhere", "//driver/@cache", "{op: set, path: /domain/devices/disk/driver/@cache, value: none}", false},
		"AllowNone":     {"or something else everywhere", "//serial", "{op: set, path: /domain/devices/disk/driver/@cache, value: none}", true},
		"AnyName":       {"it may be meant", "/domain/devices/disk/driver/@cache", "{op: set, path: /domain/devices/*/driver/@cache, value: none}", false},
		"Union":         {"either is allowed", "/domain/a | /domain/title", "{op: set, path: /domain/title, value: x}", false},
		"Up":            {"a policy's path that turns back may allow anything", "/domain/a/../title", "{op: set, path: /domain/vcpu, value: x}", false},
		"OtherValue":    {"one node cannot be both", "/domain/sysinfo[@type='smbios']", "{op: set, path: \"/domain/sysinfo[@type='fwcfg']/entry[@name='a']\", value: x}", true},
		"OtherChild":    {"a cpu may have both features", "/domain/cpu[feature/@name='a']/model", "{op: set, path: \"/domain/cpu[feature/@name='b']/model\", value: x}", false},
		"OtherTarget":   {"a disk has one target", "/domain/devices/disk[target/@dev='a']/serial", "{op: set, path: \"/domain/devices/disk[target/@dev='b']/serial\", value: x}", true},
		"OtherFragment": {"the fragment is not what is allowed", "/domain/devices/channel[@type='qemu-vdagent' and not(log)]", "{op: add, path: /domain/devices, xml: \"<channel type='unix'><target type='virtio' name='a'/></channel>\"}", true},
		"Fragment":      {"the fragment may be what is allowed", "/domain/devices/channel[@type='qemu-vdagent' and not(log)]", "{op: add, path: /domain/devices, xml: \"<channel type='qemu-vdagent'><target type='virtio' name='a'/></channel>\"}", false},
		"Part":          {"one of two, and the other one may be there already", "/domain/cpu/model", "{op: merge, xml: <domain><cpu mode='custom'><model>x</model></cpu></domain>}", false},
		"NewDevice":     {"a new device is more than its allowed parts", "/domain/devices/video/model", "{op: add, path: /domain/devices, xml: <video><model type='vga'/></video>}", true},
		"RemoveWhole":   {"all that it holds may be allowed", "/domain/pm/suspend-to-mem", "{op: remove, path: /domain/pm}", false},
		"RemoveDevice":  {"but not of a device", "/domain/devices/sound/codec", "{op: remove, path: /domain/devices/sound}", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			policies := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Policies: []bundle.Policy{{Name: "p"}}}
			if tc.allow != "" {
				policies.Policies[0].Allow = []string{tc.allow}
			}
			program, err := patch.Compile(policies)
			if err != nil {
				t.Fatal(err)
			}
			rule := compileSpec(t, "a", "domain: ["+tc.rule+"]").Places()[0]
			if got := rule.Denied(program.Limits()); got != tc.want {
				t.Errorf("%s under %q: denied is %t, want %t: %s", tc.rule, tc.allow, got, tc.want, tc.reason)
			}
		})
	}
}
