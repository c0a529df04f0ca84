// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
)

const vmi = `{"metadata":{"name":"vm","annotations":{"vendor":"Radical Edward"}},"spec":{"cpu":{"cores":4}},"status":{"phase":"Running"}}`

const domain = `<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
	<os>
		<type>hvm</type>
	</os>
	<sysinfo type="smbios">
		<system>
			<entry name="uuid">1</entry>
		</system>
		<baseBoard></baseBoard>
	</sysinfo>
	<devices>
		<disk type="file">
			<driver type="qcow2" cache="none"></driver>
			<target dev="vda" bus="virtio"></target>
			<alias name="ua-root"></alias>
		</disk>
		<disk type="file">
			<target dev="vdb" bus="virtio"></target>
		</disk>
	</devices>
</domain>`

func ptr[T any](v T) *T { return &v }

// rules makes a bundle of one patch with domain rules.
func rules(rules ...bundle.DomainRule) *bundle.Bundle {
	return &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{onePatch("p", rules...)}}
}

func onePatch(name string, rules ...bundle.DomainRule) bundle.Patch {
	return bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "ns", Name: name, FailurePolicy: bundle.Fail, Domain: rules}
}

func compile(t *testing.T, b *bundle.Bundle) *patch.Program {
	t.Helper()
	p, err := patch.Compile(b)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return p
}

func set(path, value string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpSet, Path: path, Value: &value}
}

func add(path, xml string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpAdd, Path: path, XML: xml}
}

// evaluating is a rule whose expression is evaluated on the way.
func evaluating(expression string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: expression}
}

