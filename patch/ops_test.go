// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"
	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// devices makes a domain of devices and of what stands before them.
func devices(inner string, before ...string) string {
	return "<domain>" + strings.Join(before, "") + "<devices>" + inner + "</devices></domain>"
}

// TestAddReplaceMerge applies one rule to small domains on one line, and a second time.
func TestAddReplaceMerge(t *testing.T) {
	const (
		diskA  = `<disk type="file"><target dev="vda"/><address type="pci"/><alias name="ua-a"/></disk>`
		vga    = `<video><model type="vga"/></video>`
		cirrus = `<video><model type="cirrus"/></video>`
		usb    = `<controller type="usb" index="0" model="ich9-ehci1"/>`
	)
	cases := map[string]struct {
		reason    string
		rule      bundle.DomainRule
		doc, want string // want is empty where nothing changes
	}{
		"add, twin of a table key": {
			reason: "replaced in place, with the address and the alias that it had",
			rule:   add("/domain/devices", `<disk type="block"><target dev="vda"/></disk>`),
			doc:    devices(diskA + vga), want: devices(`<disk type="block"><target dev="vda"/><address type="pci"/><alias name="ua-a"/></disk>` + vga),
		},
		"add, address of its own": {
			rule: add("/domain/devices", `<disk><target dev="vda"/><address type="drive"/></disk>`),
			doc:  devices(diskA), want: devices(`<disk><target dev="vda"/><address type="drive"/><alias name="ua-a"/></disk>`),
		},
		"add, second key": {
			rule: add("/domain/devices", `<interface type="user"><mac address="02:00:00:00:00:AA"/></interface>`),
			doc:  devices(`<interface type="bridge"><mac address="02:00:00:00:00:aa"/><alias name="ua-n"/></interface>`),
			want: devices(`<interface type="user"><mac address="02:00:00:00:00:AA"/><alias name="ua-n"/></interface>`),
		},
		"add, key of its own": {
			rule: keyed(add("/domain/devices", `<video><model type="vga" vram="1"/></video>`), "model/@type"),
			doc:  devices(cirrus + vga), want: devices(cirrus + `<video><model type="vga" vram="1"/></video>`),
		},
		"add, key of its own before the table's": {
			rule: keyed(add("/domain/devices", `<disk type="block"><serial>1</serial><target dev="vdb"/></disk>`), "serial"),
			doc:  devices(diskA + `<disk><serial>1</serial><target dev="vdc"/></disk>`), want: devices(diskA + `<disk type="block"><serial>1</serial><target dev="vdb"/></disk>`),
		},
		"add, USB companions": {
			reason: "they share type and index with their controller",
			rule:   add("/domain/devices", `<controller type="usb" index="0" model="ich9-uhci1"><master startport="0"/></controller><controller type="usb" index="0" model="ich9-uhci2"><master startport="2"/></controller>`),
			doc:    devices(usb),
			want:   devices(usb + `<controller type="usb" index="0" model="ich9-uhci1"><master startport="0"/></controller><controller type="usb" index="0" model="ich9-uhci2"><master startport="2"/></controller>`),
		},
		"add, USB controller beside its companions": {
			rule: add("/domain/devices", `<controller type="usb" index="0" model="qemu-xhci"/>`),
			doc:  devices(usb + `<controller type="usb" index="0" model="ich9-uhci1"/>`), want: devices(`<controller type="usb" index="0" model="qemu-xhci"/><controller type="usb" index="0" model="ich9-uhci1"/>`),
		},
		"add, graphics": {rule: add("/domain/devices", `<graphics type="vnc" port="5900"/>`), doc: devices(`<graphics type="vnc"/>`), want: devices(`<graphics type="vnc" port="5900"/>`)},
		"add, loose":    {rule: add("/domain/devices", `<video><model type="vga"/></video>`), doc: devices(cirrus), want: devices(cirrus + vga)},
		"add, loose and there": {
			reason: "a sibling that holds more is the element",
			rule:   add("/domain/devices", `<video><model type="vga"/></video>`),
			doc:    devices(`<video><driver/><model type="vga" heads="1"><acceleration/></model></video>`),
		},
		"add, loose, first":  {rule: positioned(add("/domain/devices", `<video/><input type="mouse"/>`), bundle.PositionFirst), doc: devices(diskA), want: devices(`<video/><input type="mouse"/>` + diskA)},
		"add, loose, before": {rule: positioned(add("/domain/devices/video", `<input type="mouse"/>`), bundle.PositionBefore), doc: devices(diskA + vga), want: devices(diskA + `<input type="mouse"/>` + vga)},
		"add, loose, at every place once": {
			rule: positioned(add("/domain/devices/video", `<input type="mouse"/>`), bundle.PositionAfter),
			doc:  devices(vga + vga), want: devices(vga + `<input type="mouse"/>` + vga),
		},
		"add, behind its twin": {
			rule: positioned(add("/domain/devices/disk", `<disk type="block"><target dev="vda"/></disk><input/>`), bundle.PositionAfter),
			doc:  devices(`<disk><target dev="vda"/></disk>` + cirrus), want: devices(`<disk type="block"><target dev="vda"/></disk><input/>` + cirrus),
		},
		"add, two need two": {
			rule: add("/domain/devices", cirrus+cirrus), doc: devices(cirrus), want: devices(cirrus + cirrus),
		},
		"add, maximum matching": {
			reason: "the first fits both, the second the first sibling alone: taking the first that fits would add one",
			rule:   add("/domain/devices", `<video><model type="vga"/></video><video><model type="vga" heads="2"/></video>`),
			doc:    devices(`<video><model type="vga" heads="2"/></video><video><model type="vga" heads="1"/></video>`),
		},
		"add, matching inside": {
			rule: add("/domain/devices", `<interface type="user"><portForward proto="tcp"/><portForward proto="tcp" dev="x"/></interface>`),
			doc:  devices(`<interface type="user"><portForward proto="tcp" dev="x"/><portForward proto="tcp" dev="y"/></interface>`),
		},
		"add, twin is not another's": {
			reason: "the element with a key takes its twin, so that the one without needs another sibling",
			rule:   add("/domain/devices", `<serial type="pty"/><serial type="pty"><target port="0"/></serial>`),
			doc:    devices(`<serial type="pty"><target port="0"/></serial>`), want: devices(`<serial type="pty"><target port="0"/></serial><serial type="pty"/>`),
		},
		"add, text counts": {rule: add("/domain/devices", `<frob><target><node>1</node></target></frob>`), doc: devices(`<frob><target><node>2</node></target></frob>`), want: devices(`<frob><target><node>2</node></target></frob><frob><target><node>1</node></target></frob>`)},
		"add, unknown name": {
			rule: add("/domain/devices", `<frob a="1"/>`), doc: devices(`<frob a="2"/>`), want: devices(`<frob a="2"/><frob a="1"/>`),
		},
		"add, run": {
			rule: add("/domain/x", "<a/><b/>"), doc: "<domain><x><b/><a/></x></domain>", want: "<domain><x><b/><a/><a/><b/></x></domain>",
		},
		"add, run that stands": {rule: add("/domain/x", "<a/><b/>"), doc: "<domain><x><b/><a/><b/><a/></x></domain>"},
		"add, run beside keys": {
			rule: add("/domain/cpu", `<x/><feature name="a"/><x/>`), doc: `<domain><cpu><feature name="b"/></cpu></domain>`,
			want: `<domain><cpu><feature name="b"/><feature name="a"/><x/><x/></cpu></domain>`,
		},
		"add, once per parent":  {rule: add("/domain", "<title>b</title>"), doc: "<domain><title>a</title></domain>", want: "<domain><title>b</title></domain>"},
		"add, empty container":  {rule: add("/domain", "<features/>"), doc: "<domain><features><acpi/></features></domain>"},
		"add, foreign metadata": {rule: add("/domain/metadata", `<a:b xmlns:a="urn:a">2</a:b>`), doc: `<domain><metadata><a:b xmlns:a="urn:a">1</a:b></metadata></domain>`, want: `<domain><metadata><a:b xmlns:a="urn:a">2</a:b></metadata></domain>`},
		"add, comments":         {rule: add("/domain/devices", "<!-- a -->\n<video/>\n<!-- b -->"), doc: devices(diskA), want: devices(diskA + "<video/>")},
		"add, keeps a cell": {
			rule: add("/domain/cpu", `<numa><cell id="0"/><cell id="1"/></numa>`), doc: `<domain><cpu><numa><cell id="0"/></numa></cpu></domain>`,
			want: `<domain><cpu><numa><cell id="0"/><cell id="1"/></numa></cpu></domain>`,
		},

		"replace an element":         {rule: replace("//video", "<input/>"), doc: devices(diskA + vga), want: devices(diskA + "<input/>")},
		"replace by two":             {rule: replace("//video", vga+cirrus), doc: devices("<video/>" + diskA), want: devices(vga + cirrus + diskA)},
		"replace every one":          {rule: replace("//video", vga+cirrus), doc: devices("<video/><video/>"), want: devices(vga + cirrus + vga + cirrus)},
		"replace, a part of it":      {reason: "one of two is not the fragment", rule: replace("//video", vga+cirrus), doc: devices(vga), want: devices(vga + cirrus)},
		"replace, there already":     {rule: replace("//video", vga+cirrus), doc: devices(vga + cirrus)},
		"replace, address and alias": {reason: "they do not make it another one", rule: replace("//disk", `<disk type="file"><target dev="vda"/></disk>`), doc: devices(diskA)},
		"replace, nested":            {rule: replace("//backingStore", `<serial>a</serial>`), doc: devices(`<disk><backingStore type="file"><backingStore type="file"/></backingStore></disk>`), want: devices("<disk><serial>a</serial></disk>")},
		"replace an attribute":       {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "//disk/@type", Value: ptr("block")}, doc: devices(diskA), want: devices(strings.Replace(diskA, "file", "block", 1))},
		"replace a text":             {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/title", Value: ptr("<b>")}, doc: "<domain><title>a</title></domain>", want: "<domain><title>&lt;b&gt;</title></domain>"},
		"replace a text node":        {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/title/text()", Value: ptr("b")}, doc: "<domain><title>a</title></domain>", want: "<domain><title>b</title></domain>"},
		"replace an element and its text": {
			reason: "the second text is gone when its turn comes",
			rule:   bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/title|/domain/title/text()", Value: ptr("x")},
			doc:    "<domain><title>a<!-- -->b</title></domain>", want: "<domain><title>x<!-- --></title></domain>",
		},
		"replace by an expression":    {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/vcpu", Expression: "math.least(int(current), 2)"}, doc: "<domain><vcpu>8</vcpu></domain>", want: "<domain><vcpu>2</vcpu></domain>"},
		"replace by null":             {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/vcpu", Expression: "dyn(null)"}, doc: "<domain><vcpu>8</vcpu></domain>"},
		"replace nothing, Any":        {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "//vcpu/@x", Value: ptr("1"), Expect: bundle.ExpectAny}, doc: "<domain><vcpu>8</vcpu></domain>"},
		"replace xml, expect nothing": {rule: bundle.DomainRule{Op: bundle.OpReplace, Path: "//video", XML: "<video/>", Expect: bundle.ExpectAny}, doc: devices(diskA)},

		"merge a snippet": {
			reason: "as libvirt's manual has it",
			rule: merge("", `<!-- from the manual -->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <!-- the clock -->
  <clock offset="localtime"><timer name="rtc" tickpolicy="catchup"/><timer name="pit" tickpolicy="delay"/></clock>
  <devices><disk><driver cache="none"/><target dev="vda" bus="sata"/></disk></devices>
  <qemu:commandline><qemu:arg value="-s"/></qemu:commandline>
</domain>`),
			doc:  devices(diskA, `<clock offset="utc"><timer name="rtc" present="yes"/></clock>`),
			want: `<domain type="kvm"><clock offset="localtime"><timer name="rtc" present="yes" tickpolicy="catchup"/><timer name="pit" tickpolicy="delay"/></clock><devices><disk type="file"><target dev="vda" bus="sata"/><address type="pci"/><alias name="ua-a"/><driver cache="none"/></disk></devices><qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:arg value="-s"/></qemu:commandline></domain>`,
		},
		"merge a text":           {rule: merge("", "<domain><title>b</title><os> </os></domain>"), doc: "<domain><title>a</title><os><type>x</type></os></domain>", want: "<domain><title>b</title><os><type>x</type></os></domain>"},
		"merge at a path":        {rule: merge("//disk", `<disk><driver io="native"/></disk>`), doc: devices(diskA + `<disk><driver name="qemu"/></disk>`), want: devices(strings.Replace(diskA, "</disk>", `<driver io="native"/></disk>`, 1) + `<disk><driver name="qemu" io="native"/></disk>`)},
		"merge a keyless device": {rule: merge("", `<domain><devices><video><model heads="2"/></video></devices></domain>`), doc: devices(vga + diskA), want: devices(`<video><model type="vga" heads="2"/></video>` + diskA)},
		"merge by the rule's key": {
			rule: keyed(merge("", `<domain><devices><video><model type="cirrus" heads="2"/></video></devices></domain>`), "model/@type"),
			doc:  devices(vga + cirrus), want: devices(vga + `<video><model type="cirrus" heads="2"/></video>`),
		},
		"merge by an alias": {rule: merge("", `<domain><devices><disk><alias name="ua-a"/><driver cache="none"/></disk></devices></domain>`), doc: devices(diskA + `<disk><target dev="vdb"/></disk>`), want: devices(strings.Replace(diskA, "</disk>", `<driver cache="none"/></disk>`, 1) + `<disk><target dev="vdb"/></disk>`)},
		"merge adds a keyless child": {
			rule: merge("", "<domain><frob><x/></frob></domain>"), doc: "<domain><name>a</name></domain>", want: "<domain><name>a</name><frob><x/></frob></domain>",
		},
		"merge, another page": {
			reason: "libvirt takes one size for each nodeset",
			rule:   merge("", `<domain><memoryBacking><hugepages><page size="2" unit="M" nodeset="1"/></hugepages></memoryBacking></domain>`),
			doc:    `<domain><memoryBacking><hugepages><page size="1" unit="G" nodeset="0"/></hugepages></memoryBacking></domain>`,
			want:   `<domain><memoryBacking><hugepages><page size="1" unit="G" nodeset="0"/><page size="2" unit="M" nodeset="1"/></hugepages></memoryBacking></domain>`,
		},
		"merge, the page of no node": {
			rule: merge("", `<domain><memoryBacking><hugepages><page size="2" unit="M"/></hugepages></memoryBacking></domain>`),
			doc:  `<domain><memoryBacking><hugepages><page size="1" nodeset="0"/><page size="1" unit="G"/></hugepages></memoryBacking></domain>`,
			want: `<domain><memoryBacking><hugepages><page size="1" nodeset="0"/><page size="2" unit="M"/></hugepages></memoryBacking></domain>`,
		},
		"merge, a second argument": {
			rule: merge("", qemu(`<qemu:arg value="-b"/>`)), doc: qemu(`<qemu:arg value="-a"/>`), want: qemu(`<qemu:arg value="-a"/><qemu:arg value="-b"/>`),
		},
		"merge, arguments": {
			rule: merge("", `<domain><qemu:commandline><qemu:arg value="-device"/><qemu:arg value="edu"/></qemu:commandline></domain>`), doc: qemu(""), want: qemu(`<qemu:arg value="-device"/><qemu:arg value="edu"/>`),
		},
		"merge, arguments that stand": {
			reason: "what is between them is no argument",
			rule:   merge("", qemu(`<qemu:arg value="-device"/><qemu:arg value="edu"/>`)), doc: qemu(`<qemu:arg value="-s"/><qemu:arg value="-device"/><qemu:env name="A"/><qemu:arg value="edu"/><qemu:arg value="-device"/>`),
		},
		"merge, arguments in part": {
			reason: "the order counts, so that all of them are added",
			rule:   merge("", qemu(`<qemu:arg value="-device"/><qemu:arg value="edu"/>`)), doc: qemu(`<qemu:arg value="-device"/><qemu:arg value="x"/>`),
			want: qemu(`<qemu:arg value="-device"/><qemu:arg value="x"/><qemu:arg value="-device"/><qemu:arg value="edu"/>`),
		},
		"merge, arguments and variables": {
			rule: merge("", qemu(`<qemu:env name="A" value="2"/><qemu:arg value="-s"/><qemu:env name="B" value="1"/>`)), doc: qemu(`<qemu:env name="C" value="1"/>`),
			want: qemu(`<qemu:env name="C" value="1"/><qemu:env name="A" value="2"/><qemu:arg value="-s"/><qemu:env name="B" value="1"/>`),
		},
		"merge, strings": {
			rule: merge("/domain/sysinfo", `<sysinfo><oemStrings><entry>b</entry><entry>c</entry></oemStrings></sysinfo>`), doc: `<domain><sysinfo><oemStrings><entry>a</entry></oemStrings></sysinfo></domain>`,
			want: `<domain><sysinfo><oemStrings><entry>a</entry><entry>b</entry><entry>c</entry></oemStrings></sysinfo></domain>`,
		},
		"merge, caches": {
			rule: merge("", `<domain><cputune><cachetune vcpus="0"><cache id="0" level="3" type="both" size="4"/><cache id="1" level="3" type="both" size="3"/></cachetune></cputune></domain>`),
			doc:  `<domain><cputune><cachetune vcpus="0"><cache id="0" level="3" type="both" size="3"/></cachetune></cputune></domain>`,
			want: `<domain><cputune><cachetune vcpus="0"><cache id="0" level="3" type="both" size="4"/><cache id="1" level="3" type="both" size="3"/></cachetune></cputune></domain>`,
		},
		"merge, a name with several values": {
			reason: "the key is the rule's",
			rule:   keyed(merge("//filterref", `<filterref><parameter name="IP" value="b"/><parameter name="IP" value="c"/></filterref>`), "@value"),
			doc:    devices(`<interface><filterref><parameter name="IP" value="a"/></filterref></interface>`), want: devices(`<interface><filterref><parameter name="IP" value="a"/><parameter name="IP" value="b"/><parameter name="IP" value="c"/></filterref></interface>`),
		},
		"merge, several unknown":            {rule: merge("", `<domain><x><frob a="1"/><frob a="2"/></x></domain>`), doc: "<domain><x/></domain>", want: `<domain><x><frob a="1"/><frob a="2"/></x></domain>`},
		"merge, several unknown that stand": {rule: merge("", `<domain><x><frob a="1"/><frob a="2"/></x></domain>`), doc: `<domain><x><frob a="2"/><frob a="1" b="3"/></x></domain>`},
		"merge removes nothing":             {rule: merge("", `<domain><title></title><cpu/></domain>`), doc: `<domain><title>a</title><cpu mode="x"><model>y</model></cpu></domain>`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.want == "" {
				tc.want = tc.doc
			}
			p := compile(t, rules(tc.rule))
			got, report, err := p.Domain(context.Background(), []byte(tc.doc), []byte(vmi), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if changed := report.Changed() > 0; changed != (tc.want != tc.doc) {
				t.Errorf("the report counts %d changes", report.Changed())
			}
			again, _, err := p.Domain(context.Background(), got, []byte(vmi), report)
			if err != nil || string(again) != string(got) {
				t.Errorf("a second application: %v (-first +second):\n%s", err, cmp.Diff(string(got), string(again)))
			}
		})
	}
}

// qemu makes a domain of what QEMU's command line holds.
func qemu(inner string) string {
	return `<domain xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">` + qemuCommandline(inner) + "</domain>"
}

func qemuCommandline(inner string) string {
	return "<qemu:commandline>" + inner + "</qemu:commandline>"
}

// TestMergeTwice: of elements that repeat, a second merge leaves what the first one added, and
// the same two once more change nothing. KubeVirt's loss in between changes nothing either.
func TestMergeTwice(t *testing.T) {
	for name, tc := range map[string]struct{ place, first, second string }{
		"arguments":        {"<qemu:commandline>#</qemu:commandline>", `<qemu:arg value="-a"/>`, `<qemu:arg value="-b"/>`},
		"variables":        {"<qemu:commandline>#</qemu:commandline>", `<qemu:env name="A" value="1"/>`, `<qemu:env name="B" value="1"/>`},
		"overrides":        {"<qemu:override>#</qemu:override>", `<qemu:device alias="ua-a"/>`, `<qemu:device alias="ua-b"/>`},
		"properties":       {`<qemu:override><qemu:device alias="ua-a"><qemu:frontend>#</qemu:frontend></qemu:device></qemu:override>`, `<qemu:property name="a" type="remove"/>`, `<qemu:property name="b" type="remove"/>`},
		"capabilities":     {"<qemu:capabilities>#</qemu:capabilities>", `<qemu:add capability="a"/><qemu:del capability="c"/>`, `<qemu:add capability="b"/><qemu:del capability="d"/>`},
		"strings":          {`<sysinfo type="smbios"><oemStrings>#</oemStrings></sysinfo>`, "<entry>a</entry>", "<entry>b</entry>"},
		"throttle groups":  {"<throttlegroups>#</throttlegroups>", "<throttlegroup><group_name>a</group_name><total_iops_sec>1</total_iops_sec></throttlegroup>", "<throttlegroup><group_name>b</group_name></throttlegroup>"},
		"ciphers":          {"<keywrap>#</keywrap>", `<cipher name="aes" state="on"/>`, `<cipher name="dea" state="on"/>`},
		"caches":           {`<cputune><cachetune vcpus="0">#</cachetune></cputune>`, `<cache id="0" level="3" type="code" size="1"/><monitor level="3" vcpus="0"/>`, `<cache id="0" level="3" type="data" size="1"/><monitor level="3" vcpus="1"/>`},
		"memory nodes":     {`<cputune><memorytune vcpus="0">#</memorytune></cputune>`, `<node id="0" bandwidth="1"/>`, `<node id="1" bandwidth="1"/>`},
		"pages":            {"<memoryBacking><hugepages>#</hugepages></memoryBacking>", `<page size="1" unit="G" nodeset="0"/>`, `<page size="2" unit="M" nodeset="1"/>`},
		"latencies":        {"<cpu><numa><interconnects>#</interconnects></numa></cpu>", `<latency initiator="0" target="0" type="access" value="5"/>`, `<latency initiator="0" target="0" cache="1" type="access" value="4"/>`},
		"tables":           {"<os><acpi>#</acpi></os>", `<table type="slic">/a</table>`, `<table type="msdm">/b</table>`},
		"parameters":       {`<devices><interface><mac address="02:00:00:00:00:01"/><filterref filter="f">#</filterref></interface></devices>`, `<parameter name="A" value="1"/>`, `<parameter name="B" value="1"/>`},
		"forwards":         {`<devices><interface><mac address="02:00:00:00:00:01"/>#</interface></devices>`, `<portForward proto="tcp"><range start="1"/><range start="3"/></portForward>`, `<portForward proto="tcp"><range start="2" exclude="yes"/></portForward>`},
		"addresses":        {`<devices><interface><mac address="02:00:00:00:00:01"/>#</interface></devices>`, `<ip address="10.0.0.1" prefix="24"/><route address="10.1.0.0" prefix="16" gateway="10.0.0.2"/>`, `<ip address="10.0.0.3" prefix="24"/><route address="10.2.0.0" prefix="16" gateway="10.0.0.2"/>`},
		"throttle filters": {`<devices><disk><target dev="vda"/><throttlefilters>#</throttlefilters></disk></devices>`, `<throttlefilter group="a"/>`, `<throttlefilter group="b"/>`},
	} {
		t.Run(name, func(t *testing.T) {
			inside := func(inner string) string {
				return `<domain xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">` + strings.ReplaceAll(tc.place, "#", inner) + "</domain>"
			}
			start := inside("")
			if strings.Contains(start, "<qemu:") { // KubeVirt cannot read what it writes there
				start = "<domain/>"
			}
			p := compile(t, rules(merge("", inside(tc.first)), merge("", inside(tc.second)), merge("", inside(tc.first)), merge("", inside(tc.second))))
			out, report, err := p.Domain(context.Background(), []byte(start), []byte(vmi), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, []byte(inside(tc.first+tc.second))), canonical(t, out)); diff != "" {
				t.Errorf("after two merges (-want +got):\n%s", diff)
			}
			if again := report.Patches[0].Rules[2].Changed + report.Patches[0].Rules[3].Changed; again != 0 {
				t.Errorf("the same once more makes %d changes", again)
			}
			for _, assign := range []bool{false, true} {
				repeated, _, err := p.Domain(context.Background(), between(t, out, assign), []byte(vmi), report)
				if diff := cmp.Diff(canonical(t, out), canonical(t, repeated)); err != nil || diff != "" {
					t.Errorf("after KubeVirt: %v (-first +second):\n%s", err, diff)
				}
			}
		})
	}
}

// TestMergeWaysOut: what the error of an ambiguous merge names works.
func TestMergeWaysOut(t *testing.T) {
	const (
		doc   = `<redirdev type="unix"><source path="/a"/></redirdev><redirdev type="unix"><source path="/b"/></redirdev>`
		given = `<redirdev bus="usb"><source path="/b"/></redirdev>`
		want  = `<redirdev type="unix"><source path="/a"/></redirdev><redirdev type="unix" bus="usb"><source path="/b"/></redirdev>`
	)
	for name, tc := range map[string]struct {
		rule bundle.DomainRule
		want string
	}{
		"a key":      {keyed(merge("/domain/devices", "<devices>"+given+"</devices>"), "source/@path"), want},
		"a path":     {merge("/domain/devices/redirdev[source/@path='/b']", given), want},
		"add":        {add("/domain/devices", `<redirdev bus="usb"><source path="/c"/></redirdev>`), doc + `<redirdev bus="usb"><source path="/c"/></redirdev>`},
		"no way out": {merge("/domain/devices", "<devices>"+given+"</devices>"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := compile(t, rules(tc.rule)).Domain(context.Background(), []byte(devices(doc)), []byte(vmi), nil)
			if tc.want == "" {
				if err == nil || !strings.Contains(err.Error(), "give the rule a key, merge each by a path that selects it alone, or use add for what is new") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || string(out) != devices(tc.want) {
				t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(devices(tc.want), string(out)))
			}
		})
	}
}

// TestSetCreatesByKey: a path that gives the key of the table creates a second element.
func TestSetCreatesByKey(t *testing.T) {
	const xmlns = ` xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"`
	for path, tc := range map[string]struct{ doc, want string }{
		"/domain/qemu:commandline/qemu:env[@name='B']/@value": {
			"<domain" + xmlns + `><qemu:commandline><qemu:env name="A"/></qemu:commandline></domain>`,
			"<domain" + xmlns + `><qemu:commandline><qemu:env name="A"/><qemu:env value="x" name="B"/></qemu:commandline></domain>`,
		},
		"/domain/qemu:override/qemu:device[@alias='ua-x']/qemu:frontend/qemu:property[@name='p']/@value": {
			"<domain" + xmlns + `><qemu:override><qemu:device alias="ua-a"/></qemu:override></domain>`,
			"<domain" + xmlns + `><qemu:override><qemu:device alias="ua-a"/><qemu:device alias="ua-x"><qemu:frontend><qemu:property value="x" name="p"/></qemu:frontend></qemu:device></qemu:override></domain>`,
		},
		"/domain/qemu:capabilities/qemu:add[@capability='x']/@capability": {
			"<domain" + xmlns + `><qemu:capabilities><qemu:add capability="a"/></qemu:capabilities></domain>`,
			"<domain" + xmlns + `><qemu:capabilities><qemu:add capability="a"/><qemu:add capability="x"/></qemu:capabilities></domain>`,
		},
		"/domain/keywrap/cipher[@name='dea']/@state": {
			`<domain><keywrap><cipher name="aes" state="on"/></keywrap></domain>`,
			`<domain><keywrap><cipher name="aes" state="on"/><cipher state="x" name="dea"/></keywrap></domain>`,
		},
		"/domain/throttlegroups/throttlegroup[group_name='b']/total_iops_sec": {
			"<domain><throttlegroups><throttlegroup><group_name>a</group_name></throttlegroup></throttlegroups></domain>",
			"<domain><throttlegroups><throttlegroup><group_name>a</group_name></throttlegroup><throttlegroup><group_name>b</group_name><total_iops_sec>x</total_iops_sec></throttlegroup></throttlegroups></domain>",
		},
		"//filterref/parameter[@name='B']/@value": {
			devices(`<interface><filterref><parameter name="A" value="1"/></filterref></interface>`),
			devices(`<interface><filterref><parameter name="A" value="1"/><parameter value="x" name="B"/></filterref></interface>`),
		},
		"//hugepages/page[@nodeset='1']/@size": {
			`<domain><memoryBacking><hugepages><page size="1" nodeset="0"/></hugepages></memoryBacking></domain>`,
			`<domain><memoryBacking><hugepages><page size="1" nodeset="0"/><page size="x" nodeset="1"/></hugepages></memoryBacking></domain>`,
		},
	} {
		t.Run(path, func(t *testing.T) {
			p := compile(t, rules(set(path, "x")))
			out, report, err := p.Domain(context.Background(), []byte(tc.doc), []byte(vmi), nil)
			if err != nil || string(out) != tc.want {
				t.Fatalf("%v (-want +got):\n%s", err, cmp.Diff(tc.want, string(out)))
			}
			again, _, err := p.Domain(context.Background(), out, []byte(vmi), report)
			if err != nil || string(again) != string(out) {
				t.Errorf("a second application: %v (-first +second):\n%s", err, cmp.Diff(string(out), string(again)))
			}
		})
	}
}

func positioned(rule bundle.DomainRule, position bundle.Position) bundle.DomainRule {
	rule.Position = position
	return rule
}

func TestAddReplaceMergeFails(t *testing.T) {
	cases := map[string]struct {
		rule      bundle.DomainRule
		doc, want string
	}{
		"add, two twins":            {add("/domain/devices", `<disk><target dev="a"/></disk>`), devices(`<disk><target dev="a"/></disk><disk><target dev="a"/></disk>`), "2 siblings <disk> have the same target/@dev: it is not clear which one is meant"},
		"add, two where one may be": {add("/domain/devices", `<tpm/>`), devices(`<tpm/><tpm/>`), "2 siblings <tpm> are there, of which libvirt allows one"},
		"add, other alias":          {add("/domain/devices", `<disk><target dev="a"/><alias name="ua-b"/></disk>`), devices(`<disk><target dev="a"/><alias name="ua-a"/></disk>`), "a <disk> that agrees on target/@dev is there with another alias: it is another device"},
		"add, loses a cell":         {add("/domain/cpu", `<numa><cell id="1"/></numa>`), `<domain><cpu><numa><cell id="0"/></numa></cpu></domain>`, "<numa> is there and holds <cell>, which the fragment lacks and would remove"},
		"add, loses an argument":    {add("/domain", `<qemu:commandline><qemu:arg value="b"/></qemu:commandline>`), `<domain xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:commandline><qemu:arg value="a"/></qemu:commandline></domain>`, "<commandline> is there and holds <arg>"},
		"add, loses a value":        {add("//interface", `<filterref><parameter name="IP" value="a"/></filterref>`), devices(`<interface><filterref><parameter name="IP" value="a"/><parameter name="IP" value="b"/></filterref></interface>`), "<filterref> is there and holds <parameter>"},
		"add, loses deep below":     {add("/domain", `<features><hyperv><vapic/></hyperv></features>`), `<domain><features><hyperv><relaxed/></hyperv></features></domain>`, "<features> is there and holds <relaxed>"},
		"add, a second sysinfo":     {add("/domain", `<sysinfo type="fwcfg"><entry name="a"/></sysinfo>`), `<domain><sysinfo type="smbios"/></domain>`, "a <sysinfo> is there already, and KubeVirt reads several below <domain> as one"},
		"add, dropped key, late":    {keyed(add("//video/..", `<video><driver name="a"/></video>`), "driver/@name"), devices("<video/>"), "KubeVirt drops driver/@name between two calls of the hook"},
		"add, late required":        {add("//os/..", "<sysinfo/>"), "<domain><os/></domain>", "<sysinfo> below <domain> needs @type"},
		"add, late two of one":      {add("//os/..", "<title/><title/>"), "<domain><os/></domain>", "the fragment has two <title> that libvirt allows once per parent"},
		"add to a text":             {add("//title/text()", "<a/>"), "<domain><title>x</title></domain>", "selects something else than an element: elements can be added to elements alone"},
		"replace the root":          {replace("/domain", "<domain/>"), "<domain><os/></domain>", "the root element cannot be replaced: merge into it, or replace its children"},
		"replace nothing":           {replace("//video", "<video/>"), devices(""), "//video selects nothing, at least one node is expected"},
		"replace creates nothing":   {bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/os/@x", Value: ptr("1")}, "<domain><os/></domain>", "selects nothing"},
		"replace a full element":    {bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/os", Value: ptr("1")}, "<domain><os><type/></os></domain>", "<os>: it has element children, so it cannot hold a text"},
		"replace, One":              {bundle.DomainRule{Op: bundle.OpReplace, Path: "//video", XML: "<video/>", Expect: bundle.ExpectOne}, devices("<video/><video/>"), "selects 2 nodes, exactly one is expected"},
		"merge into another":        {merge("//video/..", "<video/>"), devices("<video/>"), "//video/.. selects <devices>, and the xml is a <video>: merge takes a partial element of the same name"},
		"merge into an attribute":   {merge("//video/@a", "<video/>"), devices(`<video a="1"/>`), "selects something else than an element"},
		"merge, no such device":     {merge("", `<domain><devices><disk><target dev="b"/></disk></devices></domain>`), devices(`<disk><target dev="a"/></disk>`), "/domain/devices: there is no <disk> with the same target/@dev to merge with: merge invents no device, use add"},
		"merge, no such single":     {merge("", `<domain><devices><tpm/></devices></domain>`), devices(""), "/domain/devices: there is no <tpm> to merge with: merge invents no device, use add"},
		"merge, no keyless":         {merge("", `<domain><devices><video/></devices></domain>`), devices(""), "/domain/devices: there is no <video> to merge with"},
		"merge, several keyless":    {merge("", `<domain><devices><video/></devices></domain>`), devices("<video/><video/>"), "/domain/devices: the xml has 1 <video> to merge with 2, and nothing tells them apart: give the rule a key, merge each by a path that selects it alone, or use add for what is new"},
		"merge, two twins":          {merge("", `<domain><cpu><feature name="a"/></cpu></domain>`), `<domain><cpu><feature name="a"/><feature name="a"/></cpu></domain>`, "/domain/cpu: 2 siblings <feature> have the same @name"},
		"merge, other alias":        {merge("", `<domain><devices><disk><target dev="a"/><alias name="ua-b"/></disk></devices></domain>`), devices(`<disk><target dev="a"/><alias name="ua-a"/></disk>`), "is there with another alias"},
		"merge, second sysinfo":     {merge("", `<domain><sysinfo type="fwcfg"/></domain>`), `<domain><sysinfo type="smbios"/></domain>`, "/domain: a <sysinfo> is there already, and KubeVirt reads several below <domain> as one"},
		"merge text over elements":  {merge("", `<domain><os>x</os></domain>`), `<domain><os><type/></os></domain>`, "<os>: it has element children"},
		"merge, some of several":    {merge("", `<domain><x><frob a="1"/><frob a="2"/></x></domain>`), `<domain><x><frob a="1"/></x></domain>`, "/domain/x: the xml has 2 <frob> to merge with 1, and nothing tells them apart: give the rule a key"},
		"set, no key there":         {set("/domain/qemu:commandline/qemu:arg[@value='-b']/@x", "1"), qemu(`<qemu:arg value="-a"/>`), "selects nothing, at least one node is expected: a <qemu:arg> is there, and nothing tells a second one from it: use add"},
		"set, no key given":         {set("/domain/cpu/feature[@policy='off']/@x", "1"), `<domain><cpu><feature name="a"/></cpu></domain>`, "selects nothing, at least one node is expected: a <feature> is there: a path creates a second one by a predicate for @name, or use add"},
		"set, read as one":          {set("/domain/sysinfo[@type='fwcfg']/entry[@name='a']", "1"), `<domain><sysinfo type="smbios"/></domain>`, "selects nothing, at least one node is expected: a <sysinfo> is there already, and KubeVirt reads several below <domain> as one"},
		"merge a foreign attribute": {merge("", `<domain xmlns:a="urn:a" a:b="1"/>`), `<domain/>`, "/domain: the attribute b is in a namespace: it can be changed, not added"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, _, err := compile(t, rules(tc.rule)).Domain(context.Background(), []byte(tc.doc), []byte(vmi), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || out != nil {
				t.Fatalf("got %v\nwant an error with %s\n%s", err, tc.want, out)
			}
		})
	}
}

// TestReplaceCounts: an element that went with another one was not replaced.
func TestReplaceCounts(t *testing.T) {
	p := compile(t, rules(replace("//cpu|//cpu/model", `<cpu mode="x"/>`)))
	_, report, err := p.Domain(context.Background(), []byte("<domain><cpu><model>y</model></cpu></domain>"), []byte(vmi), nil)
	if err != nil || report.Patches[0].Rules[0].Matched != 2 || report.Patches[0].Rules[0].Changed != 1 {
		t.Errorf("%v, %+v", err, report)
	}
}

// TestTemplates: values of variables are put in after the fragment was parsed.
func TestTemplates(t *testing.T) {
	b := func(rule bundle.DomainRule, value string) *bundle.Bundle {
		b := rules(rule)
		b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: value}}
		return b
	}
	fragment := `<disk type="$(v)"><target dev="vda"/><serial>$(v) $$(v)</serial></disk>`
	for _, rule := range []bundle.DomainRule{add("/domain/devices", fragment), replace("//disk", fragment), merge("", "<domain><devices>"+fragment+"</devices></domain>")} {
		p := compile(t, b(rule, `"\"/><x a='<&"`))
		out, report, err := p.Domain(context.Background(), []byte(devices(`<disk><target dev="vda"/></disk>`)), []byte(vmi), nil)
		if err != nil || strings.Contains(string(out), "<x") || !strings.Contains(string(out), ` type="&quot;/>&lt;x a='&lt;&amp;"`) && !strings.Contains(string(out), ` type="&quot;/&gt;&lt;x a='&lt;&amp;"`) || !strings.Contains(string(out), `&lt;&amp; $(v)</serial>`) {
			t.Errorf("%s: %v\n%s", rule.Op, err, out)
			continue
		}
		again, _, err := p.Domain(context.Background(), out, []byte(vmi), report)
		if err != nil || string(again) != string(out) {
			t.Errorf("%s: a second application: %v\n%s", rule.Op, err, cmp.Diff(string(out), string(again)))
		}
	}
	for name, tc := range map[string]struct {
		rule        bundle.DomainRule
		value, want string
	}{
		"alias":      {add("/domain/devices", `<video><alias name="$(v)"/></video>`), "'net0'", `<video>: the alias "net0" must start with ua-`},
		"alias, odd": {add("/domain/devices", `<video><alias name="$(v)"/></video>`), "'$(v)'", `<video>: the alias "$(v)" must start with ua-`},
		"identities": {add("/domain/devices", `<disk><target dev="$(v)"/></disk><disk><target dev="a"/></disk>`), "'a'", "the fragment has two <disk> that agree on target/@dev"},
		"null":       {replace("//video", `<video a="$(v)"/>`), "null", "xml: the attribute a of <video>: $(v): the variable is null"},
		"control":    {merge("", `<domain><title>$(v)</title></domain>`), `"\u0001"`, "xml: the text of <title>: XML cannot hold"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := compile(t, b(tc.rule, tc.value)).Domain(context.Background(), []byte(devices("<video/>")), []byte(vmi), nil)
			if err == nil || out != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %s", err, tc.want)
			}
		})
	}
}

