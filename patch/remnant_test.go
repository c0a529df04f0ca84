// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

func TestDifference(t *testing.T) {
	const cache, model = "/domain/devices/disk/driver/@cache", "/domain/devices/disk/model"
	disk := func(inner string) string { return "<devices><disk>" + inner + "</disk></devices>" }
	cases := map[string]struct {
		reason        string
		before, after string // what the domain holds
		allow         []string
		want          string // place and change; empty for no difference
	}{
		"Same":           {"nothing changed", "<a b='1'/>x", "<a b='1'/>x", nil, ""},
		"Text":           {"texts count", "<a>1</a>", "<a>2</a>", nil, "/domain/a/text() changed"},
		"TextAdded":      {"texts count", "<a/>", "<a>2</a>", nil, "/domain/a/text() added"},
		"TextBlank":      {"white space alone is nothing", "<a/>", "<a> </a>", nil, ""},
		"TextToBlank":    {"a text that goes is none of white space", "<a>1</a>", "<a> </a>", nil, "/domain/a/text() removed"},
		"TextWithBlank":  {"white space counts between texts", "<a>x<!-- -->y</a>", "<a>x<!-- --> <!-- -->y</a>", nil, "/domain/a/text() added"},
		"WhiteSpace":     {"indentation is none", "<a/><b/>", "\n <a/>\n <b/>\n", nil, ""},
		"Comment":        {"comments do not count", "<a/>", "<!-- x --><a><!-- y --></a>", nil, ""},
		"Attribute":      {"attributes count", "<a b='1'/>", "<a b='2'/>", nil, "/domain/a/@b changed"},
		"AttributeMore":  {"attributes count", "<a b='1'/>", "<a b='1' c='1'/>", nil, "/domain/a/@c added"},
		"AttributeLess":  {"attributes count", "<a b='1' c='1'/>", "<a c='1'/>", nil, "/domain/a/@b removed"},
		"AttributeOrder": {"attributes have no order", "<a b='1' c='1'/>", "<a c='1' b='1'/>", nil, ""},
		"Declaration":    {"a declaration is no attribute", "<a/>", "<a xmlns:x='urn:x'/>", nil, ""},
		"Namespace":      {"names have namespaces", "<a/>", "<a xmlns='urn:x'/>", nil, "/domain/{urn:x}a added"},
		"Prefix":         {"a prefix stands for a namespace", "<x:a xmlns:x='urn:x'/>", "<y:a xmlns:y='urn:x'/>", nil, ""},
		"Added":          {"elements count", "<a/>", "<a/><b/>", nil, "/domain/b added"},
		"AddedFirst":     {"the message names the one that is new", "<a x='1'/><a x='2'/>", "<a x='0'/><a x='1'/><a x='2'/>", nil, "/domain/a[1] added"},
		"AddedBetween":   {"the message names the one that is new", "<a x='1'/><a x='2'/>", "<a x='1'/><a x='0'/><a x='2'/>", nil, "/domain/a[2] added"},
		"Removed":        {"elements count", "<a/><b/><a x='1'/>", "<a/><b/>", nil, "/domain/a[2] removed"},
		"RemovedFirst":   {"the message names the one that went", "<a x='0'/><a x='1'/><a x='2'/>", "<a x='1'/><a x='2'/>", nil, "/domain/a[1] removed"},
		"Order":          {"order counts", "<a/><b/>", "<b/><a/>", nil, "/domain/b moved"},
		"OrderOfTwins":   {"order counts", "<a x='1'/><a x='2'/>", "<a x='2'/><a x='1'/>", nil, "/domain/a[1]/@x changed"},
		"Repeated":       {"number counts", "<a/>", "<a/><a/>", nil, "/domain/a[2] added"},
		"Moved":          {"the place counts", "<a><c/></a><b/>", "<a/><b><c/></b>", nil, "/domain/a/c removed"},
		"Deep":           {"the time must not double with every level", deep("1"), deep("2"), nil, "/domain" + strings.Repeat("/a", 60) + "/text() changed"},

		"Allowed":          {"an element with all that is in it", "<a><b x='1'>t</b></a>", "<a><b><c/></b><b/></a>", []string{"/domain/a/b"}, ""},
		"AllowedBeside":    {"and nothing else", "<a><b x='1'/></a>", "<a><b x='2'/><c/></a>", []string{"/domain/a/b"}, "/domain/a/c added"},
		"AllowedAttribute": {"an attribute", "<a b='1' c='1'/>", "<a b='2' c='1'/>", []string{"/domain/a/@b"}, ""},
		"AllowedText":      {"a text", "<a>1</a>", "<a>2</a>", []string{"/domain/a/text()"}, ""},
		"AllowedTextAlone": {"a text is no element", "<a>1</a>", "<a><b/></a>", []string{"/domain/a/text()"}, "/domain/a/b added"},
		"AllowedAll":       {"an admin may", "<a/>", "<b/>", []string{"/domain"}, ""},
		"Union":            {"policies add up", "<a/><b/>", "<a x='1'/><b x='1'/>", []string{"/domain/a/@x", "/domain/b/@x"}, ""},
		"Predicate":        {"what an element becomes must be allowed", "<a x='1'/>", "<a x='2'/>", []string{"/domain/a[@x='1']"}, "/domain/a added"},
		"PredicateWas":     {"what it was must be allowed", "<a x='2'/>", "<a x='1'/>", []string{"/domain/a[@x='1']"}, "/domain/a removed"},
		"PredicateBoth":    {"what it was and becomes is allowed", "<a x='1'/>", "<a x='1' y='1'/>", []string{"/domain/a[@x='1']"}, ""},
		"PredicateElse":    {"a condition on what may change allows nothing more", "<a x='1' y='1'/>", "<a x='2' y='2'/>", []string{"/domain/a/@x", "/domain/a[@x='2']/@y"}, "/domain/a/@y removed"},

		"Carrier":          {"who may write an attribute may write its element", disk("<a/>"), disk("<a/><driver cache='x'/>"), []string{cache}, ""},
		"CarrierRemoved":   {"and remove it", disk("<driver cache='x'/><a/>"), disk("<a/>"), []string{cache}, ""},
		"CarrierEmptied":   {"or leave it empty", disk("<driver cache='x'/>"), disk("<driver/>"), []string{cache}, ""},
		"CarrierFilled":    {"or fill an empty one", disk("<driver/>"), disk("<driver cache='x'/>"), []string{cache}, ""},
		"CarrierMoved":     {"wherever it stands", disk("<driver cache='x'/><a/>"), disk("<a/><driver cache='x'/>"), []string{cache}, ""},
		"CarrierOfMore":    {"but nothing more", disk(""), disk("<driver cache='x' type='raw'/>"), []string{cache}, "/domain/devices/disk/driver added"},
		"CarrierGone":      {"an element that holds more stays", disk("<driver cache='x' type='raw'/>"), disk(""), []string{cache}, "/domain/devices/disk/driver removed"},
		"CarrierLoses":     {"what it holds stays", disk("<driver cache='x' type='raw'/>"), disk("<driver cache='x'/>"), []string{cache}, "/domain/devices/disk/driver/@type removed"},
		"CarrierWithText":  {"a text is content", disk(""), disk("<driver cache='x'>t</driver>"), []string{cache}, "/domain/devices/disk/driver added"},
		"Empty":            {"an empty element is something", disk(""), disk("<driver/>"), []string{cache}, "/domain/devices/disk/driver added"},
		"EmptyRemoved":     {"an empty element is something", disk("<readonly/>"), disk(""), []string{cache}, "/domain/devices/disk/readonly removed"},
		"SecondInFront":    {"libvirt reads the first driver: its type would be gone", disk("<driver type='qcow2'/>"), disk("<driver cache='x'/><driver type='qcow2'/>"), []string{cache}, "/domain/devices/disk/driver[1] added"},
		"SecondBehind":     {"nobody knows which of two counts", disk("<driver type='qcow2'/>"), disk("<driver type='qcow2'/><driver cache='x'/>"), []string{cache}, "/domain/devices/disk/driver[2] added"},
		"SecondOfTwo":      {"nobody knows which of two counts", disk("<driver cache='x'/>"), disk("<driver cache='x'/><driver cache='y'/>"), []string{cache}, "/domain/devices/disk/driver[2] added"},
		"SecondElsewhere":  {"libvirt may not look at the namespace", disk("<x:driver xmlns:x='urn:x'/>"), disk("<driver cache='x'/><x:driver xmlns:x='urn:x'/>"), []string{cache}, "/domain/devices/disk/driver[1] added"},
		"BlankMixed":       {"white space does not count beside elements", "<a>x<b/></a>", "<a>x<b/>\n</a>", nil, ""},
		"BlankFilled":      {"white space does not count beside what is left out", "<a>\n\t</a>", "<a>\n\t<b x='1'/></a>", []string{"/domain/a/b"}, ""},
		"BlankLeft":        {"white space does not count beside what is gone", "<a>\n<!-- c -->\n<b><c x='1'/></b></a>", "<a>\n<!-- c -->\n</a>", []string{"/domain/a/b/c"}, ""},
		"BlankWithText":    {"nor does it beside a text that is left out", "<a>1<!-- c --> </a>", "<a> <!-- c --> </a>", []string{"/domain/a/text()[1]"}, ""},
		"BlankCarrier":     {"white space makes an element no fuller", disk(""), disk("<driver cache='x'>\n</driver>"), []string{cache}, ""},
		"BlankElement":     {"an element that holds white space is as one that is empty", disk(""), disk("<readonly>\n</readonly>"), []string{cache}, "/domain/devices/disk/readonly added"},
		"Carriers":         {"all the way up", "<a/>", "<a/><os><smbios mode='x'/></os>", []string{"/domain/os/smbios/@mode"}, ""},
		"CarriersOfMore":   {"but nothing more", "<a/>", "<a/><os><smbios mode='x'/><b/></os>", []string{"/domain/os/smbios/@mode"}, "/domain/os added"},
		"Device":           {"a device is something even when it is empty", "<devices/>", "<devices><disk><model/></disk></devices>", []string{model}, "/domain/devices/disk added"},
		"DeviceRemoved":    {"a device is something even when it is empty", "<devices><disk><model/></disk></devices>", "<devices/>", []string{model}, "/domain/devices/disk removed"},
		"AllowedDevice":    {"an allowed device may come", "<devices/>", "<devices><disk/></devices>", []string{"/domain/devices/disk"}, ""},
		"SecondDevices":    {"libvirt reads all of them", "<devices><a/></devices>", "<devices><a/></devices><devices><disk/></devices>", []string{"/domain/devices/disk"}, "/domain/devices[2] added"},
		"StrangeAttribute": {"libvirt does not look at the namespace", "<a/>", "<a/><b x:type='u' type='v' xmlns:x='urn:x'/>", []string{"/domain/b[@type='v']"}, "/domain/b added"},
		"StrangeInside":    {"libvirt does not look at the namespace", "<a/>", "<a/><b><x:c xmlns:x='urn:x'/></b>", []string{"/domain/b[not(c)]"}, "/domain/b added"},
		"StrangeChild":     {"libvirt does not look at the namespace", "<a/>", "<a/><b><c x:type='u' type='v' xmlns:x='urn:x'/></b>", []string{"/domain/b[c/@type='v']"}, "/domain/b added"},
		"StrangeGrand":     {"libvirt does not look at the namespace", "<a/>", "<a/><b><c><d x:type='u' type='v' xmlns:x='urn:x'/></c></b>", []string{"/domain/b"}, "/domain/b added"},
		"Metadata":         {"what metadata holds is of other namespaces by design", metadata("1", ""), metadata("2", "<x:m xmlns:x='urn:x'><m x:y='1'/></x:m>"), []string{"/domain/metadata"}, ""},
		"MetadataInside":   {"what metadata holds is of other namespaces by design", metadata("1", "<x:m xmlns:x='urn:x'><m y='1'/></x:m>"), metadata("1", "<x:m xmlns:x='urn:x'><m x:y='2'/></x:m>"), []string{"/domain/metadata/*[local-name()='m']"}, ""},
		"MetadataBeside":   {"and nothing else", metadata("1", ""), metadata("2", "") + "<a/>", []string{"/domain/metadata"}, "/domain/a added"},
		"MetadataElse":     {"only libvirt's own metadata hold what is foreign", "<a/>", "<a>" + metadata("1", "") + "</a>", []string{"/domain/a/metadata"}, "/domain/a/metadata added"},
		"MetadataStrange":  {"only libvirt's own metadata hold what is foreign", "<a/>", "<a/><x:metadata xmlns:x='urn:x'><b/></x:metadata>", []string{"/domain/*[local-name()='metadata']"}, "/domain/{urn:x}metadata added"},
		"DomainMetadata":   {"an admin may allow all, whatever the metadata", metadata("1", "") + "<a/>", metadata("2", "") + "<b/>", []string{"/domain"}, ""},
		"DomainQEMU":       {"libvirt knows its own namespace", "<a/>", "<qemu:commandline><qemu:arg value='x'/></qemu:commandline>", []string{"/domain"}, ""},
		"DomainStrange":    {"but no other", "<a/>", "<a/><x:b xmlns:x='urn:x'/>", []string{"/domain"}, "/domain added"},
		"QEMUStrange":      {"nor others in it", "<a/>", "<a/><qemu:commandline><qemu:arg x:value='x' xmlns:x='urn:x'/></qemu:commandline>", []string{"/domain"}, "/domain added"},
		"QEMUElsewhere":    {"nor it in other places", "<a/>", "<a/><b><qemu:log/></b>", []string{"/domain/b[not(log)]"}, "/domain/b added"},
		"StrangeItself":    {"a path that names the namespace means it", "<qemu:commandline/>", "<qemu:commandline><qemu:arg value='x'/></qemu:commandline>", []string{"/domain/qemu:commandline"}, ""},
		"StrangeUnchanged": {"what stays is no difference", "<b x:type='u' xmlns:x='urn:x'/>", "<b x:type='u' xmlns:x='urn:x'/>", []string{"/domain/b"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := remains(t, wrap(tc.before), tc.allow), remains(t, wrap(tc.after), tc.allow)
			got := ""
			if d := before.difference(after); d != nil {
				got = d.place + " " + d.change
			}
			if got != tc.want {
				t.Errorf("difference %q, want %q: %s", got, tc.want, tc.reason)
			}
			if back := after.difference(before); (back == nil) != (tc.want == "") {
				t.Errorf("the other way round: %v, want a difference: %t", back, tc.want != "")
			}
		})
	}
}

