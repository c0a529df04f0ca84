// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"context"
	"errors"
	"math"
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
		"value, then position":      {"/domain/devices/disk[@type='file'][2]/target/@dev", []string{"@dev=sda"}},
		"position per parent":       {"//target[1]/@dev", []string{"@dev=vda", "@dev=vdb", "@dev=sda"}},
		"position out of order":     {"//*[2]", []string{"driver", "disk", "serial=ABC", "metadata=1", "disk", "arg"}},
		"last":                      {"/domain/devices/disk[last()]/target/@dev", []string{"@dev=sda"}},
		"last but one":              {"/domain/devices/disk[last()-1]/target/@dev", []string{"@dev=vdb"}},
		"comparing positions":       {"/domain/devices/disk[position()>1 and position()!=last()]/target/@dev", []string{"@dev=vdb"}},
		"computed position":         {"/domain/devices/disk[1 + 1]/target/@dev", []string{"@dev=vdb"}},
		"negative number":           {"/domain/devices/disk[position() > -1][3]/target/@dev", []string{"@dev=sda"}},
		"following siblings":        {"//disk[target/@dev='vda']/following-sibling::disk/target/@dev", []string{"@dev=vdb", "@dev=sda"}},
		"nearest following":         {"//disk[1]/following-sibling::disk[1]/target/@dev", []string{"@dev=vdb"}},
		"nearest preceding":         {"//disk[3]/preceding-sibling::disk[1]/target/@dev", []string{"@dev=vdb"}},
		"preceding in order":        {"//disk[3]/preceding-sibling::disk/target/@dev", []string{"@dev=vda", "@dev=vdb"}},
		"siblings of several":       {"//disk/preceding-sibling::*/target/@dev", []string{"@dev=vda", "@dev=vdb"}},
		"siblings of attributes":    {"//@dev/following-sibling::*", nil},
		"text beside":               {"/domain/devices/disk[1]/following-sibling::text()[1]", []string{"="}},
		"long names":                {"/child::domain/child::devices/disk/self::disk[1]/target/attribute::dev/parent::target/@bus", []string{"@bus=virtio", "@bus=virtio", "@bus=sata"}},
		"attribute and up":          {"//@dev/../../@type", []string{"@type=file", "@type=block", "@type=file"}},
		"self":                      {"/domain/./devices/disk[./target/@dev='vdb']/@type/.", []string{"@type=block"}},
		"descendants in predicates": {"//disk[.//@dev='vdb']/@type", []string{"@type=block"}},
		"absolute in predicates":    {"//disk[/domain/devices/disk[2]/@type='block']/@type", []string{"@type=file", "@type=block", "@type=file"}},
		"descendant of descendant":  {"//devices//target/@dev", []string{"@dev=vda", "@dev=vdb", "@dev=sda"}},
		"nested in nested":          {"//*//uid", nil},
		"count":                     {"//disk[count(*)>2]/target/@dev", []string{"@dev=vda"}},
		"string-length":             {"//serial[string-length()=3]", []string{"serial=ABC"}},
		"characters, not bytes":     {"//serial[string-length('ää')=2]", []string{"serial=ABC"}},
		"normalize-space":           {"//disk[normalize-space(serial)='ABC']/target/@dev", []string{"@dev=sda"}},
		"blanks in between":         {"//serial[normalize-space(' a \t b ')='a b']", []string{"serial=ABC"}},
		"name":                      {"/domain/*[name()='qemu:commandline']/*/@value", []string{"@value=-a", "@value=-b"}},
		"local-name":                {"/domain/*[local-name()='commandline']/*[1]/@value", []string{"@value=-a"}},
		"name of a path":            {"//disk[name(*[2])='driver']/target/@dev", []string{"@dev=vda"}},
		"constants":                 {"//serial[true() and not(false())]", []string{"serial=ABC"}},
		"an empty needle":           {"//serial[contains(.,'') and starts-with(@none,'')]", []string{"serial=ABC"}},
		"literal first":             {"//disk['cdrom'=@device]/target/@dev", []string{"@dev=sda"}},
		"less, literal first":       {"/domain/devices/disk[2>position()]/target/@dev", []string{"@dev=vda"}},
		"all attributes":            {"/domain/devices/disk[1]/@*[.='disk' or name()='type']", []string{"@type=file", "@device=disk"}},
		"second attribute":          {"/domain/devices/disk[1]/@*[2]", []string{"@device=disk"}},
		"text with a predicate":     {"//serial/text()[.='ABC'][1]", []string{"ABC=ABC"}},
		"any name of a prefix":      {"//qemu:*/@value", []string{"@value=-a", "@value=-b"}},
		"other axes of a prefix":    {"//qemu:arg[1]/following-sibling::qemu:arg/@value", []string{"@value=-b"}},
		"union":                     {"//target[@dev='sda']/@bus | //disk[@type='block']/@type | //target/@bus", []string{"@bus=virtio", "@type=block", "@bus=virtio", "@bus=sata"}},
		"element before attribute":  {"//qemu:arg/@value|//qemu:arg", []string{"arg", "@value=-a", "arg", "@value=-b"}},
		"through the document":      {"/domain/../domain/metadata", []string{"metadata=1"}},
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
		"/.":                                    "at byte 0: the path selects the document itself",
		"disk":                                  `unexpected "disk" at byte 0: a path starts with / or //`,
		"(//a)":                                 "a path starts with / or //",
		"count(//a)":                            "a path starts with / or //",
		"//disk]":                               `unexpected "]" at byte 6`,
		"//disk foo":                            `unexpected "foo" at byte 7`,
		"//disk[":                               "unexpected end",
		"//disk[@a]]":                           `unexpected "]" at byte 10: the path should end here`,
		"//disk[@a b]":                          `unexpected "b" at byte 10: the predicate from byte 6 on should end here, with ]`,
		"//disk[]":                              `unexpected "]" at byte 7: a name is expected`,
		"//disk[@a='x]":                         "the quote at byte 10 is not closed",
		"//disk | ":                             "unexpected end of the path: a path starts with / or //",
		"//disk | cdrom":                        `unexpected "cdrom" at byte 9`,
		"//disk[a|b]":                           "at byte 8: a union (|) can stand at the top alone",
		"//disk[count(a|b)>1]":                  "at byte 14: a union (|)",
		"/a[0]":                                 "at byte 3: the position 0 is not a whole number from 1",
		"/a[1.5]":                               "the position 1.5 is not a whole number from 1",
		"/a[1 2]":                               `unexpected "2" at byte 5`,
		"/a[1.2.3]":                             `position 1.2 is not a whole number`,
		"/a[count(b)]":                          "at byte 3: a number alone is a position",
		"/a[position()]":                        "a number alone is a position",
		"/a[-1]":                                "a number alone is a position",
		"/a[1 and b]":                           "at byte 3: a number is no condition",
		"/a[b or 'x']":                          "at byte 8: a quoted string is no condition",
		"/a['x']":                               "a quoted string is no condition",
		"/a[not(1)]":                            "at byte 7: a number is no condition",
		"/a[(1)]":                               "at byte 4: a number is no condition",
		"/a[(b)='x']":                           "at byte 6: a condition cannot be compared",
		"/a[not(b)=true()]":                     "a condition cannot be compared",
		"/a[@b=@c]":                             "at byte 5: two paths cannot be compared",
		"/a[@b<1<2]":                            "at byte 7: comparisons cannot be chained",
		"/a[@b+1=2]":                            "+ takes numbers alone",
		"/a[1*2=2]":                             "the operator * is not supported",
		"/a[last() div 2]":                      "at byte 10: the operator div is not supported",
		"/a[last() mod 2]":                      "the operator mod is not supported",
		"/a[- last()]":                          "a number is expected behind -",
		"/a[--1=1]":                             "a number is expected behind -",
		"/a[contains(@a)]":                      `"," is expected`,
		"/a[contains(@a,1)]":                    "at byte 15: contains() takes a path or a quoted string here",
		"/a[contains(@a,'b','c')]":              `")" is expected`,
		"/a[count('x')=1]":                      "count() takes a path",
		"/a[count()=1]":                         "a name is expected",
		"/a[true(1)]":                           `")" is expected`,
		"/a[last(1)]":                           `")" is expected`,
		"/a[count(b)/c]":                        "at byte 11: nothing can be selected from a function",
		"/a[(b)/c]":                             "at byte 6: nothing can be selected from parentheses",
		"/a[substring(@a,'2')='x']":             "at byte 3: the function substring() is not supported",
		"/a[id('x')]":                           "the function id() is not supported",
		"/a[.]":                                 "a comparison is expected behind .",
		"/a[not(.)]":                            "a comparison is expected behind .",
		"/a[/]":                                 "a name is expected",
		"/..":                                   "at byte 1: the document has no parent, siblings or attributes",
		"/@a":                                   "the document has no parent, siblings or attributes",
		"//a//..":                               "at byte 5: // can stand before a child",
		"//following-sibling::a":                "// can stand before a child",
		"//.":                                   "// cannot stand before .",
		"/a/..[1]":                              "at byte 5: no predicate can stand here: write parent::*[...]",
		"/a/.[1]":                               "write self::*[...]",
		"/a/@b/c":                               "at byte 6: nothing is below an attribute or text()",
		"/a/@b//c":                              "nothing is below an attribute or text()",
		"/a/@b/@c":                              "nothing is below an attribute or text()",
		"/a/text()/b":                           "nothing is below an attribute or text()",
		"/a/node()":                             "at byte 3: node() is not supported as a step",
		"/a/comment()":                          "comment() is not supported as a step",
		"/a/processing-instruction('x')":        "processing-instruction() is not supported as a step",
		"/a/text(1)":                            `")" is expected`,
		"/a/@text()":                            "text() is no attribute",
		"/a/ancestor::b":                        "at byte 3: the axis ancestor:: is not supported",
		"/a/descendant::b":                      "the axis descendant::",
		"/a/namespace::*":                       "the axis namespace::",
		"/a/@xmlns":                             "at byte 4: xmlns is no attribute",
		"/x:a":                                  "at byte 1: the prefix x is not bound",
		"/qemu: a":                              "no blank can stand beside the colon",
		"/a[$x='1']":                            "at byte 3: variables of XPath are not supported",
		"/\u00e4":                               "unexpected 'ä' at byte 1",
		"/a!b":                                  "unexpected '!' at byte 2",
		"/a" + strings.Repeat("[b", 20):         "nest deeper than 16",
		"/a[" + strings.Repeat("(", 20):         "nest deeper than 16",
		"/a[" + strings.Repeat("not(", 20):      "nest deeper than 16",
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
		"//b":                                         ErrMatches,
		"/a/b[../b[../b[../b='x']='x']='x']/c":        ErrBudget,
		"//b/following-sibling::b[1]":                 ErrBudget,
		"//c/../c":                                    ErrMatches,
		"//b/following-sibling::b":                    ErrBudget,
		"//*[count(//*[count(//*)>0])>0]":             ErrBudget,
		"/a/b[1]|//c":                                 ErrMatches,
		"/a/b[position()<200]|/a/b[position()<200]/c": ErrMatches,
	} {
		p, err := Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := &Budget{}
		if _, err := p.Select(d, b); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
		if _, err := p.Select(d, b); !errors.Is(err, want) {
			t.Errorf("%s, once more: got %v, want %v", path, err, want)
		}
	}
}

