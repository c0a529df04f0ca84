// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	disks = `<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/><alias name='ua-a'/></disk>
<disk type='file' device='disk'><source file='/b'/><target dev='vdb' bus='virtio'/><alias name='ua-b'/></disk>
<disk type='file' device='disk'><source file='/c'/><target dev='vdc' bus='virtio'/><alias name='ua-c'/></disk>
`
	cdrom = `<disk type='file' device='cdrom'><source file='/d'/><target dev='sda' bus='sata'/><alias name='ua-d'/></disk>
`
	videos = `<video><model type='vga' vram='1'/></video><video><model type='vga' vram='2'/></video><video><model type='vga' vram='3'/></video>`
	video  = `<video><model type='vga'/></video>`
)

var cards = []string{"<interface type='bridge'><source bridge='a'/><alias name='ua-a'/></interface>", "<interface type='bridge'><source bridge='b'/><alias name='ua-b'/></interface>"}

func devices(xml string) string {
	return "<domain type='kvm'>\n<name>x</name>\n<devices>\n" + xml + "\n</devices>\n</domain>"
}

// TestPairs are pairs that are hard.
func TestPairs(t *testing.T) {
	for name, tc := range map[string]struct{ before, after string }{
		"root attribute":                   {"<domain type='kvm'><name>a</name></domain>", "<domain type='qemu' id='7'><name>a</name></domain>"},
		"root attribute dropped":           {"<domain type='kvm' id='7'><name>a</name></domain>", "<domain type='kvm'><name>a</name></domain>"},
		"interfaces reordered":             {devices(cards[0] + cards[1]), devices(cards[1] + cards[0])},
		"two equal, a third":               {devices(video + video), devices(video + video + video)},
		"three equal, one less":            {devices(video + video + video), devices(video + video)},
		"middle of three keyless":          {devices(videos), devices(strings.Replace(videos, "<video><model type='vga' vram='2'/></video>", "", 1))},
		"first of three keyless":           {devices(videos), devices(strings.Replace(videos, "<video><model type='vga' vram='1'/></video>", "", 1))},
		"middle changes":                   {devices(videos), devices(strings.Replace(videos, "vram='2'", "vram='9'", 1))},
		"special characters":               {devices(disks), strings.Replace(devices(disks), "<name>x</name>", "<name>&lt;a&gt; &amp; \"b\" 'c' $(d) $$(e) &#xD; é 漢 &#x1F600; ]]&gt;</name>", 1)},
		"special characters in attributes": {devices(disks), strings.Replace(devices(disks), "file='/b'", "file='&lt;&amp;&quot;&apos;$(x)&#xA;&#x9; &gt;'", 1)},
		"special characters in new":        {devices(disks), strings.Replace(devices(disks), "<name>x</name>", "<name>x</name><description>a\n  b ]]&gt; $(x)</description><title a='$(x)&quot;&apos;'>  </title>", 1)},
		"qemu appears":                     {devices(disks), strings.Replace(devices(disks), "<domain type='kvm'>", "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:commandline><qemu:arg value='-a'/><qemu:arg value='-a'/></qemu:commandline>", 1)},
		"qemu with another prefix":         {devices(disks), strings.Replace(devices(disks), "</devices>", "</devices><q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-a'/></q:commandline>", 1)},
		"qemu argument changes":            {args("-a", "x", "-b", "y"), args("-a", "x", "-b", "z")},
		"qemu argument goes":               {args("-a", "x", "-b", "y"), args("-b", "y")},
		"qemu argument in the middle":      {args("-a", "x", "-b", "y"), args("-a", "x", "-c", "-b", "y")},
		"qemu arguments again":             {args("-device", "x"), args("-device", "x", "-device", "x")},
		"qemu arguments more":              {args("-device", "x"), args("-device", "x", "-device", "y")},
		"alias changes":                    {devices(disks), strings.Replace(devices(disks), "ua-b", "ua-z", 1)},
		"target changes":                   {devices(disks), strings.Replace(devices(disks), "vdb", "sdb", 1)},
		"alias and target change":          {devices(disks), strings.Replace(strings.Replace(devices(disks), "ua-b", "ua-z", 1), "vdb", "sdb", 1)},
		"new disk between":                 {devices(disks), strings.Replace(devices(disks), "<disk type='file' device='disk'><source file='/b'/>", "<disk type='block' device='lun'><source dev='/n'/><target dev='sda' bus='scsi'/><alias name='ua-n'/></disk><disk type='file' device='disk'><source file='/b'/>", 1)},
		"new disk first":                   {devices(disks), devices("<disk type='block' device='lun'><source dev='/n'/><target dev='sda' bus='scsi'/></disk>" + disks)},
		"disk goes":                        {devices(disks), devices(strings.SplitAfterN(disks, "\n", 2)[1])},
		"all disks go":                     {devices(disks), devices("")},
		"all devices go":                   {devices(disks), "<domain type='kvm'>\n<name>x</name>\n</domain>"},
		"devices come":                     {"<domain type='kvm'>\n<name>x</name>\n</domain>", devices(disks)},
		"text to elements":                 {"<domain><a>text</a></domain>", "<domain><a><b/></a></domain>"},
		"elements to text":                 {"<domain><a><b/></a></domain>", "<domain><a>text</a></domain>"},
		"elements to nothing":              {"<domain><a>\n  <b/>\n</a></domain>", "<domain><a/></domain>"},
		"mixed text":                       {"<domain><a>x<b/>y</a></domain>", "<domain><a>x<b/>z</a></domain>"},
		"text goes":                        {"<domain><a>x</a></domain>", "<domain><a/></domain>"},
		"text comes":                       {"<domain><a/></domain>", "<domain><a>x</a></domain>"},
		"order of entries":                 {"<domain><cpu><feature name='a' policy='x'/><feature name='b' policy='x'/></cpu></domain>", "<domain><cpu><feature name='b' policy='x'/><feature name='a' policy='x'/></cpu></domain>"},
		"parts reordered":                  {"<domain><name>a</name><title>b</title></domain>", "<domain><title>b</title><name>a</name></domain>"},
		"foreign namespace":                {"<domain><metadata><a xmlns='urn:x' b='1'><c/></a></metadata></domain>", "<domain><metadata><a xmlns='urn:x' b='2'><c>t</c></a></metadata></domain>"},
		"foreign namespace comes":          {"<domain><metadata/></domain>", "<domain><metadata><x:a xmlns:x='urn:x' x:b='2'><x:c>t</x:c><d/></x:a></metadata></domain>"},
		"foreign attribute":                {"<domain><metadata><x:a xmlns:x='urn:x' x:b='2'/></metadata></domain>", "<domain><metadata><x:a xmlns:x='urn:x' x:b='3'/></metadata></domain>"},
		"unknown repeated":                 {"<domain><zoo><cat n='1'/><cat n='2'/><cat n='3'/></zoo></domain>", "<domain><zoo><cat n='1'/><cat n='4' m='2'/><dog/><cat n='3'/><cat n='1'/></zoo></domain>"},
		"interface by mac":                 {devices("<interface type='bridge'><mac address='02:00:00:00:00:01'/><model type='e1000'/></interface><interface type='bridge'><mac address='02:00:00:00:00:02'/><model type='e1000'/></interface>"), devices("<interface type='bridge'><mac address='02:00:00:00:00:01'/><model type='virtio'/></interface><interface type='bridge'><mac address='02:00:00:00:00:03'/><model type='e1000'/></interface>")},
		"hubs":                             {devices("<hub type='usb'/><hub type='usb'/>"), devices("<hub type='usb'/><hub type='usb'/><hub type='usb'/>")},
		"usb companions":                   {devices("<controller type='usb' index='0' model='ich9-ehci1'/><controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>"), devices("<controller type='usb' index='0' model='ich9-ehci1'/><controller type='usb' index='0' model='ich9-uhci1'><master startport='2'/></controller>")},
		"comment inside text":              {"<domain><title>a</title></domain>", "<domain><title>b<!-- x -->c</title></domain>"},
		"cdata":                            {"<domain><title>a</title></domain>", "<domain><title><![CDATA[<b>&]]></title></domain>"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Domains(t.Context(), []byte(tc.before), []byte(tc.after), nil)
			if err != nil {
				t.Fatal(err)
			}
			check(t, d, []byte(tc.after))
			for _, r := range d.Rules {
				if len(r.Path) > 200 || strings.Contains(r.Comment, "place") != strings.Contains(r.Path, "[1]") && !strings.Contains(r.Path, "[3]") {
					t.Errorf("%s %s: comment %q", r.Op, r.Path, r.Comment)
				}
			}
		})
	}
}

// TestRules pins the rules for pairs where another choice would be worse.
func TestRules(t *testing.T) {
	for name, tc := range map[string]struct {
		reason, before, after string
		want                  string // op and path of each rule
	}{
		"alias before target": {"KubeVirt names it after the VM's disk", devices(disks), strings.Replace(devices(disks), "'/b'", "'/x'", 1),
			"set /domain/devices/disk[alias/@name='ua-b']/source/@file"},
		"key that stays": {"a repeated call must find it", devices(disks), strings.Replace(devices(disks), "ua-b", "ua-x", 1),
			"set /domain/devices/disk[target/@dev='vdb']/alias/@name"},
		"one merge": {"two attributes of one element", devices(disks), strings.Replace(devices(disks), "<disk type='file' device='disk'><source file='/b'/>", "<disk type='block' device='lun'><source file='/b'/>", 1),
			"merge /domain/devices/disk[alias/@name='ua-b']"},
		"created by set": {"one text in new elements", devices(disks), strings.Replace(devices(disks), "<alias name='ua-b'/>", "<alias name='ua-b'/><iotune><read_iops_sec>5</read_iops_sec></iotune>", 1),
			"set /domain/devices/disk[alias/@name='ua-b']/iotune/read_iops_sec"},
		"added in the middle": {"canonical equality minds order", devices(disks), strings.Replace(devices(disks), "<alias name='ua-b'/>", "<wwn>5000c50015ea71aa</wwn><alias name='ua-b'/>", 1),
			"add after /domain/devices/disk[alias/@name='ua-b']/target"},
		"removals together": {"one rule", devices(disks), strings.Replace(devices(disks), " device='disk'><source file='/b'/>", ">", 1),
			"remove /domain/devices/disk[alias/@name='ua-b']/@device | /domain/devices/disk[alias/@name='ua-b']/source"},
		"keyless by what it holds": {"a place is the last resort", devices(videos), strings.Replace(devices(videos), "vram='2'", "vram='2' heads='4'", 1),
			"set One /domain/devices/video[model/@vram='2']/model/@heads"},
		"keyless alone": {"another VM may have several", devices(video), strings.Replace(devices(video), "vga", "virtio", 1),
			"set One /domain/devices/video/model/@type"},
		"by its place": {"nothing else tells", devices(video + video), devices(strings.Replace(video, "/></video>", " heads='2'/></video>", 1) + video),
			"set One /domain/devices/video[model/@type='vga'][1]/model/@heads"},
		"substituted": {"it keeps the place", devices(video + "<hub type='usb'/>"), devices("<video><model heads='2'/></video><video><model heads='1'/></video><hub type='usb'/>"),
			"replace /domain/devices/video"},
		"of one kind": {"what the guest sees of them", devices(disks + cdrom), strings.ReplaceAll(devices(disks+cdrom), "bus='virtio'/>", "bus='virtio'/><shareable/>"),
			"add after /domain/devices/disk[target/@bus='virtio']/target"},
		"of one kind and another": {"neither alone tells", devices(disks + cdrom + "<disk device='cdrom'><target dev='vdz' bus='virtio'/></disk><disk device='disk'><target dev='sdb' bus='sata'/></disk>"),
			strings.ReplaceAll(devices(disks+cdrom+"<disk device='cdrom'><target dev='vdz' bus='virtio'/></disk><disk device='disk'><target dev='sdb' bus='sata'/></disk>"), "device='disk'><source", "device='disk'><driver queues='2'/><source"),
			"add first /domain/devices/disk[target/@bus='virtio' and @device='disk']"},
		"all of them": {"of no kind in common", devices(cards[0] + cards[1]), strings.ReplaceAll(devices(cards[0]+cards[1]), "<alias", "<mtu size='9000'/><alias"),
			"add after /domain/devices/interface/source"},
		"not all of a kind": {"nothing tells the two from the third", devices(disks), strings.Replace(devices(disks), "bus='virtio'/>", "bus='virtio'/><shareable/>", 2),
			"add after /domain/devices/disk[alias/@name='ua-a']/target\nadd after /domain/devices/disk[alias/@name='ua-b']/target"},
		"each another value": {"they are not the same", devices(disks), strings.ReplaceAll(strings.ReplaceAll(devices(disks), "'/a'", "'/x'"), "'/b'", "'/y'"),
			"set /domain/devices/disk[alias/@name='ua-a']/source/@file\nset /domain/devices/disk[alias/@name='ua-b']/source/@file"},
		"two rules of a kind": {"each stands for three", devices(disks), strings.NewReplacer(" device='disk'", "", "bus='virtio'/>", "bus='virtio'/><shareable/>").Replace(devices(disks)),
			"remove /domain/devices/disk[target/@bus='virtio']/@device\nadd after /domain/devices/disk[target/@bus='virtio']/target"},
		"one of a kind goes": {"another VM may have it", devices(disks), strings.ReplaceAll(devices(strings.SplitAfter(disks, "\n")[0]+strings.SplitAfter(disks, "\n")[1]), "bus='virtio'/>", "bus='virtio'/><shareable/>"),
			"remove /domain/devices/disk[alias/@name='ua-c']\nadd after /domain/devices/disk[alias/@name='ua-a']/target\nadd after /domain/devices/disk[alias/@name='ua-b']/target"},
		"all that nothing identifies": {"one rule finds them without their places", devices(videos), strings.ReplaceAll(devices(videos), "<model", "<model heads='2'"),
			"set /domain/devices/video[model/@type='vga']/model/@heads"},
		"kind that changes": {"a repeated call must find them", devices(disks), strings.ReplaceAll(devices(disks), "virtio", "scsi"),
			"set /domain/devices/disk[@device='disk']/target/@bus"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Domains(t.Context(), []byte(tc.before), []byte(tc.after), nil)
			if err != nil {
				t.Fatal(err)
			}
			check(t, d, []byte(tc.after))
			var got []string
			for _, r := range d.Rules {
				got = append(got, strings.Join(strings.Fields(strings.Join([]string{string(r.Op), string(r.Position), string(r.Expect), r.Path}, " ")), " "))
			}
			if strings.Join(got, "\n") != tc.want {
				t.Errorf("%s: got\n%s\nwant\n%s", tc.reason, strings.Join(got, "\n"), tc.want)
			}
		})
	}
}

// TestEditedElsewhere has a device edited that stands elsewhere than before, as a script leaves it that removes one
// and appends another. Interfaces must move: their order counts.
func TestEditedElsewhere(t *testing.T) {
	balloon, other := "<memballoon model='none'/>", strings.Replace(video, "vga", "qxl", 1)
	edited := strings.Replace(cards[0], "bridge='a'", "bridge='z'", 1)
	for name, tc := range map[string]struct {
		before, after, path string
		notes               int
	}{
		"other kinds between": {video + balloon, balloon + other, "/domain/devices/video/model/@type", 1},
		"its own kind":        {cards[0] + cards[1], cards[1] + edited, "/domain/devices/interface[alias/@name='ua-b'][preceding-sibling::interface[alias/@name='ua-a']]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Domains(t.Context(), []byte(devices(tc.before)), []byte(devices(tc.after)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if d.Rules[0].Path != tc.path || len(d.Notes) != tc.notes {
				t.Errorf("got a rule on %s and notes %q, want one on %s and %d notes", d.Rules[0].Path, d.Notes, tc.path, tc.notes)
			}
		})
	}
}

// TestRefused pins what is said where there are no rules.
func TestRefused(t *testing.T) {
	many := strings.Builder{}
	for i := range 70 {
		fmt.Fprintf(&many, "<disk><source file='/%d'/><target dev='vd%d'/><alias name='ua-%d'/></disk>", i, i, i)
	}
	for name, tc := range map[string]struct{ reason, before, after, want string }{
		"equal":              {"nothing to do", devices(disks), devices(disks), "nothing differs"},
		"comments alone":     {"canonical XML has none", devices(disks), devices("<!-- x -->" + disks), "nothing differs"},
		"written otherwise":  {"canonical XML is the same", "<domain><a b='1' c='2'/></domain>", "<domain >\n<a c=\"2\" b=\"&#49;\"></a></domain>", "nothing differs"},
		"disks reordered":    {"libvirt sorts them", devices(disks), devices(swap(disks)), "nothing differs that a patch can express: /domain/devices: what it holds stands in another order"},
		"device moved":       {"kinds have no order", devices(disks + cdrom + video), devices(video + disks + cdrom), "nothing differs that a patch can express: /domain/devices: what it holds stands in another order"},
		"no XML":             {"hostile input", devices(disks), "<domain>", "cannot parse the domain after: "},
		"no domain":          {"it may be cloud-init", "<network/>", devices(disks), "the root element of the domain before is \"network\" instead of <domain>"},
		"DOCTYPE":            {"hostile input", devices(disks), "<!DOCTYPE domain><domain/>", "cannot parse the domain after: "},
		"identity twice":     {"no rule can tell them apart", devices(disks), devices(disks + disks), "two <disk> agree on alias/@name, so rules cannot tell them apart"},
		"too many":           {"the limit of one patch", devices(many.String()), devices(strings.ReplaceAll(many.String(), "file='/", "file='/x/")), "takes more than 64 rules, the limit of one patch: generate several patches"},
		"second pass":        {"KubeVirt reads one", devices(disks), strings.Replace(devices(disks), "<source file='/b'/>", "<source file='/b'/><source file='/c'/>", 1), "KubeVirt's types have room for one <source>"},
		"alias of libvirt's": {"libvirt drops it", devices(disks), devices(disks + "<hub type='usb'><alias name='hub0'/></hub>"), "must start with ua-"},
		"large":              {"the limit of the API", devices(disks), strings.Replace(devices(disks), "<name>x", "<name>"+strings.Repeat("x", 70000), 1), "/domain/name in the wanted domain: a rule would hold more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Domains(t.Context(), []byte(tc.before), []byte(tc.after), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, %v, want %q", tc.reason, d, err, tc.want)
			}
		})
	}
}

// TestHostile checks that much to compare ends, and in an error that says why there are no rules.
func TestHostile(t *testing.T) {
	const many = 3000
	equal := strings.Repeat("<hub type='usb'/>", many)
	alike := strings.Repeat("<video><model a='1' b='2' c='3'><x/><y z='1'/></model></video>", many/2)
	var up, down strings.Builder
	for i := range many {
		fmt.Fprintf(&up, "<disk><target dev='vd%d'/></disk>", i)
		fmt.Fprintf(&down, "<disk><target dev='vd%d'/></disk>", many-i)
	}
	for name, tc := range map[string]struct{ before, after string }{
		"half of equal ones": {equal, equal[:len(equal)/2]},
		"alike":              {alike, strings.ReplaceAll(alike, "a='1'", "a='2'")},
		"reversed":           {up.String(), down.String()},
		"others":             {equal, up.String()},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Domains(t.Context(), []byte(devices(tc.before)), []byte(devices(tc.after)), nil)
			if d != nil && len(d.Rules) > 64 || err != nil && !errors.Is(err, errTooMany) && !strings.Contains(err.Error(), "a rule would hold more than") {
				t.Errorf("got %v, want at most 64 rules, or an error that says why", err)
			}
		})
	}
}

func swap(xml string) string {
	l := strings.SplitAfter(xml, "\n")
	return l[1] + l[0] + l[2]
}

func args(values ...string) string {
	return "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:commandline><qemu:arg value='" + strings.Join(values, "'/><qemu:arg value='") + "'/></qemu:commandline></domain>"
}
