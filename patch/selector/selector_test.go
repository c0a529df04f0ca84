// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch/document"
)

const sample = `
<domain xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
<devices>
<disk type="file" device="disk"><target dev="vda" bus="virtio"/><driver name="qemu"/><alias name="ua-root"/></disk>
<disk type="block" device="disk"><target dev="vdb" bus="virtio"/></disk>
<disk type="file" device="cdrom"><target dev="sda" bus="sata"/><serial>A<![CDATA[B]]>C</serial></disk>
</devices>
<metadata><kubevirt xmlns="http://kubevirt.io"><uid>1</uid><disk/></kubevirt></metadata>
<?disk pi?>
<qemu:commandline><qemu:arg value="-a"/><qemu:arg value="-b"/></qemu:commandline>
</domain>`

// show names the nodes a path selects.
func show(nodes []Node) []string {
	var all []string
	for _, n := range nodes {
		name := n.Node.Data
		if n.IsAttribute() {
			name = "@" + n.Node.Attr[n.Attr].Name.Local
		}
		if text := n.Text(); text != "" {
			name += "=" + text
		}
		all = append(all, strings.TrimSpace(name))
	}
	return all
}

func TestSelect(t *testing.T) {
	d, err := document.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		path string
		want []string
	}{
		"child":                     {"/domain/devices/disk/@device", []string{"@device=disk", "@device=disk", "@device=cdrom"}},
		"descendant":                {"//target/@dev", []string{"@dev=vda", "@dev=vdb", "@dev=sda"}},
		"by attribute":              {"//disk[@device='cdrom']/target/@dev", []string{"@dev=sda"}},
		"by descendant's value":     {"//disk[target/@dev='vdb']/@type", []string{"@type=block"}},
		"by text across CDATA":      {"//disk[serial='ABC']/@device", []string{"@device=cdrom"}},
		"and":                       {"//disk[@type='file' and @device='disk']/target/@dev", []string{"@dev=vda"}},
		"or":                        {"//disk[@type='block' or @device='cdrom']/target/@dev", []string{"@dev=vdb", "@dev=sda"}},
		"and binds tighter":         {"//disk[@type='block' or @type='file' and @device='cdrom']/target/@dev", []string{"@dev=vdb", "@dev=sda"}},
		"parentheses":               {"//disk[(@type='block' or @type='file') and @device='cdrom']/target/@dev", []string{"@dev=sda"}},
		"not":                       {"//disk[not(driver)]/target/@dev", []string{"@dev=vdb", "@dev=sda"}},
		"not equal":                 {"//disk[@device!='disk']/target/@dev", []string{"@dev=sda"}},
		"contains":                  {"//disk[contains(alias/@name,'root')]/target/@dev", []string{"@dev=vda"}},
		"starts-with":               {"//target[starts-with(@dev,'vd')]/@dev", []string{"@dev=vda", "@dev=vdb"}},
		"existence":                 {"//disk[alias]/target/@dev", []string{"@dev=vda"}},
		"own text":                  {"//serial[.='ABC']", []string{"serial=ABC"}},
		"position":                  {"/domain/devices/disk[2]/target/@dev", []string{"@dev=vdb"}},
		"position, then value":      {"/domain/devices/disk[3][@device='cdrom']/target/@dev", []string{"@dev=sda"}},
		"several predicates":        {"//disk[@type='file'][@device='cdrom']/target/@dev", []string{"@dev=sda"}},
		"parent without duplicates": {"//disk/../disk[@type='block']/..", []string{"devices=\n\n\nABC"}},
		"parent in a predicate":     {"//target[../@device='cdrom']/@dev", []string{"@dev=sda"}},
		"any element":               {"/domain/devices/disk[1]/*/@name", []string{"@name=qemu", "@name=ua-root"}},
		"any attribute":             {"/domain/devices/disk[1]/target/@*", []string{"@dev=vda", "@bus=virtio"}},
		"declarations are none":     {"/domain/@*", nil},
		"text":                      {"//serial/text()", []string{"ABC=ABC"}},
		"qemu":                      {"/domain/qemu:commandline/qemu:arg/@value", []string{"@value=-a", "@value=-b"}},
		"no prefix, no namespace":   {"//uid", nil},
		"kubevirt":                  {"//kubevirt:uid", []string{"uid=1"}},
		"default namespace":         {"/domain/metadata/disk", nil},
		"a name like an operator":   {"/domain/and", nil},
		"either quote":              {`//target[@dev="vda"]/@dev`, []string{"@dev=vda"}},
		"quote in the other":        {`//target[@dev="v'da"]/@dev`, nil},
		"blanks":                    {" // target [ @dev = 'vda' ] / @dev ", []string{"@dev=vda"}},
		"text beside the root":      {"//devices/../../text()", nil},
		"instructions are none":     {"/domain/*", []string{"devices=\n\n\nABC", "metadata=1", "commandline"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			nodes, err := p.Select(d, &Budget{})
			if err != nil {
				t.Fatal(err)
			}
			got := show(nodes)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.path, diff)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"":                                      "a path starts with / or //",
		"/":                                     "a name is expected",
		"disk":                                  "a path starts with / or //",
		"//disk]":                               `unexpected "]"`,
		"//disk foo":                            `unexpected "foo"`,
		"//disk[":                               "unexpected end",
		"//disk[@a='x]":                         "quote at byte",
		"//disk | //cdrom":                      "unions",
		"//disk[@a='1'][1]":                     "position behind another predicate",
		"//disk[1]":                             "position behind //",
		"/a[0]":                                 "whole number from 1",
		"/a[1.5]":                               "whole number from 1",
		"/a[@x=1]":                              "comparing with a number",
		"/a[@x>'1']":                            "> is not supported",
		"/a[last()]":                            "last() is not supported",
		"/a[position()=1]":                      "position() is not supported",
		"/a[contains(@a,@b)]":                   "a quoted string is expected",
		"/a[substring(@a,'2')]":                 "substring() is not supported",
		"/a[contains(@b,'')]":                   "true of everything",
		"/a[//b]":                               "absolute path in a predicate",
		"/a[.//b]":                              "./ and .//",
		"/a[b//c]":                              "// in a predicate",
		"/a[.]":                                 "a comparison is expected",
		"/a/.":                                  "does nothing",
		"/..":                                   "no parent",
		"//a//..":                               "//..",
		"/a/@b/c":                               "nothing can follow",
		"/a/@b[.='1']":                          "predicates on attributes",
		"/a/text()/b":                           "nothing can follow",
		"/a/node()":                             "node() is not supported as a step",
		"/a/ancestor::b":                        "the axis ancestor::",
		"/x:a":                                  "prefix x is not bound",
		"/qemu:*":                               "qemu:* is not supported",
		"/a[$x='1']":                            `unexpected "$"`,
		"/a[count(b)=1]":                        "count() is not supported",
		"/\u00e4":                               `unexpected 'ä'`,
		"/a['v'=@x]":                            "a name is expected",
		"/a" + strings.Repeat("[b", 20):         "nest deeper than 16",
		"/" + strings.Repeat("a", MaxPathBytes): "over the limit of 1024",
	} {
		if _, err := Compile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile(%.60q) = %v, want an error with %q", path, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	many := "<a>" + strings.Repeat("<b><c/></b>", 5000) + "</a>"
	d, err := document.Parse([]byte(many))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"//b":                                  ErrMatches,
		"/a/b[../b[../b[../b='x']='x']='x']/c": ErrBudget,
	} {
		p, err := Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Select(d, &Budget{}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
}

// TestGuard shows that a panic below the library ends as an error.
func TestGuard(t *testing.T) {
	evaluate := func() (err error) {
		defer guard(&err)
		panic(fmt.Sprintf("index %d", 7))
	}
	if err := evaluate(); !errors.Is(err, errPanic) || !strings.Contains(err.Error(), "index 7") {
		t.Errorf("got %v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"//disk[target/@dev='vda']/@type", "/domain/devices/disk[2]/*", "//a[not(b) and (c or d!='x')]/..", "/qemu:commandline/text()", "//a[contains(.,'x')]"} {
		f.Add(seed)
	}
	d, err := document.Parse([]byte(sample))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := Compile(path)
		if err != nil {
			return
		}
		if _, err := p.Select(d, &Budget{}); errors.Is(err, errPanic) {
			t.Errorf("%q was accepted and panics: %v", path, err)
		}
	})
}