// metadata are those of a KubeVirt domain, and more.
func metadata(uid, more string) string {
	return "<metadata><kubevirt xmlns='" + document.KubeVirtNamespace + "'><uid>" + uid + "</uid></kubevirt>" + more + "</metadata>"
}

func deep(text string) string {
	return strings.Repeat("<a>", 60) + text + strings.Repeat("</a>", 60)
}

func wrap(inner string) []byte {
	return []byte("<domain xmlns:qemu='" + document.QEMUNamespace + "'>" + inner + "</domain>")
}

func remains(t *testing.T, text []byte, allow []string) *remnant {
	t.Helper()
	doc, err := document.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	left := leftOut{}
	for _, a := range allow {
		path, err := selector.Compile(a)
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := path.Select(doc, &selector.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			left[n] = true
		}
	}
	return left.rest(doc)
}

// A rule looks at the time when it is done, so a call seldom runs out of it in a policy.
func TestPolicyDeadline(t *testing.T) {
	doc, err := document.Parse(wrap("<clock/>"))
	if err != nil {
		t.Fatal(err)
	}
	policies, err := compilePolicies(&bundle.Bundle{Policies: []bundle.Policy{{Name: "a", Allow: []string{"/domain/clock"}}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	call := &domainCall{input: input{ctx: ctx}, doc: doc, policies: &policies}
	if left, err := policies.selects(call); err != nil || len(left) != 1 {
		t.Fatalf("in time: %v, %d nodes", err, len(left))
	}
	cancel(errDuration)
	if _, err := call.governed(); !errors.Is(err, errDuration) {
		t.Errorf("out of time: %v", err)
	}
}

// FuzzDifference compares with a judge of its own: where nothing is allowed, two documents
// are the same exactly when document.Equal says so, of elements that hold nothing but white
// space as of empty ones. Allowing more never finds more.
func FuzzDifference(f *testing.F) {
	f.Add([]byte("<domain><a b='1'/> <c>x</c></domain>"), []byte("<domain><a b='2'/><!----><c>x</c></domain>"))
	f.Add([]byte("<domain><a> <!-- --> </a></domain>"), []byte("<domain><a/></domain>"))
	f.Add(wrap("<qemu:commandline/>"), wrap("<devices><disk/></devices>"))
	for _, name := range []string{"devices", "plain", "windows"} {
		text, err := os.ReadFile(filepath.Join("testdata/domains", name+".xml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		before, err := document.Parse(x)
		if err != nil {
			return
		}
		after, err := document.Parse(y)
		if err != nil {
			return
		}
		d := leftOut{}.rest(before).difference(leftOut{}.rest(after))
		allowed := everyAttribute(before).rest(before).difference(everyAttribute(after).rest(after))
		emptyBlank(before.Element())
		emptyBlank(after.Element())
		equal := document.Equal(before.Element(), after.Element(), func(*xmlquery.Node) bool { return false })
		if (d == nil) != equal {
			t.Errorf("difference %+v, but equal: %t\n%s\n%s", d, equal, x, y)
		}
		if d != nil && d.place == "" {
			t.Errorf("a difference without a place\n%s\n%s", x, y)
		}
		if equal && allowed != nil {
			t.Errorf("equal, but with all attributes allowed there is %+v\n%s\n%s", allowed, x, y)
		}
	})
}

// emptyBlank empties the elements that hold nothing but white space and comments.
func emptyBlank(n *xmlquery.Node) {
	elements := document.Elements(n)
	if len(elements) == 0 && isBlank(document.Text(n)) {
		n.FirstChild, n.LastChild = nil, nil
	}
	for _, c := range elements {
		emptyBlank(c)
	}
}

// everyAttribute leaves out all attributes of a document.
func everyAttribute(doc *document.Document) leftOut {
	out := leftOut{}
	var walk func(*xmlquery.Node)
	walk = func(n *xmlquery.Node) {
		for i := range n.Attr {
			out[selector.Node{Node: n, Attr: i}] = true
		}
		for _, c := range document.Elements(n) {
			walk(c)
		}
	}
	walk(doc.Element())
	return out
}