// property is the rules of the property tests, each for the domains that it fits.
var property = map[string]bundle.DomainRule{
	"add disk":          add("/domain/devices", `<disk type="file"><source file="/x"/><target dev="vdz" bus="virtio"/><iotune><total_iops_sec>9</total_iops_sec></iotune><wwn>5000c50015ea71aa</wwn></disk>`),
	"add videos":        add("/domain/devices", `<video><model type="virtio" heads="1" primary="yes"><resolution x="800" y="600"/></model></video><video><model type="virtio" heads="1" primary="no"/></video><video><model type="virtio" heads="1" primary="yes"><acceleration accel3d="no"/></model></video>`),
	"add a smaller one": add("/domain/devices", `<video><model type="bochs"/><driver iommu="on"/></video>`),
	"add inputs":        add("/domain/devices", `<input type="passthrough" bus="virtio"><source evdev="/dev/input/event1"/></input><input type="passthrough" bus="virtio"><source evdev="/dev/input/event2"/></input>`),
	"add hostdevs":      add("/domain/devices", `<hostdev mode="subsystem" type="usb"><source><vendor id="0x1"/><product id="0x2"/></source></hostdev><hostdev mode="subsystem" type="usb"><source><vendor id="0x3"/><product id="0x4"/></source></hostdev>`),
	"add shmem":         add("/domain/devices", `<shmem name="x"><model type="ivshmem-plain"/><size unit="M">4</size></shmem><hub type="usb"/>`),
	"add serial":        add("/domain/devices", `<serial type="null"><log file="/x" append="off"/><target type="isa-debug" port="7"><model name="isa-debugcon"/></target><address type="isa" iobase="0x402"/></serial>`),
	"add sound":         add("/domain/devices", `<sound model="ich9"><codec type="micro"/><alias name="ua-s"/></sound>`),
	"add interface":     add("/domain/devices", `<interface type="vhostuser"><source type="unix" path="/x" mode="client"/><model type="virtio"/><driver name="vhost" rx_queue_size="256"/><alias name="ua-z"/></interface>`),
	"add memory":        add("/domain/devices", `<memory model="dimm" access="private"><target><size unit="KiB">524287</size><node>0</node></target></memory>`),
	"add graphics":      add("/domain/devices", `<graphics type="dbus" p2p="yes"/>`),
	"add channel":       add("/domain/devices", `<channel type="qemu-vdagent"><source><clipboard copypaste="yes"/></source><target type="virtio" name="com.redhat.spice.0"/></channel>`),
	"add first":         positioned(add("/domain/devices", `<video><model type="none"/><driver iommu="on"/></video>`), bundle.PositionFirst),
	"add after":         positioned(add("/domain/devices/disk", `<redirdev bus="usb" type="tcp"><source mode="connect" host="h" service="1"/></redirdev>`), bundle.PositionAfter),
	"add key":           keyed(add("/domain/devices", `<redirdev bus="usb" type="unix"><source mode="bind" path="/x"/><boot order="3"/></redirdev>`), "source/@path"),
	"add memtune":       add("/domain", `<memtune><hard_limit unit="G">9</hard_limit></memtune>`),
	"add hyperv":        add("/domain/features", `<ioapic driver="qemu"/>`),
	"add qemu":          add("/domain", `<qemu:commandline><qemu:arg value="-s"/><qemu:arg value="-S"/></qemu:commandline>`),
	"add feature":       add("/domain/cpu", `<feature name="zz" policy="require"/><cache mode="passthrough"/>`),
	"add pages":         add("/domain/memoryBacking/hugepages", `<page size="2" unit="M"/><page size="1" unit="G" nodeset="1"/>`),
	"replace disk":      replace("/domain/devices/disk[1]", `<disk type="vhostuser" device="disk"><source type="unix" path="/x"><reconnect enabled="yes"/></source><target dev="vda" bus="virtio"/></disk>`),
	"replace by videos": replace("/domain/devices/video", `<video><model type="virtio" heads="1" primary="yes"/></video><video><model type="virtio" heads="1" primary="no"><resolution x="1" y="2"/></model></video>`),
	"replace by others": replace("/domain/devices/memballoon", `<memballoon model="none"/><shmem name="q"/>`),
	"replace pages":     replace("/domain/memoryBacking/hugepages/page", `<page size="2" unit="M" x="1"/><page size="1" unit="G" nodeset="1"/>`),
	"replace os":        replace("/domain/os/type", `<type arch="x86_64" machine="x">hvm</type>`),
	"replace text":      {Op: bundle.OpReplace, Path: "/domain/vcpu/@placement", Value: ptr("auto")},
	"merge domain":      merge("", `<domain><cpu mode="custom" check="full"><model fallback="allow">x</model><cache mode="passthrough"/><feature name="zz" policy="require"/></cpu><clock offset="localtime"><timer name="rtc" tickpolicy="catchup"><catchup slew="1"/></timer></clock><features><kvm><hidden state="on"/><poll-control state="on"/></kvm></features><memoryBacking><source type="memfd"/><locked/></memoryBacking></domain>`),
	"merge devices":     merge("/domain/devices", `<devices><memballoon autodeflate="on"><stats period="3"/></memballoon></devices>`),
	"merge disks":       merge("/domain/devices/disk", `<disk><driver rotation_rate="1" cache="none"/><wwn>5000c50015ea71aa</wwn><iotune><read_iops_sec>3</read_iops_sec></iotune></disk>`),
	"merge page":        merge("/domain/memoryBacking", `<memoryBacking><hugepages><page size="2" unit="M" nodeset="1"/></hugepages></memoryBacking>`),
	"merge arguments":   merge("", qemu(`<qemu:arg value="-device"/><qemu:arg value="edu"/><qemu:env name="A" value="1"/>`)),
	"merge strings":     merge("/domain/sysinfo", `<sysinfo><oemStrings><entry>a</entry><entry>b</entry></oemStrings></sysinfo>`),
	"merge forwards":    merge("/domain/devices/interface", `<interface><portForward proto="tcp"><range start="1"/></portForward><portForward proto="tcp"><range start="2"/></portForward></interface>`),
	"merge video":       merge("/domain/devices/video[1]", `<video><driver name="qemu"/><model primary="yes" heads="2"><resolution x="1" y="2"/></model></video>`),
}

