// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"
)

// FuzzDocument parses arbitrary bytes. What parses is written back as it was, is well-formed
// to encoding/xml, too, and can be edited: the result parses, says what was set, and the same
// edit again changes nothing.
func FuzzDocument(f *testing.F) {
	for _, src := range corpus(f) {
		if len(src) < 1024 { // larger ones only slow the mutations down
			f.Add([]byte(src), uint16(3), "a<&>\"'\r\n\t")
		}
	}
	f.Add([]byte("<d a='1'><!-- c --><b>x&amp;<![CDATA[y]]></b></d>"), uint16(1), "")
	f.Add([]byte("<?xml version='1.0'?><d xmlns:q='u'><q:e q:a=\"\"/></d>"), uint16(1), " ")
	f.Add([]byte("<d>\r\n\t<e>\n  </e></d>"), uint16(1), "]]>")
	f.Fuzz(func(t *testing.T, src []byte, which uint16, text string) {
		start := time.Now()
		defer func() {
			if took := time.Since(start); took > patience {
				t.Errorf("took %v", took)
			}
		}()
		d, err := Parse(src)
		if err != nil {
			return
		}
		if !bytes.Equal(d.Bytes(), src) {
			t.Fatal("the bytes changed")
		}
		if err := wellFormed(src); err == nil {
			sameReading(t, d, src)
		} else if isASCII(src) { // encoding/xml has the names of an older edition of XML
			t.Fatalf("encoding/xml refuses: %v", err)
		}
		for _, edit := range []func(*Document, *xmlquery.Node, string) error{fuzzText, fuzzAttribute, fuzzReplace, fuzzRemove} {
			twice(t, src, int(which), text, edit)
		}
	})
}

// twice makes an edit, and again on a parse of the result.
func twice(t *testing.T, src []byte, which int, text string, edit func(*Document, *xmlquery.Node, string) error) {
	t.Helper()
	first, err := fuzzEdit(src, which, text, edit)
	if err != nil {
		return // refused
	}
	second, err := fuzzEdit(first, which, text, edit)
	if err != nil && len(first) < MaxBytes {
		t.Fatalf("the edited document is refused: %v\n%q", err, first)
	}
	if err == nil && !bytes.Equal(first, second) {
		t.Fatalf("the same edit again changed\n%q to\n%q", first, second)
	}
}

func fuzzEdit(src []byte, which int, text string, edit func(*Document, *xmlquery.Node, string) error) ([]byte, error) {
	d, err := Parse(src)
	if err != nil {
		return nil, err
	}
	all := allElements(d.Root())
	if err := edit(d, all[which%len(all)], text); err != nil {
		return nil, err
	}
	return d.Bytes(), nil
}

func fuzzText(d *Document, n *xmlquery.Node, text string) error {
	_, err := d.SetText(n, text)
	if err == nil && Text(n) != text {
		panic("the text is another one")
	}
	return err
}

func fuzzAttribute(d *Document, n *xmlquery.Node, text string) error {
	if i := Attribute(n, "", "added"); i >= 0 {
		_, err := d.SetAttribute(n, i, text)
		return err
	}
	return d.AddAttribute(n, "added", text)
}

// fuzzReplace replaces the first child of the root element, which then is what replaced it.
func fuzzReplace(d *Document, _ *xmlquery.Node, _ string) error {
	f, err := ParseFragment("<n a='1'><m/></n>")
	if err != nil {
		panic(err)
	}
	for n := range EachElement(d.Element()) {
		_, err = d.Replace(n, f, f.Elements()[0], none)
		return err
	}
	return nil
}

// fuzzRemove removes all elements from the root element.
func fuzzRemove(d *Document, _ *xmlquery.Node, _ string) error {
	for _, c := range Elements(d.Element()) {
		if err := d.Remove(c); err != nil {
			return err
		}
	}
	return nil
}

func wellFormed(src []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(src))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func isASCII(src []byte) bool {
	return bytes.IndexFunc(src, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
