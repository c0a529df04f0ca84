// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	source := `<!-- X --><a b='X' c="1"><d>X<![CDATA[X]]></d><!-- X --> <e xmlns:X="X">1</e></a><f X="X"/>`
	f, err := ParseFragment(source)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"y":             `<a b='y' c="1"><d>yy</d><!-- X --> <e xmlns:X="X">1</e></a> <f X="y"/>`,
		`'"<&>]]>`:      `<a b='&apos;"&lt;&amp;>]]>' c="1"><d>'"&lt;&amp;&gt;]]&gt;'"&lt;&amp;&gt;]]&gt;</d><!-- X --> <e xmlns:X="X">1</e></a> <f X="'&quot;&lt;&amp;>]]>"/>`,
		"<x/>\n\t<y/>":  `<a b='&lt;x/>&#xA;&#x9;&lt;y/>' c="1"><d>&lt;x/&gt;` + "\n\t" + `&lt;y/&gt;&lt;x/&gt;` + "\n\t" + `&lt;y/&gt;</d><!-- X --> <e xmlns:X="X">1</e></a> <f X="&lt;x/>&#xA;&#x9;&lt;y/>"/>`,
		"":              `<a b='' c="1"><d></d><!-- X --> <e xmlns:X="X">1</e></a> <f X=""/>`,
		"$(X) and more": `<a b='$(X) and more' c="1"><d>$(X) and more$(X) and more</d><!-- X --> <e xmlns:X="X">1</e></a> <f X="$(X) and more"/>`,
	} {
		expanded, err := f.Expand(func(text string) (string, error) { return strings.ReplaceAll(text, "X", value), nil })
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		d := parse(t, "<r/>")
		for _, e := range expanded.Elements() {
			if _, err := d.Insert(expanded, e, d.Element(), LastIn); err != nil {
				t.Errorf("%q: %v", value, err)
			}
		}
		got := strings.ReplaceAll(string(d.Bytes()), "</a><f", "</a> <f")
		if got != "<r>"+want+"</r>" {
			t.Errorf("%q gives\n%s\nwant\n<r>%s</r>", value, got, want)
		}
	}
	for what, want := range map[string]string{"b": "the attribute b of <a>: no", "d": "the text of <d>: no"} {
		_, err := f.Expand(func(text string) (string, error) {
			if text == "X" && what == "b" || text == "XX" && what == "d" {
				return "", errors.New("no")
			}
			return text, nil
		})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := f.Expand(func(string) (string, error) { return "\x00", nil }); err == nil || !strings.Contains(err.Error(), "XML cannot hold") {
		t.Errorf("a control character: %v", err)
	}
	var texts []string
	if err := f.Texts(func(text string) error { texts = append(texts, text); return nil }); err != nil || strings.Join(texts, ",") != "X,1,XX, ,1,X" {
		t.Errorf("Texts: %q, %v", texts, err)
	}
	if f.doc.source != source || f.doc.Touched() {
		t.Error("the fragment was changed")
	}
}