// TestSecondCall holds every rule of property against every domain: applied to its own
// result it changes nothing; applied to what KubeVirt and libvirt make of the result, it
// restores it, and once more changes nothing.
func TestSecondCall(t *testing.T) {
	files, err := filepath.Glob("testdata/domains/*.xml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d domains: %v", len(files), err)
	}
	for name, rule := range property {
		t.Run(name, func(t *testing.T) {
			rule.Expect = bundle.ExpectAny
			p := compile(t, rules(rule))
			changed := 0
			for _, f := range files {
				src, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				changed += secondCall(t, p, between(t, src, false))
			}
			if changed == 0 {
				t.Error("the rule fits no domain")
			}
		})
	}
}

func secondCall(t *testing.T, p *patch.Program, src []byte) (changed int) {
	t.Helper()
	call := func(doc []byte, first *patch.Report) ([]byte, *patch.Report) {
		out, report, err := p.Domain(context.Background(), doc, []byte(vmi), first)
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		return out, report
	}
	first, report := call(src, nil)
	if again, _ := call(first, report); string(again) != string(first) {
		t.Errorf("applied to its own result (-first +second):\n%s", cmp.Diff(string(first), string(again)))
	}
	input := between(t, first, true)
	repeated, _ := call(input, report)
	if was, is := strings.Count(string(input), `="given"`), strings.Count(string(repeated), `="given"`); was != is || was == 0 {
		t.Errorf("of %d addresses and aliases that libvirt gave %d are left", was, is)
	}
	if diff := cmp.Diff(canonical(t, first), canonical(t, repeated)); diff != "" {
		t.Errorf("after KubeVirt and libvirt (-first +second):\n%s", diff)
	}
	if again, _ := call(repeated, report); string(again) != string(repeated) {
		t.Errorf("a third call (-second +third):\n%s", cmp.Diff(string(repeated), string(again)))
	}
	return report.Changed()
}