func TestDomain(t *testing.T) {
	cases := map[string]struct {
		reason   string
		rule     bundle.DomainRule
		old, new string // the one difference to the input; both empty for none
	}{
		"set an attribute": {rule: set("/domain/devices/disk[target/@dev='vda']/driver/@cache", "writeback"), old: `cache="none"`, new: `cache="writeback"`},
		"set creates elements": {
			rule: set("/domain/os/smbios/@mode", "sysinfo"),
			old:  "<type>hvm</type>\n", new: "<type>hvm</type>\n\t\t<smbios mode=\"sysinfo\"/>\n",
		},
		"set creates a keyed sibling": {
			reason: "sysinfo entries are told apart by name",
			rule:   set("/domain/sysinfo[@type='smbios']/system/entry[@name='sku']", "a<b"),
			old:    "1</entry>\n", new: "1</entry>\n\t\t\t<entry name=\"sku\">a&lt;b</entry>\n",
		},
		"set creates below every parent that lacks it": {
			rule: set("/domain/devices/disk/driver/@io", "native"),
			old:  "cache=\"none\"></driver>\n\t\t\t<target dev=\"vda\" bus=\"virtio\"></target>\n\t\t\t<alias name=\"ua-root\"></alias>\n\t\t</disk>\n\t\t<disk type=\"file\">\n\t\t\t<target dev=\"vdb\" bus=\"virtio\"></target>\n",
			new:  "cache=\"none\" io=\"native\"></driver>\n\t\t\t<target dev=\"vda\" bus=\"virtio\"></target>\n\t\t\t<alias name=\"ua-root\"></alias>\n\t\t</disk>\n\t\t<disk type=\"file\">\n\t\t\t<target dev=\"vdb\" bus=\"virtio\"></target>\n\t\t\t<driver io=\"native\"/>\n",
		},
		"set by expression": {
			rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/sysinfo/baseBoard/entry[@name='manufacturer']", Expression: "vmi.metadata.annotations['vendor']"},
			old:  "<baseBoard></baseBoard>", new: "<baseBoard>\n\t\t\t<entry name=\"manufacturer\">Radical Edward</entry>\n\t\t</baseBoard>",
		},
		"set by an integer": {
			reason: "integers of the VMI are CEL ints",
			rule:   bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@id", Expression: "vmi.spec.cpu.cores * 2"},
			old:    "qemu/1.0\">", new: "qemu/1.0\" id=\"8\">",
		},
		"current": {
			reason: "min(current, ...) is the idiom for clamping",
			rule:   bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "current == null ? 'none' : current.upperAscii()"},
			old:    "hvm", new: "HVM",
		},
		"null skips":            {rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/smbios/@mode", Expression: "dyn(null)"}},
		"empty optional skips":  {rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/smbios/@mode", Expression: "vmi.metadata.annotations[?'absent']"}},
		"present optional sets": {rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "vmi.metadata.annotations[?'vendor']"}, old: "hvm", new: "Radical Edward"},
		"when is false":         {rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Value: ptr("x"), When: "xpath('//disk').size() > 2"}},
		"when is true":          {rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Value: ptr("x"), When: "xpath('//disk').size() == 2"}, old: "hvm", new: "x"},
		"same value":            {reason: "nothing changes", rule: set("/domain/os/type", "hvm")},
		"set no match, Any":     {rule: bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/devices/disk[target/@dev='vdz']/@type", Value: ptr("x"), Expect: bundle.ExpectAny}},
		"add replaces its twin, keeping the alias": {
			rule: add("/domain/devices", `<disk type="block"><target dev="vda" bus="scsi"/></disk>`),
			old:  "<disk type=\"file\">\n\t\t\t<driver type=\"qcow2\" cache=\"none\"></driver>\n\t\t\t<target dev=\"vda\" bus=\"virtio\"></target>\n",
			new:  "<disk type=\"block\">\n\t\t\t<target dev=\"vda\" bus=\"scsi\"/>\n",
		},
		"add a device": {
			rule: add("/domain/devices", `<channel type="unix"><target type="virtio" name="x"/></channel>`),
			old:  "</disk>\n\t</devices>", new: "</disk>\n\t\t<channel type=\"unix\">\n\t\t\t<target type=\"virtio\" name=\"x\"/>\n\t\t</channel>\n\t</devices>",
		},
		"add first": {
			rule: bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain", XML: "<features><acpi/></features>", Position: bundle.PositionFirst},
			old:  "\n\t<os>", new: "\n\t<features>\n\t\t<acpi/>\n\t</features>\n\t<os>",
		},
		"add several, behind one another": {
			reason: "a run keeps its order",
			rule:   add("/domain", `<qemu:commandline><qemu:arg value="-device"/><qemu:arg value="a"/></qemu:commandline>`),
			old:    "</devices>\n", new: "</devices>\n\t<qemu:commandline>\n\t\t<qemu:arg value=\"-device\"/>\n\t\t<qemu:arg value=\"a\"/>\n\t</qemu:commandline>\n",
		},
		"add beside its twin": {
			reason: "the second selected place is the twin, which is replaced by then",
			rule:   bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain/devices/disk", XML: "<disk type='block'><target dev='vdb'/></disk>", Position: bundle.PositionAfter},
			old:    "<disk type=\"file\">\n\t\t\t<target dev=\"vdb\" bus=\"virtio\"></target>", new: "<disk type='block'>\n\t\t\t<target dev='vdb'/>",
		},
		"add an empty container that is there": {reason: "it asks for its existence alone", rule: add("/domain", "<os/>")},
		"bounded functions": {
			rule: evaluating("['a', 'b', ''].join('-') + ['', 'c'].join() + [['d'], ['e']].flatten()[1] + string([[1], [[2]]].flatten(2).size()) + 'xyx'.replace('x', 'z') + 'xyx'.replace('x', 'z', 1) + string(lists.range(3).size())"),
			old:  "hvm", new: "a-b-ce2zyzzyx3",
		},
		"remove an element":        {rule: bundle.DomainRule{Op: bundle.OpRemove, Path: "//disk/alias"}, old: "\n\t\t\t<alias name=\"ua-root\"></alias>", new: ""},
		"remove attributes":        {rule: bundle.DomainRule{Op: bundle.OpRemove, Path: "//disk/driver/@*"}, old: ` type="qcow2" cache="none"`, new: ""},
		"remove text":              {rule: bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/os/type/text()"}, old: "hvm", new: ""},
		"remove what is not there": {rule: bundle.DomainRule{Op: bundle.OpRemove, Path: "//watchdog"}},
		"test":                     {rule: bundle.DomainRule{Op: bundle.OpTest, Path: "//disk", Expect: bundle.ExpectSome}},
		"test a value":             {rule: bundle.DomainRule{Op: bundle.OpTest, Path: "//target/@dev", Value: ptr("vdb")}},
		"test a condition":         {rule: bundle.DomainRule{Op: bundle.OpTest, Path: "count(//disk) > 1 and not(//watchdog) and //target/@dev = 'vdb'"}},
		"set a union": {
			reason: "each path creates what it misses, and what both name is set once",
			rule:   set("/domain/os/type | /domain/os/bios/@x | //os/type | /domain/os/bios/@x", "y"),
			old:    "<type>hvm</type>\n", new: "<type>y</type>\n\t\t<bios x=\"y\"/>\n",
		},
		"set a union that excludes itself": {
			reason: "libvirt allows dtb once: the second path selects nothing once the first has created it",
			rule:   set("/domain/os/dtb[@a='1']/@x | /domain/os/dtb[@a='2']/@x", "y"),
			old:    "<type>hvm</type>\n", new: "<type>hvm</type>\n\t\t<dtb x=\"y\" a=\"1\"/>\n",
		},
		"set the alias of a device": {rule: set("//disk[1]/alias/@name", "ua-sys"), old: `"ua-root"`, new: `"ua-sys"`},
		"remove a union":            {rule: bundle.DomainRule{Op: bundle.OpRemove, Path: "//disk[1]/driver/@type|//driver/@cache|//driver/@*"}, old: ` type="qcow2" cache="none"`, new: ""},
		"set a text node":           {rule: set("/domain/os/type/text()", "x"), old: "hvm", new: "x"},
		"set creates nothing twice": {reason: "a once-per-parent element with another attribute is a non-match", rule: bundle.DomainRule{Op: bundle.OpSet, Path: "//disk[alias]/driver[@type='raw']/@cache", Value: ptr("x"), Expect: bundle.ExpectAny}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := compile(t, rules(tc.rule))
			got, report, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(domain, tc.old, tc.new, 1)
			if tc.old != tc.new && want == domain {
				t.Fatalf("the test's old text is not in the domain: %q", tc.old)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if changed := report.Changed() > 0; changed != (want != domain) {
				t.Errorf("the report counts %d changes", report.Changed())
			}
			again, _, err := p.Domain(context.Background(), got, []byte(vmi), report)
			if err != nil || string(again) != string(got) {
				t.Errorf("a second application: %v (-first +second):\n%s", err, cmp.Diff(string(got), string(again)))
			}
		})
	}
}

