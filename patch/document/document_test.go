// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/antchfx/xmlquery"
	"github.com/google/go-cmp/cmp"
)

// find gives the first element with a name, in document order.
func find(t *testing.T, n *xmlquery.Node, name string) *xmlquery.Node {
	t.Helper()
	var walk func(*xmlquery.Node) *xmlquery.Node
	walk = func(n *xmlquery.Node) *xmlquery.Node {
		if n.Type == xmlquery.ElementNode && n.Data == name {
			return n
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if found := walk(c); found != nil {
				return found
			}
		}
		return nil
	}
	found := walk(n)
	if found == nil {
		t.Fatalf("no element <%s>", name)
	}
	return found
}

func parse(t *testing.T, src string) *Document {
	t.Helper()
	d, err := Parse([]byte(src))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return d
}

// TestUntouchedBytesStay forces the writer through every node: an attribute is added to
// every element and removed again, and the bytes must be the input's.
func TestUntouchedBytesStay(t *testing.T) {
	for name, src := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			d := parse(t, src)
			if got := string(d.Bytes()); got != src {
				t.Fatalf("without edits (-want +got):\n%s", cmp.Diff(src, got))
			}
			var touchAll func(*xmlquery.Node)
			touchAll = func(n *xmlquery.Node) {
				if n.Type == xmlquery.ElementNode {
					if err := d.AddAttribute(n, "added-and-removed", "x"); err != nil {
						t.Fatal(err)
					}
					d.RemoveAttribute(n, len(n.Attr)-1)
				}
				for c := n.FirstChild; c != nil; c = c.NextSibling {
					touchAll(c)
				}
			}
			touchAll(d.Root())
			if !d.Touched() {
				t.Fatal("the document does not know that it was touched")
			}
			want := strings.NewReplacer(" >", ">", "\t>", ">", " />", "/>").Replace(src) // blanks before the end of a start tag go with the tag
			if got := string(d.Bytes()); got != want {
				t.Errorf("with every node touched (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// corpus is KubeVirt's domains and documents with what they lack.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{
		"everything":        "\ufeff<?xml version=\"1.0\" encoding='utf-8'?>\r\n<!-- before -->\r\n<?pi x?><domain a = 'x&#xA;y' b=\"'\" xmlns:q='urn:q' q:c=''>\r\n  t<![CDATA[<raw> & ]]>&amp;<!-- in --><?p?><q:e/><e></e><f\tg=\"&lt;\"/>\r\n</domain>\n<!-- after -->\n",
		"default namespace": "<domain><m xmlns='urn:m'><x/><y xmlns=''/></m></domain>",
		"CRLF and tabs":     "<domain>\r\n\t<os>\r\n\t\t<type arch='x86_64'>hvm</type>\r\n\t</os>\r\n\t<!-- c -->\r\n\t<devices>\r\n\t</devices>\r\n</domain>\r\n",
		"one line":          "<domain type='kvm'><os><type>hvm</type><smbios mode=\"host\"/></os><devices><disk/><disk></disk></devices></domain>",
		"mixed":             "<p>one <b>two</b> three <i/>four<!-- c -->\n five\n</p>",
	}
	files, err := filepath.Glob("../testdata/domains/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no domains in ../testdata/domains: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(b)
	}
	return all
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("<a>", MaxDepth+1) + strings.Repeat("</a>", MaxDepth+1)
	attrs := "<a"
	for i := range MaxAttributes + 1 {
		attrs += " a" + strings.Repeat("x", i) + "='1'"
	}
	cases := map[string]struct{ src, want string }{
		"empty":                  {"", "no root element"},
		"doctype":                {"<!DOCTYPE d><d/>", "DOCTYPE"},
		"two roots":              {"<a/><b/>", "a second root element"},
		"trailing text":          {"<a/>x", "text outside the root element"},
		"leading text":           {"x<a/>", "text outside the root element"},
		"cdata outside":          {"<a/><![CDATA[ ]]>", "text outside the root element"},
		"unclosed":               {"<a><b></b>", `element "a" is not closed`},
		"wrong end":              {"<a></b>", `end tag of "b" closes no open element`},
		"attribute twice":        {"<a x='1' x='2'/>", `attribute "x" stands twice in the element "a"`},
		"attribute twice, by ns": {"<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "stands twice"},
		"unbound element":        {"<q:a/>", `prefix of the element "q:a" is not declared`},
		"unbound attribute":      {"<a q:b=''/>", `prefix of the attribute "q:b" is not declared`},
		"prefix out of scope":    {"<a><b xmlns:q='u'/><q:c/></a>", "not declared"},
		"entity":                 {"<a>&foo;</a>", `"&foo;" is not defined`},
		"char reference zero":    {"<a>&#0;</a>", `"&#0;" is not defined`},
		"char reference huge":    {"<a>&#x110000;</a>", "is not defined"},
		"char reference no hex":  {"<a>&#x2>;</a>", "is not defined"},
		"char reference signed":  {"<a>&#+65;</a>", "is not defined"},
		"raw ampersand":          {"<a>a & b</a>", "raw &"},
		"raw less-than":          {"<a b='<'/>", "raw <"},
		"control character":      {"<a>\x01</a>", "XML cannot hold"},
		"not utf-8":              {"<a>\xff</a>", "not UTF-8"},
		"encoding":               {"<?xml version='1.0' encoding='latin1'?><a/>", `encoding "latin1" instead of UTF-8`},
		"version":                {"<?xml version='1.1'?><a/>", `version "1.1"`},
		"late declaration":       {"<a><?xml version='1.0'?></a>", "XML declaration"},
		"comment with --":        {"<a><!-- a -- b --></a>", "-- inside a comment"},
		"]]> in text":            {"<a>]]></a>", "]]>"},
		"no quotes":              {"<a b=c/>", "must be quoted"},
		"no space":               {"<a b='1'c='2'/>", "white space"},
		"no name":                {"<1/>", "name of the element"},
		"two colons":             {"<a:b:c/>", "second colon"},
		"empty prefix":           {"<a xmlns:p=''/>", "empty namespace"},
		"xmlns":                  {"<a xmlns:xmlns='u'/>", "cannot be declared"},
		"depth":                  {deep, "deeper than 64"},
		"attributes":             {attrs + "/>", "more than 256 attributes"},
		"nodes":                  {"<a>" + strings.Repeat("<b/>", MaxNodes) + "</a>", "more than 20000 nodes"},
		"size":                   {"<a>" + strings.Repeat("x", MaxBytes) + "</a>", "over the limit of 524288"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tc.src))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parse(%.60q) = %v, want an error with %q", tc.src, err, tc.want)
			}
		})
	}
}

