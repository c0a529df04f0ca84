// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/antchfx/xmlquery"
)

// TestLimits takes each limit exactly, and one more.
func TestLimits(t *testing.T) {
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d=''", i)
		}
		return "<a" + b.String() + "/>"
	}
	cases := map[string]struct {
		make  func(n int) string
		limit int
		want  string
	}{
		"bytes": {func(n int) string { return "<a>" + strings.Repeat("x", n-len("<a></a>")) + "</a>" }, MaxBytes, "over the limit of 524288"},
		"depth": {func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }, MaxDepth, "deeper than 64"},
		"nodes": {func(n int) string { return "<a>" + strings.Repeat("<b/>", n-1) + "</a>" }, MaxNodes, "more than 20000 nodes"},
		"texts": {func(n int) string {
			return "<a>" + strings.Repeat("x<b/>", (n-1)/2) + "</a>" + strings.Repeat("<!---->", (n-1)%2)
		}, MaxNodes, "more than 20000 nodes"},
		"attributes": {attributes, MaxAttributes, "more than 256 attributes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			src := tc.make(tc.limit)
			if got := string(parse(t, src).Bytes()); got != src {
				t.Error("the bytes changed")
			}
			_, err := Parse([]byte(tc.make(tc.limit + 1)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("one more: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestGrowth adds until the limit, in each way there is: what is refused must leave the
// document as it was.
func TestGrowth(t *testing.T) {
	wide := "<d>\n" + strings.Repeat(" ", 1000) + "<e/>\n</d>" // whose indentation is copied, too
	value := strings.Repeat("x", 1000)
	element, err := ParseFragment("<n/>")
	if err != nil {
		t.Fatal(err)
	}
	edits := map[string]func(d *Document, e *xmlquery.Node, i int) error{
		"attributes": func(d *Document, e *xmlquery.Node, i int) error {
			if i%MaxAttributes == 0 { // another element
				if _, err := d.Insert(element, element.Elements()[0], e, After); err != nil {
					return err
				}
			}
			return d.AddAttribute(e.NextSibling.NextSibling, fmt.Sprint("a", i), value)
		},
		"attribute": func(d *Document, e *xmlquery.Node, i int) error {
			_, err := d.SetAttribute(e, 0, fmt.Sprint(value, i))
			return err
		},
		"text": func(d *Document, e *xmlquery.Node, i int) error {
			_, err := d.SetText(e, fmt.Sprint(value, i))
			return err
		},
		"elements": func(d *Document, e *xmlquery.Node, _ int) error {
			_, err := d.Insert(element, element.Elements()[0], e, Before)
			return err
		},
		"replaced": func(d *Document, e *xmlquery.Node, _ int) error {
			old := e.NextSibling.NextSibling
			_, err := d.Replace(old, element, element.Elements()[0], none)
			return err
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			src := strings.Replace(wide, "<e/>", "<e a=''/>\n"+strings.Repeat(" ", 1000)+"<f/>", 1)
			d := parse(t, src)
			var err error
			before := d.Bytes()
			for i := 0; err == nil && i < 1000; i++ {
				before = d.Bytes()
				err = edit(d, find(t, d.Root(), "e"), i)
			}
			if !errors.Is(err, ErrGrowth) {
				t.Fatalf("1000 edits gave %v, want %v", err, ErrGrowth)
			}
			after := d.Bytes()
			if string(after) != string(before) {
				t.Error("the refused edit changed the document")
			}
			if len(after) > len(src)+MaxGrowth+1024*16 {
				t.Errorf("the document grew by %d bytes", len(after)-len(src))
			}
		})
	}
}

// patience is far more than linear work needs, and far less than quadratic work does.
const patience = 5 * time.Second

// TestHostileInput parses and edits documents that are built to take long. All of them
// are within the limits, or refused for a reason that is found late.
func TestHostileInput(t *testing.T) {
	fill := func(unit string) string { return strings.Repeat(unit, (MaxBytes-1000)/len(unit)) }
	var manyAttributes, declarations strings.Builder
	for i := range MaxAttributes - 1 {
		fmt.Fprintf(&manyAttributes, " a%d=''", i)
		fmt.Fprintf(&declarations, " xmlns:p%d='u%d'", i, i)
	}
	wide := "<b" + manyAttributes.String() + "/>"
	for name, src := range map[string]string{
		"comments":              "<a>" + strings.Repeat("<!---->", MaxNodes-10) + "</a>",
		"comments before root":  strings.Repeat("<!---->", MaxNodes-10) + "<a/>",
		"comments behind root":  "<a/>" + strings.Repeat("<!---->", MaxNodes-10),
		"instructions":          "<a>" + strings.Repeat("<?p?>", MaxNodes-10) + "</a>",
		"CDATA":                 "<a>" + fill("<![CDATA[x]]>") + "</a>",
		"empty CDATA":           "<a>" + fill("<![CDATA[]]>") + "</a>",
		"CDATA between text":    "<a>" + fill("x<![CDATA[]]>") + "</a>",
		"unclosed CDATA":        "<a>" + fill("<![CDATA["),
		"unclosed comment":      "<a>" + fill("<!-"),
		"references":            "<a>" + fill("&#xA;") + "</a>",
		"references in a value": "<a b='" + fill("&lt;") + "'/>",
		"brackets":              "<a>" + fill("]]") + "</a>",
		"raw ampersands":        "<a>" + fill("&"),
		"attributes":            "<a>" + strings.Repeat(wide, (MaxBytes-1000)/len(wide)) + "</a>",
		"declarations":          "<a" + declarations.String() + ">" + strings.Repeat("<p0:b p0:c=''/>", MaxNodes-10) + "</a>",
		"undeclared":            "<a" + declarations.String() + ">" + strings.Repeat("<b/>", MaxNodes-10) + "<q:b/></a>",
		"a long name":           "<" + fill("a") + "/>",
		"a long broken name":    "<" + fill("é") + ":",
		"deep":                  "<a>" + strings.Repeat(strings.Repeat("<b>", MaxDepth-1)+strings.Repeat("</b>", MaxDepth-1), MaxNodes/MaxDepth) + "</a>",
		"siblings":              "<a>" + strings.Repeat("<b/>", MaxNodes-10) + "</a>",
		"siblings on lines":     "<a>\n" + strings.Repeat("<b/>\n", MaxNodes/2-10) + "</a>",
		"blanks":                "<a>" + strings.Repeat(" ", MaxBytes-1000) + "<b/></a>",
		"a wide indentation":    "<a>\n" + strings.Repeat(" ", MaxBytes-1000) + "<b/></a>",
		"line ends":             "<a>" + fill("\r") + "</a>",
		"multi-byte characters": "<a>" + fill("😀") + "</a>",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			d, err := Parse([]byte(src))
			var syntax *SyntaxError
			switch {
			case errors.As(err, &syntax):
			case err != nil:
				t.Fatal(err)
			default:
				editOften(t, d)
				d.Bytes()
			}
			if took := time.Since(start); took > patience {
				t.Errorf("took %v", took)
			}
		})
	}
}

// editOften makes as many edits as a rule can, at the places that may cost most.
func editOften(t *testing.T, d *Document) {
	t.Helper()
	f, err := ParseFragment("<n><m/></n>")
	if err != nil {
		t.Fatal(err)
	}
	root := d.Element()
	for i := range 256 {
		for _, place := range []Place{LastIn, FirstIn} {
			n, err := d.Insert(f, f.Elements()[0], root, place)
			if errors.Is(err, ErrGrowth) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Replace(n, f, f.Elements()[0], none); err != nil && !errors.Is(err, ErrGrowth) {
				t.Fatal(err)
			}
		}
		last := Elements(root)[i]
		_ = d.AddAttribute(last, "added", "x") // refused where there are as many as can be
		if i%2 == 0 {
			if err := d.Remove(last); err != nil {
				t.Fatal(err)
			}
		}
	}
}