// between makes of a document what the next call gets: KubeVirt drops what its structs have
// no field for and, with assign, libvirt gives every device an address and an alias, of
// which KubeVirt keeps what it knows.
func between(t *testing.T, src []byte, assign bool) []byte {
	t.Helper()
	d, err := document.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	lose(t, d, d.Element())
	for _, e := range document.Elements(d.Element()) {
		if e.Data != "devices" || !assign {
			continue
		}
		for _, device := range document.Elements(e) {
			for _, given := range []string{`<address type="given"/>`, `<alias name="given"/>`} {
				f, err := document.ParseFragment(given)
				if err != nil {
					t.Fatal(err)
				}
				name := f.Elements()[0].Data
				if schema.Of(device).Child("", name) == nil || slices.ContainsFunc(document.Elements(device), func(c *xmlquery.Node) bool { return c.Data == name }) {
					continue
				}
				if _, err := d.Insert(f, f.Elements()[0], device, document.LastIn); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return d.Bytes()
}

func lose(t *testing.T, d *document.Document, n *xmlquery.Node) {
	t.Helper()
	kept := schema.Of(n)
	for i := len(n.Attr) - 1; i >= 0; i-- {
		if a := &n.Attr[i]; !document.IsDeclaration(a) && !kept.Keeps(a.NamespaceURI, a.Name.Local) {
			d.RemoveAttribute(n, i)
		}
	}
	for _, c := range document.Elements(n) {
		if kept.Child(c.NamespaceURI, c.Data) != nil {
			lose(t, d, c)
		} else if err := d.Remove(c); err != nil {
			t.Fatal(err)
		}
	}
}

// canonical writes a document without regard to the order of siblings and attributes, and
// without what libvirt gives.
func canonical(t *testing.T, src []byte) string {
	t.Helper()
	d, err := document.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	return canonicalElement(d.Element(), "\n")
}

func canonicalElement(n *xmlquery.Node, indent string) string {
	var parts []string
	for _, a := range n.Attr {
		if !document.IsDeclaration(&a) {
			parts = append(parts, indent+" @"+a.Name.Local+"="+a.Value)
		}
	}
	elements := document.Elements(n)
	for _, c := range elements {
		if given := c.SelectAttr("name") == "given" || c.SelectAttr("type") == "given"; !given {
			parts = append(parts, canonicalElement(c, indent+" "))
		}
	}
	if text := document.Text(n); len(elements) == 0 && strings.TrimSpace(text) != "" {
		parts = append(parts, indent+" "+text)
	}
	slices.Sort(parts)
	return indent + n.Data + strings.Join(parts, "")
}

// TestReplaceFindsScattered: KubeVirt writes devices in an order of its own, so that what
// stood together after the first call is apart in the second.
func TestReplaceFindsScattered(t *testing.T) {
	const disk = `<disk><target dev="vda"/></disk>`
	p := compile(t, rules(replace("//video", `<video><model type="virtio" primary="yes"/></video><sound model="ich9"><codec type="micro"/></sound><shmem name="x"/>`)))
	_, report, err := p.Domain(context.Background(), []byte(devices("<video/>"+disk)), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	const sound = `<sound model="ich9"><alias name="sound0"/>`
	for doc, want := range map[string]string{
		devices(sound + `</sound>` + disk + `<video><model type="virtio"/><address/></video>`): devices(sound + `<codec type="micro"/></sound>` + disk + `<video><model type="virtio" primary="yes"/><address/></video><shmem name="x"/>`),
		devices(disk + `<video><model type="virtio"/></video>`):                                devices(disk + `<video><model type="virtio" primary="yes"/></video><sound model="ich9"><codec type="micro"/></sound><shmem name="x"/>`),
	} {
		out, _, err := p.Domain(context.Background(), []byte(doc), []byte(vmi), report)
		if err != nil || string(out) != want {
			t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, string(out)))
		}
	}
}

// TestMergeGoesOn: what cannot be merged on a repeated call is a line of the report, and the
// rest is merged.
func TestMergeGoesOn(t *testing.T) {
	p := compile(t, rules(merge("", `<domain><devices><tpm model="a"/><rng model="b"/></devices></domain>`)))
	first, report, err := p.Domain(context.Background(), []byte(devices("<tpm/><rng/>")), []byte(vmi), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, second, err := p.Domain(context.Background(), []byte(strings.Replace(devices("<tpm/><rng/>"), "<tpm/>", "", 1)), []byte(vmi), report)
	if want := strings.Replace(string(first), `<tpm model="a"/>`, "", 1); err != nil || string(out) != want {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, string(out)))
	}
	if reason := second.Patches[0].Rules[0].Reason; !strings.Contains(reason, "there is no <tpm> to merge with") {
		t.Errorf("the report tells %q", reason)
	}
}

// TestLargeFragments: fragments and documents that are as large as they may be end with a
// result or with the limit of steps, long before the time of the call is up, which would be
// another error.
func TestLargeFragments(t *testing.T) {
	repeated := func(text string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(text, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	x := repeated("<x a='1'/>", 9000)
	const steps = "the rule takes more than 200000 evaluation steps"
	for name, tc := range map[string]struct {
		rule      bundle.DomainRule
		doc, want string
	}{
		"equal devices":     {add("/domain/devices", repeated("<hub/>", 5000)), devices(repeated("<hub/>", 9000)), ""},
		"other devices":     {add("/domain/devices", repeated("<hub a='#'/>", 5000)), devices(repeated("<hub/>", 9000)), steps},
		"devices with keys": {add("/domain/devices", repeated("<shmem name='#'/>", 5000)), devices(repeated("<shmem name='x#'/>", 9000)), ""},
		"equal children":    {add("/domain/devices", "<hub>"+repeated("<a/>", 8000)+"</hub>"), devices("<hub>" + repeated("<a/>", 9000) + "</hub>"), ""},
		"one too few":       {add("/domain/devices", "<hub>"+repeated("<a/>", 2000)+"<b/></hub>"), devices("<hub>" + repeated("<a/>", 1999) + "<b/></hub>"), ""},
		"deep below":        {add("/domain/devices", repeated("<hub><a><b><c x='1'/></b></a></hub>", 1500)), devices(repeated("<hub><a><b><c x='2'/></b></a></hub>", 2500)), steps},
		"attributes":        {add("/domain/devices", "<hub "+repeated("a#='1' ", 200)+"b='1'/>"), devices(repeated("<hub "+repeated("a#='1' ", 200)+"/>", 180)), steps},
		"texts":             {add("/domain/devices", "<hub>"+strings.Repeat("a", 100<<10)+"</hub><hub>"+strings.Repeat("b", 100<<10)+"</hub>"), devices(repeated("<hub>"+strings.Repeat("a", 100<<10)+"</hub>", 4)), ""},
		"run":               {add("/domain/foo", repeated("<x a='1'/>", 3000)+"<y/>"), devices("", "<foo>"+x+"</foo>"), steps},
		"replace":           {replace("/domain/foo/x[position()<250]", repeated("<x a='1'/>", 3000)+"<y/>"), devices("", "<foo>"+x+"</foo>"), steps},
		"merge":             {merge("", devices(repeated("<shmem name='#'><a/></shmem>", 3000))), devices(repeated("<shmem name='#'/>", 9000)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, rules(tc.rule))
			_, _, err := p.Domain(context.Background(), []byte(tc.doc), []byte(vmi), nil)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %.300v, want %q", err, tc.want)
			}
		})
	}
}

// TestRepeatedCalls gives the second call a document that the first did not leave.
func TestRepeatedCalls(t *testing.T) {
	const tablet = `<input type="tablet" bus="usb">`
	for name, tc := range map[string]struct {
		reason          string
		rule            bundle.DomainRule
		doc, next, want string
		told            string // in the report
	}{
		"address of its own": {
			reason: "libvirt may write it in another way",
			rule:   add("/domain/devices", tablet+`<address type="usb" bus="0" port="1"/></input>`),
			doc:    devices(""), next: devices(tablet + `<address type="usb" bus="00"/></input>`), want: devices(tablet + `<address type="usb" bus="0" port="1"/></input>`),
		},
		"two addresses of their own": {
			reason: "they tell alike devices apart, as long as nobody rewrites them",
			rule:   add("/domain/devices", tablet+`<address type="usb" bus="0" port="1"/></input>`+tablet+`<address type="usb" bus="1" port="2"/></input>`),
			doc:    devices(""), next: devices(tablet + `<address type="usb" bus="1"/></input>` + tablet + `<address type="usb" bus="0"/></input>`),
			want: devices(tablet + `<address type="usb" bus="1" port="2"/></input>` + tablet + `<address type="usb" bus="0" port="1"/></input>`),
		},
		"an empty attribute": {
			reason: "KubeVirt does not write it",
			rule:   add("/domain/devices", `<hostdev mode="subsystem" type="mdev" display=""/>`),
			doc:    devices(""), next: devices(`<hostdev type="mdev" mode="subsystem"><source/></hostdev>`), want: devices(`<hostdev type="mdev" mode="subsystem" display=""><source/></hostdev>`),
		},
		"a number": {
			reason: "KubeVirt writes it in its own way",
			rule:   add("/domain/devices", `<video><model type="vga" heads="01"/></video>`),
			doc:    devices(""), next: devices(`<video><model type="vga" heads="1"/></video>`), want: devices(`<video><model type="vga" heads="01"/></video>`),
		},
		"an empty element": {
			rule: replace("//disk", `<disk><serial/><target dev="a"/></disk>`),
			doc:  devices("<disk/>"), next: devices(`<disk><target dev="a"/><alias name="x"/></disk>`), want: devices(`<disk><target dev="a"/><alias name="x"/><serial/></disk>`),
		},
		"a container": {
			reason: "others may have put something in",
			rule:   add("/domain", "<memoryBacking><locked/></memoryBacking>"),
			doc:    devices(""), next: devices("", `<memoryBacking><source type="memfd"/></memoryBacking>`), want: devices("", `<memoryBacking><source type="memfd"/><locked/></memoryBacking>`),
		},
		"a container of devices": {
			rule: add("/domain", `<devices><shmem name="a"/></devices>`),
			doc:  "<domain/>", next: devices("<input/>"), want: devices(`<input/><shmem name="a"/>`),
		},
		"a container with another": {
			rule: add("/domain", `<devices><memory model="dimm"><alias name="ua-m"/></memory></devices>`),
			doc:  "<domain/>", next: devices(`<memory model="dimm"><alias name="ua-o"/></memory>`), want: devices(`<memory model="dimm"><alias name="ua-o"/></memory>`),
			told: "a <memory> is there already, and KubeVirt reads several below <devices> as one",
		},
		"a MAC address": {
			reason: "libvirt made it up",
			rule:   add("/domain/devices", `<interface type="user"><alias name="ua-n"/><driver x="1"/></interface>`),
			doc:    devices(""), next: devices(`<interface type="user"><mac address="02:00:00:00:00:01"/><alias name="ua-n"/></interface>`),
			want: devices(`<interface type="user"><alias name="ua-n"/><driver x="1"/><mac address="02:00:00:00:00:01"/></interface>`),
		},
		"a command line": {
			reason: "the argument that is there is another patch's",
			rule:   add("/domain", qemuCommandline(`<qemu:arg value="-b"/>`)),
			doc:    "<domain/>", next: qemu(`<qemu:arg value="-a"/>`), want: qemu(`<qemu:arg value="-a"/><qemu:arg value="-b"/>`),
		},
		"a list": {
			reason: "KubeVirt keeps the elements and drops an attribute of them",
			rule:   merge("//interface", `<interface><portForward proto="tcp" x="1"/><portForward proto="udp" x="2"/></interface>`),
			doc:    devices(`<interface/>`), next: devices(`<interface><portForward proto="tcp"/><portForward proto="udp"/></interface>`),
			want: devices(`<interface><portForward proto="tcp" x="1"/><portForward proto="udp" x="2"/></interface>`),
		},
		"merge among libvirt's": {
			rule: merge("", `<domain><devices><input type="tablet"><driver iommu="on"/></input></devices></domain>`),
			doc:  devices(tablet + "</input>"), next: devices(`<input type="mouse" bus="ps2"/>` + tablet + "</input>"), want: devices(`<input type="mouse" bus="ps2"/>` + tablet + `<driver iommu="on"/></input>`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, rules(tc.rule))
			_, report, err := p.Domain(context.Background(), []byte(tc.doc), []byte(vmi), nil)
			if err != nil {
				t.Fatal(err)
			}
			out, second, err := p.Domain(context.Background(), []byte(tc.next), []byte(vmi), report)
			if err != nil || string(out) != tc.want {
				t.Errorf("%s: %v (-want +got):\n%s", tc.reason, err, cmp.Diff(tc.want, string(out)))
			}
			if changed := second.Changed() > 0; changed != (tc.want != tc.next) {
				t.Errorf("the report counts %d changes", second.Changed())
			}
			if told := second.Patches[0].Rules[0].Reason; !strings.Contains(told, tc.told) || tc.told == "" && strings.HasPrefix(told, "on this") {
				t.Errorf("the report tells %q, want %q", told, tc.told)
			}
		})
	}
}