func TestParsePosition(t *testing.T) {
	_, err := Parse([]byte("<a>\n  <b x='1' x='2'/>\n</a>"))
	if want := `line 2, column 3: the attribute "x" stands twice in the element "b"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEdits(t *testing.T) {
	cases := map[string]struct {
		reason    string
		src, want string
		edit      func(*testing.T, *Document) error
	}{
		"attribute keeps its quotes": {
			reason: "only the value is spliced", src: "<d a = 'x' b='y'/>", want: "<d a = '&lt;&apos;&amp;&#xA;' b='y'/>",
			edit: func(_ *testing.T, d *Document) error { _, err := d.SetAttribute(d.Element(), 0, "<'&\n"); return err },
		},
		"new attribute": {
			reason: "goes behind the others", src: "<d a='x'></d>", want: `<d a='x' b="&quot;"></d>`,
			edit: func(_ *testing.T, d *Document) error { return d.AddAttribute(d.Element(), "b", `"`) },
		},
		"text": {
			reason: "is escaped", src: "<d><e></e><f/></d>", want: "<d><e>a&amp;b</e><f>&lt;</f></d>",
			edit: func(t *testing.T, d *Document) error {
				if _, err := d.SetText(find(t, d.Root(), "e"), "a&b"); err != nil {
					return err
				}
				_, err := d.SetText(find(t, d.Root(), "f"), "<")
				return err
			},
		},
		"text keeps comments": {
			reason: "only the text is replaced", src: "<d>a<!-- c -->b</d>", want: "<d>x<!-- c --></d>",
			edit: func(_ *testing.T, d *Document) error { _, err := d.SetText(d.Element(), "x"); return err },
		},
		"same text": {
			reason: "CDATA with the wanted text stays", src: "<d><![CDATA[x]]></d>", want: "<d><![CDATA[x]]></d>",
			edit: func(_ *testing.T, d *Document) error { _, err := d.SetText(d.Element(), "x"); return err },
		},
		"remove takes its line": {
			reason: "the indentation before it goes, too", src: "<d>\n\t<a/>\n\t<b/>\n\t<c/>\n</d>", want: "<d>\n\t<a/>\n\t<c/>\n</d>",
			edit: func(t *testing.T, d *Document) error { return d.Remove(find(t, d.Root(), "b")) },
		},
		"remove the first": {src: "<d>\r\n\t<a/>\r\n\t<b/>\r\n</d>", want: "<d>\r\n\t<b/>\r\n</d>", edit: func(t *testing.T, d *Document) error { return d.Remove(find(t, d.Root(), "a")) }},
		"remove the last":  {src: "<d>\n\t<a/>\n\t<b/>\n</d>", want: "<d>\n\t<a/>\n</d>", edit: func(t *testing.T, d *Document) error { return d.Remove(find(t, d.Root(), "b")) }},
		"remove the only child": {
			reason: "no blank line is left", src: "<d>\r\n  <a/>\r\n</d>", want: "<d></d>",
			edit: func(t *testing.T, d *Document) error { return d.Remove(find(t, d.Root(), "a")) },
		},
		"remove in mixed content": {
			reason: "text stays", src: "<d>one <a/> two</d>", want: "<d>one  two</d>",
			edit: func(t *testing.T, d *Document) error { return d.Remove(find(t, d.Root(), "a")) },
		},
		"insert last": {
			reason: "indented like its siblings, with their line ends", src: "<d>\r\n  <a/>\r\n</d>", want: "<d>\r\n  <a/>\r\n  <n>\r\n    <m/>\r\n  </n>\r\n</d>",
			edit: insert("<n><m/></n>", "d", LastIn),
		},
		"insert first": {
			reason: "before the first child", src: "<d>\n\t<a/>\n</d>", want: "<d>\n\t<n/>\n\t<a/>\n</d>",
			edit: insert("<n/>", "d", FirstIn),
		},
		"insert before": {src: "<d>\n\t<a/>\n\t<b/>\n</d>", want: "<d>\n\t<a/>\n\t<n/>\n\t<b/>\n</d>", edit: insert("<n/>", "b", Before)},
		"insert after":  {src: "<d>\n\t<a/>\n\t<b/>\n</d>", want: "<d>\n\t<a/>\n\t<n/>\n\t<b/>\n</d>", edit: insert("<n/>", "a", After)},
		"insert into an empty element": {
			reason: "one level deeper than it", src: "<d>\n\t<a></a>\n</d>", want: "<d>\n\t<a>\n\t\t<n/>\n\t</a>\n</d>",
			edit: insert("<n/>", "a", LastIn),
		},
		"insert into an empty tag": {
			reason: "the tag is opened", src: "<d>\n  <a x='1' />\n</d>", want: "<d>\n  <a x='1'>\n    <n/>\n  </a>\n</d>",
			edit: insert("<n/>", "a", LastIn),
		},
		"insert into an empty element, CRLF and tabs": {
			reason: "with the line ends around it", src: "<d>\r\n\t<a></a>\r\n</d>", want: "<d>\r\n\t<a>\r\n\t\t<n>\r\n\t\t\t<m/>\r\n\t\t</n>\r\n\t</a>\r\n</d>",
			edit: insert("<n><m/></n>", "a", LastIn),
		},
		"insert into a blank element": {
			reason: "its blanks make room", src: "<d>\n  <a>\n\n  </a>\n</d>", want: "<d>\n  <a>\n    <n/>\n  </a>\n</d>",
			edit: insert("<n/>", "a", FirstIn),
		},
		"insert into the empty root":      {src: "<d/>", want: "<d><n/></d>", edit: insert("<n/>", "d", LastIn)},
		"insert first, one line":          {src: "<d><a/></d>", want: "<d><n/><a/></d>", edit: insert("<n/>", "d", FirstIn)},
		"insert before, one line":         {src: "<d><a/><b/></d>", want: "<d><a/><n/><b/></d>", edit: insert("<n/>", "b", Before)},
		"insert after, one line":          {src: "<d><a/><b/></d>", want: "<d><a/><n/><b/></d>", edit: insert("<n/>", "a", After)},
		"insert first, before a comment":  {src: "<d>\n <!-- c -->\n <a/>\n</d>", want: "<d>\n <n/>\n <!-- c -->\n <a/>\n</d>", edit: insert("<n/>", "d", FirstIn)},
		"insert last in mixed content":    {src: "<d>\n one <a/> two\n</d>", want: "<d>\n one <a/> two\n<n/></d>", edit: insert("<n/>", "d", LastIn)},
		"insert where there are no lines": {src: "<d><a/></d>", want: "<d><a/><n><m/></n></d>", edit: insert("<n><m/></n>", "d", LastIn)},
		"qemu without a declaration": {
			reason: "the prefix is declared on the spot", src: "<d><a/></d>",
			want: "<d><a/><qemu:n xmlns:qemu=\"" + QEMUNamespace + "\"><qemu:m/></qemu:n></d>",
			edit: insert("<qemu:n><qemu:m/></qemu:n>", "d", LastIn),
		},
		"qemu with a declaration": {
			src:  "<d xmlns:qemu='" + QEMUNamespace + "'><a/></d>",
			want: "<d xmlns:qemu='" + QEMUNamespace + "'><a/><qemu:n/></d>", edit: insert("<qemu:n/>", "d", LastIn),
		},
		"text in a fragment stays": {
			reason: "blanks around text have a meaning", src: "<d>\n\t<a/>\n</d>", want: "<d>\n\t<a/>\n\t<n> x\n y <m/> </n>\n</d>",
			edit: insert("<n> x\n y <m/> </n>", "d", LastIn),
		},
		"replace carries over": {
			reason: "alias and address are the device's own", src: "<d>\n\t<a x='1'>\n\t\t<alias name='k'/>\n\t</a>\n</d>",
			want: "<d>\n\t<a x='2'>\n\t\t<t/>\n\t\t<alias name='k'/>\n\t</a>\n</d>",
			edit: func(t *testing.T, d *Document) error {
				f, err := ParseFragment("<a x='2'><t/></a>")
				if err != nil {
					return err
				}
				_, err = d.Replace(find(t, d.Root(), "a"), f, f.Elements()[0], func(c *xmlquery.Node) bool { return c.Data == "alias" })
				return err
			},
		},
		"hidden elements stay": {
			reason: "their bytes are not the patch's business", src: "<d><a b = '1' /><c/></d>", want: "<d><a b = '1' /></d>",
			edit: func(t *testing.T, d *Document) error {
				d.Hide(find(t, d.Root(), "a"))
				return d.Remove(find(t, d.Root(), "c"))
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := parse(t, tc.src)
			if err := tc.edit(t, d); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(d.Bytes())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			parse(t, string(d.Bytes()))
		})
	}
}