// TestLongLiterals: the value of a variable may be long, and costs each time it is read.
func TestLongLiterals(t *testing.T) {
	d, err := document.Parse([]byte("<a>" + strings.Repeat("<b/>", 5000) + "</a>"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/a/b[normalize-space('v')='x']", "/a/b['v' > 1]", "/a/b[string-length('v')=1]", "/a/b['v'=normalize-space('v')]"} {
		p, err := Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err = p.WithLiterals(func(string) (string, error) { return strings.Repeat(" ", 100_000), nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Select(d, &Budget{}); !errors.Is(err, ErrBudget) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// TestBudgetContext: a context that is done ends an evaluation.
func TestBudgetContext(t *testing.T) {
	d, err := document.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile("//disk")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Budget{Context: ctx}
	if _, err := p.Select(d, b); err != nil {
		t.Fatal(err)
	}
	cancel()
	for range MaxSteps {
		if _, err = p.Select(d, b); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestNumbers: how xmllint --xpath "number('...')" reads them.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]float64{
		"1": 1, " 1 ": 1, "\t-1.50\n": -1.5, "1.": 1, ".5": 0.5, "-.5": -0.5, "007": 7, "-0": 0, "1e3": 1000, "1E+2": 100, "1e-1": 0.1, "1e": 1, "1.e2": 100, "-1e1": -10, "-e": 0, "1e1x": math.NaN(), ".e1": math.NaN(), "1ex": math.NaN(), "1e9999": math.Inf(1), "1e-9999": 0, "+1": math.NaN(), "": math.NaN(), ".": math.NaN(),
		"-": 0, "1 2": math.NaN(), "1.2.3": math.NaN(), "0x10": math.NaN(), "Infinity": math.NaN(), "NaN": math.NaN(), "- 1": math.NaN(), "1_0": math.NaN(), "\u00a01": math.NaN(),
		strings.Repeat("9", 400): math.Inf(1),
	} {
		if got := toNumber(text); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestCompileTest(t *testing.T) {
	d, err := document.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]struct{ path, holds bool }{
		"count(//disk) = 3":                                      {false, true},
		"count(//disk) > 3":                                      {false, false},
		"count(//disk)>1 and not(//floppy)":                      {false, true},
		"//disk and //floppy":                                    {false, false},
		"//floppy or (//disk and true())":                        {false, true},
		"//target/@dev = 'sda'":                                  {false, true},
		"//target/@dev != 'sda'":                                 {false, true},
		"not(//target/@dev = 'sda')":                             {false, false},
		"'sda' = //target/@dev":                                  {false, true},
		"3 > count(//disk)":                                      {false, false},
		"//disk[2]/@type = 'block' and //disk[last()]/serial":    {false, true},
		"starts-with(//target/@dev, 'vd')":                       {false, true},
		"contains(normalize-space(//serial), 'BC')":              {false, true},
		"string-length(//serial) = 3":                            {false, true},
		"name(/domain/*[1]) = 'devices'":                         {false, true},
		"normalize-space(/domain)":                               {false, true},
		"count(//disk) - 1 = 2":                                  {false, true},
		"'a' = 'a'":                                              {false, true},
		"'2' < 10":                                               {false, true},
		"//disk":                                                 {true, true},
		"//floppy":                                               {true, false},
		"//floppy | //disk":                                      {true, true},
		"/domain/devices[count(disk)=3]":                         {true, true},
		"//target/@dev < 'x'":                                    {false, false},
		"count(//disk[@type='file'][position()=last()]) = 1":     {false, true},
		"false() or count(/domain/devices/disk[position()<2])=1": {false, true},
	} {
		test, err := CompileTest(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if isPath := test.Path() != nil; isPath != want.path {
			t.Errorf("%s: taken for a path: %v", source, isPath)
		}
		if holds, err := test.Eval(d, &Budget{}); err != nil || holds != want.holds {
			t.Errorf("%s: got %v, %v", source, holds, err)
		}
	}
}

func TestCompileTestRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"":                      "a path starts with / or //",
		"1":                     "at byte 0: a number is no condition",
		"count(//a)":            "a number is no condition",
		"'x'":                   "a quoted string is no condition",
		"disk":                  `unexpected "disk" at byte 0`,
		"count(disk)=1":         `unexpected "disk" at byte 6`,
		"position()=1":          "at byte 0: position() is about a node",
		"//a and last()=1":      "last() is about a node",
		"name()='x'":            "name() is about a node",
		"string-length()>1":     "string-length() is about a node",
		"//a = 'x' | //b":       `unexpected "|" at byte 10`,
		"//a = 'x')":            `unexpected ")" at byte 9`,
		"//a and //b | //c":     `unexpected "|" at byte 12`,
		"count(//a | //b)=1":    "a union (|) can stand at the top alone",
		"//a = //b":             "two paths cannot be compared",
		"//a =":                 "unexpected end",
		"not(//a":               "unexpected end",
		"//a[1":                 "unexpected end",
		"(//a)[1]":              "nothing can be selected from parentheses",
		"boolean(//a)":          "the function boolean() is not supported",
		"//a[position()=1] > $": "variables of XPath",
	} {
		if _, err := CompileTest(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CompileTest(%q) = %v, want an error with %q", source, err, want)
		}
	}
}

// TestLiterals: whatever takes the place of a quoted string stays one.
func TestLiterals(t *testing.T) {
	d, err := document.Parse([]byte("<a><b c=\"' or '1'='1\"/><b c='x'/><b c='&quot;]/..|//b'/></a>"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile("/a/b[@c='$(v)'] | /a/b[@c=\"$(w)\"]")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"$(v)", "$(w)"}, p.Literals()); diff != "" {
		t.Error(diff)
	}
	for value, exists := range map[string]bool{"' or '1'='1": true, "x": true, "\"]/..|//b": true, "']": false, "'": false, "\"": false, "": false, "$(v)": false} {
		q, err := p.WithLiterals(func(text string) (string, error) {
			if text == "$(w)" {
				return "none", nil
			}
			return value, nil
		})
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		nodes, err := q.Select(d, &Budget{})
		if err != nil || (len(nodes) == 1) != exists || exists && nodes[0].Node.Attr[0].Value != value {
			t.Errorf("%q selects %d nodes, %v", value, len(nodes), err)
		}
		if got := q.Alternatives()[0].Steps()[1].Equal; len(got) != 1 || got[0].Value != value {
			t.Errorf("%q: the condition to create is %v", value, got)
		}
	}
	failure := errors.New("no value")
	if _, err := p.WithLiterals(func(string) (string, error) { return "", failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	test, err := CompileTest("/a/b/@c = '$(v)'")
	if err != nil {
		t.Fatal(err)
	}
	test, err = test.WithLiterals(func(string) (string, error) { return "' or '1'='1", nil })
	if err != nil || test.Literals()[0] != "' or '1'='1" {
		t.Fatalf("%v", err)
	}
	if holds, err := test.Eval(d, &Budget{}); err != nil || !holds {
		t.Errorf("got %v, %v", holds, err)
	}
}

func TestConstructible(t *testing.T) {
	for path, want := range map[string]bool{
		"/a/b": true, "/a/@b": true, "/a/b[@c='d']": true, "/a/b[@c='d' and e='f'][@g='h']": true, "/a/b['d'=@c]": true, "/a/qemu:b": true, "/a/b[(@c='d')]": true,
		"/a//b": false, "/a/*": false, "/a/@*": false, "/a/text()": false, "/a/..": false, "/a/b[1]": false, "/a/b[@c]": false, "/a/b[@c=1]": false, "/a/b[@c!='d']": false,
		"/a/b[@c='d' or @e='f']": false, "/a/kubevirt:b": false, "/a/@qemu:b": false, "/a/b[kubevirt:c='d']": false, "/a/b[@c='d'][@c='e']": false, "/a/@b[.='c']": false,
		"/a/b[.//c='d']": false, "/a/b[c/d='e']": false, "/a/b[c[1]='e']": false, "/a/b[/c='e']": false, "/a/qemu:*": false, "/a/self::b": false, "/a/following-sibling::b": false,
		"/a/b[.='c']": false, "/a/b[../@c='c']": false,
	} {
		p, err := Compile(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		s := p.Steps()[len(p.Steps())-1]
		if s.Constructible() != want {
			t.Errorf("%s: got %v", path, !want)
		}
	}
}