func TestDomainFails(t *testing.T) {
	cases := map[string]struct {
		rule bundle.DomainRule
		want string
	}{
		"set selects nothing":     {set("/domain/devices/disk[target/@dev='vdz']/driver/@cache", "none"), "spec.domain[0]: /domain/devices/disk[target/@dev='vdz']/driver/@cache selects nothing, at least one node is expected: /domain/devices/disk selects 2 nodes, none with [target/@dev='vdz']"},
		"set stops at a name":     {set("/domain/devices/watchdog/@model", "i6300esb"), "selects nothing, at least one node is expected: /domain/devices selects 1 node, without watchdog"},
		"test stops at @":         {bundle.DomainRule{Op: bundle.OpTest, Path: "//disk/target/@nosuch", Expect: bundle.ExpectOne}, "selects 0 nodes, exactly one is expected: //disk/target selects 2 nodes, none with @nosuch"},
		"test stops at a number":  {bundle.DomainRule{Op: bundle.OpTest, Path: "//disk[3]/target"}, "expected: //disk selects 2 nodes, none with [3]"},
		"test stops below":        {bundle.DomainRule{Op: bundle.OpTest, Path: "/domain/os//nosuch/x[1]"}, "expected: /domain/os selects 1 node, without //nosuch"},
		"set invents no device":   {set("/domain/devices/watchdog/@model", "i6300esb"), "selects nothing"},
		"set invents no root":     {set("/domains/x", "y"), "selects nothing"},
		"set invents no second":   {set("//disk[alias]/driver[@type='raw']/@cache", "x"), "selects nothing"},
		"set on an element":       {set("/domain/os", "x"), "<os>: it has element children, so it cannot hold a text"},
		"set bad text":            {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: `"\u0001"`}, "XML cannot hold"},
		"set between elements":    {set("/domain/os/text()[1]", "x"), "/domain/os/text()[1] is text between elements: set an element that holds text alone"},
		"set an alias":            {bundle.DomainRule{Op: bundle.OpSet, Path: "//alias/@name", Expression: "'net' + '0'"}, `the alias "net0" must start with ua-: libvirt drops others`},
		"create an alias":         {bundle.DomainRule{Op: bundle.OpSet, Path: "//disk[2]/alias/@name", Expression: "'net' + '0'"}, `the alias "net0" must start with ua-: libvirt drops others`},
		"create bad text":         {set("/domain/os/bios[@a='\x01']/@b", "x"), "cannot create <bios>: XML cannot hold the character"},
		"test a condition":        {bundle.DomainRule{Op: bundle.OpTest, Path: "count(//disk) = 3"}, "count(//disk) = 3 is not true"},
		"expect One":              {bundle.DomainRule{Op: bundle.OpSet, Path: "//disk/@type", Value: ptr("x"), Expect: bundle.ExpectOne}, "selects 2 nodes, exactly one is expected"},
		"remove, expect Some":     {bundle.DomainRule{Op: bundle.OpRemove, Path: "//watchdog", Expect: bundle.ExpectSome}, "selects nothing"},
		"remove the root":         {bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain"}, "root element cannot be removed"},
		"test":                    {bundle.DomainRule{Op: bundle.OpTest, Path: "//watchdog"}, "selects nothing"},
		"test a value":            {bundle.DomainRule{Op: bundle.OpTest, Path: "//target/@dev", Value: ptr("sda")}, "none of the 2 nodes"},
		"missing annotation":      {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "vmi.metadata.annotations['absent']"}, "no such key: absent"},
		"status is not visible":   {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "vmi.status.phase"}, "no such key: status"},
		"expression gives a list": {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "dyn([1])"}, "gives list instead of text"},
		"bad path in xpath()":     {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "xpath('//' + vmi.metadata.name + '[')[0]"}, `xpath("//vm["): "unexpected end of the path`},
		"not idempotent":          {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "current + 'x'"}, "spec.domain[0]: the rule is not idempotent"},
		"steps":                   {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "lists.range(100).all(a, lists.range(100).all(b, xpath('//*[@none]').size() == 0)) ? 'x' : 'y'"}, "more than 200000 evaluation steps"},
		"cost":                    {evaluating("lists.range(1900).filter(a, lists.range(1900).exists(b, b > 1900)).size() > 0 ? 'x' : 'y'"), "actual cost limit exceeded"},
		"replace multiplies":      {evaluating("'a'" + strings.Repeat(".replace('a','aaaaaaaaaa')", 10)), "the text would have more than 262144 bytes"},
		"replace of nothing":      {evaluating("'" + strings.Repeat("a", 1000) + "'.replace('', '" + strings.Repeat("b", 1000) + "')"), "the text would have more than 262144 bytes"},
		"join multiplies":         {evaluating("lists.range(2000).map(i, '" + strings.Repeat("a", 1000) + "').join(',')"), "the text would have more than 262144 bytes"},
		"range":                   {evaluating("lists.range(1000000000000).size() > 0 ? 'x' : 'y'"), "the list would have more than 2000 elements"},
		"concatenation":           {evaluating("(lists.range(2000) + lists.range(2000)).size() > 0 ? 'x' : 'y'"), "the list would have more than 2000 elements"},
		"flatten":                 {evaluating("lists.range(100).map(i, lists.range(100)).flatten().size() > 0 ? 'x' : 'y'"), "the list would have more than 2000 elements"},
		"split":                   {evaluating("'" + strings.Repeat("a", 3000) + "'.split('').size() > 0 ? 'x' : 'y'"), "the list would have more than 2000 elements"},
		"add over other children": {add("/domain", "<sysinfo type='smbios'><system/></sysinfo>"), "<sysinfo> is there and holds <entry>, which the fragment lacks and would remove: add the children that you want to sysinfo itself, or use merge or replace"},
		"add loses children":      {add("/domain", "<devices><memballoon model='none'/></devices>"), "<devices> is there and holds <disk>, which the fragment lacks and would remove: add the children that you want to devices itself, or use merge or replace"},
		"add over another device": {add("/domain/devices", "<disk><target dev='vda'/><alias name='ua-other'/></disk>"), "a <disk> that agrees on target/@dev is there with another alias: it is another device"},
		"beside the root":         {bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain", XML: "<features/>", Position: bundle.PositionBefore}, "no element can stand beside the root element"},
		"add to an attribute":     {add("//disk/@type", "<driver/>"), "selects something else than an element"},
		"device without a key":    {add("//disk/..", "<disk/>"), "<disk> below <devices> needs target/@dev, by which a repeated call finds it again"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, report, err := compile(t, rules(tc.rule)).Domain(context.Background(), []byte(domain), []byte(vmi), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "DomainPatch ns/p: ") {
				t.Fatalf("got %v, want DomainPatch ns/p: … %s", err, tc.want)
			}
			if out != nil {
				t.Error("a failed call gave a document")
			}
			if report == nil || report.Patches[0].Outcome != patch.Failed || report.Patches[0].Reason == "" {
				t.Errorf("the report does not tell: %+v", report)
			}
		})
	}
}