func insert(fragment, ref string, place Place) func(*testing.T, *Document) error {
	return func(t *testing.T, d *Document) error {
		f, err := ParseFragment(fragment)
		if err != nil {
			return err
		}
		_, err = d.Insert(f, f.Elements()[0], find(t, d.Root(), ref), place)
		return err
	}
}

func TestEditsRefused(t *testing.T) {
	cases := map[string]struct {
		src, want string
		edit      func(*testing.T, *Document) error
	}{
		"control character":         {"<d/>", "XML cannot hold", func(_ *testing.T, d *Document) error { _, err := d.SetText(d.Element(), "\x00"); return err }},
		"element content":           {"<d><e/></d>", "element children", func(_ *testing.T, d *Document) error { _, err := d.SetText(d.Element(), "x"); return err }},
		"remove the root":           {"<d/>", "root element", func(_ *testing.T, d *Document) error { return d.Remove(d.Element()) }},
		"beside the root":           {"<d/>", "beside the root", insert("<e/>", "d", After)},
		"default namespace":         {"<d><m xmlns='u'/></d>", "default namespace", insert("<e/>", "m", LastIn)},
		"growth in a blank element": {"<d>\n\t<b>\n\t</b>\n</d>", "add more than 262144 bytes", insert("<e>"+strings.Repeat("x", MaxGrowth-8)+"</e>", "b", LastIn)},
		"growth": {"<d/>", "add more than 262144 bytes", func(_ *testing.T, d *Document) error {
			_, err := d.SetText(d.Element(), strings.Repeat("x", MaxGrowth+1))
			return err
		}},
		"depth": {strings.Repeat("<d>", MaxDepth) + strings.Repeat("</d>", MaxDepth), "deeper than 64", func(t *testing.T, d *Document) error {
			n := d.Element()
			for n.FirstChild != nil {
				n = n.FirstChild
			}
			f, err := ParseFragment("<e/>")
			if err != nil {
				return err
			}
			_, err = d.Insert(f, f.Elements()[0], n, LastIn)
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := parse(t, tc.src)
			if err := d.AddAttribute(d.Element(), "x", ""); err != nil { // so that the root is written anew
				t.Fatal(err)
			}
			before := string(d.Bytes())
			err := tc.edit(t, d)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if diff := cmp.Diff(before, string(d.Bytes())); diff != "" {
				t.Errorf("the refused edit changed the document (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseFragmentRefuses(t *testing.T) {
	for src, want := range map[string]string{
		"":                "no element",
		"text":            "text outside",
		"<?c?><a/>":       "only elements",
		"<a>":             "not closed",
		"<x:a/>":          "not declared",
		"<!DOCTYPE a><a>": "DOCTYPE",
	} {
		if _, err := ParseFragment(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFragment(%q) = %v, want an error with %q", src, err, want)
		}
	}
}

// TestParseAllocates counts memory in place of time: most of a parse is to allocate it. It may
// be a quarter more than nodes, attributes and the copy of the source take.
func TestParseAllocates(t *testing.T) {
	src := []byte(corpus(t)["devices.xml"])
	least := len(src)
	nodes := allNodes(parse(t, string(src)).Root())
	for _, n := range nodes {
		least += int(unsafe.Sizeof(*n)) + len(n.Attr)*int(unsafe.Sizeof(xmlquery.Attr{}))
	}
	const times = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		if _, err := Parse(src); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := int(after.TotalAlloc-before.TotalAlloc) / times; got > least*5/4 {
		t.Errorf("a parse of %d bytes allocates %d bytes; its tree has %d", len(src), got, least)
	}
	if got := int(after.Mallocs-before.Mallocs) / times; got > len(nodes)/8 {
		t.Errorf("a parse of %d nodes allocates %d times", len(nodes), got)
	}
}

func allNodes(n *xmlquery.Node) []*xmlquery.Node {
	all := []*xmlquery.Node{n}
	for c := range children(n) {
		all = append(all, allNodes(c)...)
	}
	return all
}