// TestPathVariables: the value of a variable stands in a quoted string of a path, whatever it is.
func TestPathVariables(t *testing.T) {
	for _, value := range []string{"plain", "' or '1'='1", `"]/..|//disk["`, "a]b[c", "$(v)", "<&>", "\u00e4 'x' \"y\""} {
		b := rules(
			set("/domain/sysinfo/system/entry[@name='$(v)']", "one"),
			set(`/domain/sysinfo/system/entry[@name="$$(v)-"]`, "escaped"),
			bundle.DomainRule{Op: bundle.OpTest, Path: "//entry[@name='$(v)']", Expect: bundle.ExpectOne},
			bundle.DomainRule{Op: bundle.OpTest, Path: "count(//entry[@name='$(v)' and .='one']) = 1 and not(//entry[@name='$(v)x'])"},
			bundle.DomainRule{Op: bundle.OpRemove, Path: "//disk[target/@dev='$(v)']"},
		)
		b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: "vmi.metadata.v"}}
		given, err := json.Marshal(map[string]any{"metadata": map[string]string{"v": value}})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := compile(t, b).Domain(context.Background(), []byte(domain), given, nil)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		d, err := document.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]string{}
		for _, n := range document.Elements(d.Element()) {
			for _, system := range document.Elements(n) {
				for _, e := range document.Elements(system) {
					if i := document.Attribute(e, "", "name"); i >= 0 && n.Data == "sysinfo" {
						names[e.Attr[i].Value] = document.Text(e)
					}
				}
			}
		}
		want := map[string]string{"uuid": "1", value: "one", "$(v)-": "escaped"}
		if diff := cmp.Diff(want, names); diff != "" || strings.Count(string(got), "<disk") != 2 {
			t.Errorf("%q: (-want +got):\n%s", value, diff)
		}
	}
	b := rules(set("/domain/os/bios[@x='$(v)']/@y", "z"))
	b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: "dyn(null)"}}
	if _, _, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil); err == nil || !strings.Contains(err.Error(), "$(v): the variable is null") {
		t.Errorf("got %v", err)
	}
}

func TestDomainRefusesDocuments(t *testing.T) {
	p := compile(t, rules(set("/domain/os/type", "x")))
	for doc, want := range map[string]string{
		"":                        "cannot parse the domain XML",
		"<domain>":                `cannot parse the domain XML: line 1, column 9: the element "domain" is not closed`,
		"<!DOCTYPE d><domain/>":   "DOCTYPE",
		"<domain/><domain/>":      "second root",
		"<network/>":              `the root element is "network" instead of <domain>`,
		"<domain xmlns='urn:x'/>": "instead of <domain>",
	} {
		if out, _, err := p.Domain(context.Background(), []byte(doc), []byte(vmi), nil); err == nil || out != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", doc, err, want)
		}
	}
}

func TestDomainRefusesVMIs(t *testing.T) {
	reading := compile(t, rules(evaluating("'x'")))
	other := compile(t, rules(set("/domain/os/type", "x")))
	for _, bad := range []string{"[]", "null", "{", `{} {}`, strings.Repeat(" ", 2<<20) + "{}"} {
		if _, _, err := reading.Domain(context.Background(), []byte(domain), []byte(bad), nil); err == nil || !strings.Contains(err.Error(), "VMI") {
			t.Errorf("VMI %.20s: got %v", bad, err)
		}
		if _, _, err := other.Domain(context.Background(), []byte(domain), []byte(bad), nil); err != nil {
			t.Errorf("VMI %.20s, which no expression reads: %v", bad, err)
		}
	}
}

func TestAddRefusesAmbiguousTwins(t *testing.T) {
	src := strings.Replace(domain, `dev="vdb"`, `dev="vda"`, 1)
	p := compile(t, rules(add("/domain/devices", `<disk><target dev="vda"/></disk>`)))
	if _, _, err := p.Domain(context.Background(), []byte(src), []byte(vmi), nil); err == nil || !strings.Contains(err.Error(), "2 siblings <disk> have the same target/@dev") {
		t.Errorf("got %v", err)
	}
}

// TestRepeatLeavesSeveralAlone: with expect One, nodes that joined since the first call are
// not edited with it.
func TestRepeatLeavesSeveralAlone(t *testing.T) {
	p := compile(t, rules(
		bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/devices/disk[alias]/@snapshot", Value: ptr("x"), Expect: bundle.ExpectOne},
		bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/devices/disk/alias", Expect: bundle.ExpectOne},
	))
	_, report, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.ReplaceAll(domain, "</disk>", "<alias name=\"a\"/></disk>")
	out, second, err := p.Domain(context.Background(), []byte(joined), []byte(vmi), report)
	if err != nil || string(out) != joined {
		t.Errorf("%v (-before +after):\n%s", err, cmp.Diff(joined, string(out)))
	}
	for _, r := range second.Patches[0].Rules {
		if !strings.Contains(r.Reason, "exactly one is expected") {
			t.Errorf("the report does not tell: %+v", r)
		}
	}
}

// TestTwoPatchesShareAContainer: the second must not wipe what the first put in.
func TestTwoPatchesShareAContainer(t *testing.T) {
	b := rules()
	b.Patches = nil
	for _, name := range []string{"a", "b"} {
		b.Patches = append(b.Patches, onePatch(name, add("/domain", "<qemu:commandline/>"), add("/domain/qemu:commandline", "<qemu:arg value='-device'/><qemu:arg value='"+name+"'/>")))
	}
	out, _, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil || strings.Count(string(out), "-device") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBlameSparesTheInnocent: an ignorable patch that makes another one fail the check is
// left out; the VM starts.
func TestBlameSparesTheInnocent(t *testing.T) {
	counter := onePatch("counter", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/title", Expression: "current == null ? '1' : current + '1'"})
	counter.FailurePolicy = bundle.Ignore
	b := rules()
	b.Patches = []bundle.Patch{counter, onePatch("reader", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/description", Expression: "xpath('/domain/title').size() > 0 ? xpath('/domain/title')[0] : 'none'"})}
	out, report, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil || report.Patches[0].Outcome != patch.Ignored || !strings.Contains(string(out), "<description>none</description>") {
		t.Errorf("%v, %+v\n%s", err, report, out)
	}
}

// TestUndoKeepsCounting: an ignored patch between two others does not give them more room.
func TestUndoKeepsCounting(t *testing.T) {
	failing := onePatch("failing", bundle.DomainRule{Op: bundle.OpTest, Path: "//nosuch"})
	failing.FailurePolicy = bundle.Ignore
	b := rules()
	b.Patches = []bundle.Patch{
		onePatch("a", set("/domain/title", strings.Repeat("a", 200<<10))), failing,
		onePatch("z", set("/domain/description", strings.Repeat("z", 200<<10))),
	}
	if _, _, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil); err == nil || !strings.Contains(err.Error(), "add more than 262144 bytes") {
		t.Errorf("got %v", err)
	}
}

// TestMatchingEnds: conditions cannot hold the webhook up.
func TestMatchingEnds(t *testing.T) {
	b := rules(set("/domain/@a", "1"))
	b.Patches[0].MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "lists.range(60000).map(i, i).size() < 0"}}
	if _, err := compile(t, b).Matching(context.Background(), []byte(vmi)); err == nil || !strings.Contains(err.Error(), "spec.matchConditions[0] (c): ") {
		t.Errorf("got %v", err)
	}
}

func TestRequiresCloudInit(t *testing.T) {
	rule := []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Value: json.RawMessage("1")}}
	cases := map[string]struct {
		edit func(*bundle.Patch)
		want string
	}{
		"required":       {func(*bundle.Patch) {}, "DomainPatch ns/p"},
		"ignorable":      {func(p *bundle.Patch) { p.FailurePolicy = bundle.Ignore }, ""},
		"no rules":       {func(p *bundle.Patch) { p.CloudInit = nil }, ""},
		"does not match": {func(p *bundle.Patch) { p.MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "false"}} }, ""},
	}
	for name, tc := range cases {
		b := rules(set("/domain/@a", "1"))
		b.Patches[0].CloudInit = rule
		tc.edit(&b.Patches[0])
		if got, err := compile(t, b).RequiresCloudInit(context.Background(), []byte(vmi)); err != nil || got != tc.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestCloudInitExpressionValues(t *testing.T) {
	for expression, want := range map[string]string{
		"9007199254740993":                  `"x":9007199254740993`,
		"{'b': 1, 'a': [true, null, 'é<']}": `"x":{"a":[true,null,"é<"],"b":1}`,
		"2.5":                               `"x":2.5`,
	} {
		b := rules()
		b.Patches[0].CloudInit = []bundle.CloudInitRule{{Target: bundle.NetworkData, Op: bundle.OpAdd, Path: "/x", Expression: expression}}
		data := `{"DataSource":"noCloud","NoCloudMetaData":{"instance-id":"i"},"UserData":"#cloud-config\n","NetworkData":"{\"version\":2}"}`
		out, _, err := compile(t, b).CloudInit(context.Background(), []byte(data), []byte(vmi))
		var got struct{ NetworkData string }
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if err != nil || !strings.Contains(strings.ReplaceAll(got.NetworkData, " ", ""), want) {
			t.Errorf("%s: %v, %s; want %s", expression, err, got.NetworkData, want)
		}
	}
	for expression, want := range map[string]string{
		"b'x'":              "bytes, which JSON cannot hold",
		"{1: 2}":            "JSON has strings alone",
		"1.0 / 0.0":         "infinity",
		"[optional.none()]": "empty optional",
		"lists.range(200).map(i, lists.range(200))": "more than 20000 values",
	} {
		b := rules()
		b.Patches[0].CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Expression: expression}}
		data := `{"DataSource":"noCloud","NoCloudMetaData":{"instance-id":"i"},"UserData":"#cloud-config\n"}`
		if _, _, err := compile(t, b).CloudInit(context.Background(), []byte(data), []byte(vmi)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", expression, err, want)
		}
	}
}

// TestAtomicity: an ignored patch leaves no trace, and those around it apply.
func TestAtomicity(t *testing.T) {
	half := onePatch("half", set("/domain/os/type", "half"), bundle.DomainRule{Op: bundle.OpTest, Path: "//watchdog"})
	half.FailurePolicy = bundle.Ignore
	b := rules()
	b.Patches = []bundle.Patch{onePatch("a", set("/domain/@a", "1")), half, onePatch("z", set("/domain/@z", "1"))}
	p := compile(t, b)
	out, report, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(domain, `qemu/1.0">`, `qemu/1.0" a="1" z="1">`, 1); string(out) != want {
		t.Error(cmp.Diff(want, string(out)))
	}
	if r := report.Patches[1]; r.Outcome != patch.Ignored || !strings.Contains(r.Reason, "//watchdog selects nothing") {
		t.Errorf("report: %+v", r)
	}
	// What was ignored on the first call stays so, though it would work now.
	repeated := strings.Replace(string(out), "</devices>", "<watchdog/></devices>", 1)
	again, second, err := p.Domain(context.Background(), []byte(repeated), []byte(vmi), report)
	if err != nil || string(again) != repeated || second.Patches[1].Outcome != patch.Ignored {
		t.Errorf("repeat: %v, %+v", err, second)
	}

	b.Patches[1].FailurePolicy = bundle.Fail
	if out, _, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil); err == nil || out != nil {
		t.Errorf("with failurePolicy Fail: %v", err)
	}
}

// TestIgnoredWhenNotIdempotent: an idempotence failure honours failurePolicy, too.
func TestIgnoredWhenNotIdempotent(t *testing.T) {
	grow := onePatch("grow", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "current + 'x'"})
	grow.FailurePolicy = bundle.Ignore
	b := rules()
	b.Patches = []bundle.Patch{grow, onePatch("z", set("/domain/@z", "1"))}
	out, report, err := compile(t, b).Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hvmx") || !strings.Contains(string(out), ` z="1"`) || report.Patches[0].Outcome != patch.Ignored {
		t.Errorf("report %+v, document:\n%s", report, out)
	}
}

// TestRepeat: expectations decide on the first call alone; decisions stay.
func TestRepeat(t *testing.T) {
	b := rules(
		bundle.DomainRule{Op: bundle.OpTest, Path: "//alias"},
		bundle.DomainRule{Op: bundle.OpRemove, Path: "//alias", Expect: bundle.ExpectOne},
		bundle.DomainRule{Op: bundle.OpSet, Path: "//disk/@late", Value: ptr("x"), When: "xpath('//late').size() == 1"},
		set("/domain/@a", "1"),
	)
	p := compile(t, b)
	first, report, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	repeated := strings.Replace(string(first), ` a="1"`, "", 1)
	repeated = strings.Replace(repeated, "<os>", "<late/><os>", 1)
	again, second, err := p.Domain(context.Background(), []byte(repeated), []byte(vmi), report)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(string(first), "<os>", "<late/><os>", 1); string(again) != want {
		t.Errorf("lost edits are not made again, or skipped rules run (-want +got):\n%s", cmp.Diff(want, string(again)))
	}
	for i, want := range []string{"on this repeated call: //alias selects nothing", "on this repeated call: //alias selects 0 nodes", "when is false", "1 created"} {
		if got := second.Patches[0].Rules[i].Reason; !strings.HasPrefix(got, want) {
			t.Errorf("rule %d: reason %q, want %q", i, got, want)
		}
	}
	if _, _, err := p.Domain(context.Background(), []byte("<domain>"), []byte(vmi), report); err == nil {
		t.Error("a malformed document on a repeated call is no error")
	}
}

func TestPlaceholdersAreInvisible(t *testing.T) {
	for _, placeholder := range []string{
		`<interface type="ethernet"><target dev="placeholder-0"/><alias name="placeholder-0"/></interface>`,
		`<interface type="ethernet"><target dev="placeholder-0"/></interface>`, // up to KubeVirt v1.7
	} {
		checkInvisible(t, placeholder)
	}
}

func checkInvisible(t *testing.T, placeholder string) {
	t.Helper()
	src := strings.Replace(domain, "</devices>", placeholder+`<interface type="ethernet"><alias name="ua-nic"/></interface></devices>`, 1)
	out, report, err := compile(t, rules(set("//interface/mtu/@size", "9000"))).Domain(context.Background(), []byte(src), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), placeholder) || report.Patches[0].Rules[0].Matched != 1 || !strings.Contains(string(out), `<mtu size="9000"/>`) {
		t.Errorf("report %+v, document:\n%s", report, out)
	}
}

func TestConditionsAndVariables(t *testing.T) {
	b := rules(bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/os/type", Expression: "variables.both"})
	b.Patches[0].MatchConditions = []bundle.MatchCondition{{Name: "vendor-given", Expression: "'vendor' in vmi.metadata.annotations"}}
	b.Patches[0].Variables = []bundle.Variable{
		{Name: "vendor", Expression: "vmi.metadata.annotations['vendor']", Pattern: "[A-Za-z ]{1,64}"},
		{Name: "both", Expression: "variables.vendor + '!'"},
	}
	p := compile(t, b)
	out, _, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil || !strings.Contains(string(out), "<type>Radical Edward!</type>") {
		t.Errorf("got %v\n%s", err, out)
	}
	out, report, err := p.Domain(context.Background(), []byte(domain), []byte(`{"metadata":{}}`), nil)
	if err != nil || string(out) != domain || report.Patches[0].Outcome != patch.Skipped || report.Patches[0].Reason != "matchCondition vendor-given is false" {
		t.Errorf("got %v, %+v", err, report)
	}
	_, _, err = p.Domain(context.Background(), []byte(domain), []byte(`{"metadata":{"annotations":{"vendor":"a\nb"}}}`), nil)
	if want := `DomainPatch ns/p: spec.variables[0] (vendor): the value "a\nb" does not match the pattern`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	matching, err := p.Matching(context.Background(), []byte(vmi))
	if err != nil || len(matching) != 1 || !matching[0] {
		t.Errorf("Matching: %v, %v", matching, err)
	}
}

func TestCloudInit(t *testing.T) {
	b := rules()
	b.Patches[0].CloudInit = []bundle.CloudInitRule{
		{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/write_files/-", YAML: "path: /etc/motd\ncontent: patched\n"},
		{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/hostname", Expression: "vmi.metadata.name"},
		{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/never", Value: json.RawMessage("1"), When: "vmi.spec.cpu.cores > 4"},
	}
	p := compile(t, b)
	if !p.HasCloudInit() {
		t.Error("HasCloudInit is false")
	}
	data := `{"DataSource":"noCloud","NoCloudMetaData":{"instance-id":"i"},"UserData":"#cloud-config\n# keep\nwrite_files: []\n","NetworkData":""}`
	out, report, err := p.CloudInit(context.Background(), []byte(data), []byte(vmi))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ UserData string }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"#cloud-config\n# keep\n", "path: /etc/motd", "content: patched", "hostname: vm"} {
		if !strings.Contains(got.UserData, want) {
			t.Errorf("user data lacks %q:\n%s", want, got.UserData)
		}
	}
	if strings.Contains(got.UserData, "never") || report.Patches[0].Rules[2].Outcome != patch.Skipped {
		t.Errorf("the skipped rule ran: %+v\n%s", report, got.UserData)
	}
	b.Patches[0].CloudInit = append(b.Patches[0].CloudInit, bundle.CloudInitRule{Name: "gone", Target: bundle.UserData, Op: bundle.OpRemove, Path: "/absent"})
	if out, _, err = compile(t, b).CloudInit(context.Background(), []byte(data), []byte(vmi)); err == nil || out != nil || !strings.HasPrefix(err.Error(), "DomainPatch ns/p: spec.cloudInit[3] (gone): ") {
		t.Errorf("got %v", err)
	}
	b.Patches[0].FailurePolicy = bundle.Ignore
	if out, _, err = compile(t, b).CloudInit(context.Background(), []byte(data), []byte(vmi)); err != nil || string(out) != data {
		t.Errorf("an ignored patch left a trace: %v\n%s", err, out)
	}
}

// TestFidelity: no-op patches give the input's bytes and an edit changes its own bytes
// alone, on the domains of KubeVirt's converter for three architectures.
func TestFidelity(t *testing.T) {
	files, err := filepath.Glob("testdata/domains/*.xml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d domains: %v", len(files), err)
	}
	noop := compile(t, rules(
		bundle.DomainRule{Op: bundle.OpRemove, Path: "//nosuch"},
		bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/vcpu", Expression: "current"},
		bundle.DomainRule{Op: bundle.OpTest, Path: "/domain/devices/disk"},
	))
	edit := compile(t, rules(set("/domain/vcpu/@placement", "auto")))
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := noop.Domain(context.Background(), src, nil, nil)
			if err != nil || string(out) != string(src) {
				t.Errorf("no-op: %v\n%s", err, cmp.Diff(string(src), string(out)))
			}
			out, _, err = edit.Domain(context.Background(), src, nil, nil)
			want := strings.Replace(string(src), `<vcpu placement="static">`, `<vcpu placement="auto">`, 1)
			if err != nil || string(out) != want || want == string(src) {
				t.Errorf("edit: %v\n%s", err, cmp.Diff(want, string(out)))
			}
		})
	}
}

func TestProgramIsSafeForConcurrentUse(t *testing.T) {
	p := compile(t, rules(
		bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/sysinfo/baseBoard/entry[@name='manufacturer']", Expression: "vmi.metadata.annotations['vendor']"},
		add("/domain/devices", `<channel type="unix"><target type="virtio" name="x"/></channel>`),
	))
	want, _, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got, _, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil); err != nil || string(got) != string(want) {
					t.Errorf("got %v\n%s", err, got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if out, _, err := compile(t, rules(set("/domain/os/type", "x"))).Domain(ctx, []byte(domain), []byte(vmi), nil); err == nil || out != nil {
		t.Errorf("a cancelled call gave %v", err)
	}
}

// TestVariablesOfTheFirstCall takes a variable's source away between two calls.
func TestVariablesOfTheFirstCall(t *testing.T) {
	b := rules(bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/title", Expression: "variables.v"})
	b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: "vmi.metadata.annotations['vendor']"}}
	p := compile(t, b)
	out, report, err := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := p.Domain(context.Background(), []byte(domain), []byte(`{}`), report)
	if err != nil || string(again) != string(out) {
		t.Errorf("the second call gives error %v and\n%s", err, again)
	}
}
