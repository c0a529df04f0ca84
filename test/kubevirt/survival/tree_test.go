// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package survival

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// node is an element, read and written by encoding/xml and none of our own code.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []*node    `xml:",any"`
}

// parse reads a document: attributes in order, without declarations and blank texts.
func parse(t *testing.T, text string) *node {
	t.Helper()
	n := &node{}
	if err := xml.Unmarshal([]byte(text), n); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	n.each(func(n *node) {
		n.Attrs = slices.DeleteFunc(n.Attrs, func(a xml.Attr) bool { return a.Name.Space == "xmlns" || a.Name.Local == "xmlns" })
		slices.SortFunc(n.Attrs, func(a, b xml.Attr) int { return cmp.Compare(a.Name.Local, b.Name.Local) })
		if len(n.Children) > 0 && strings.TrimSpace(n.Text) == "" {
			n.Text = ""
		}
	})
	return n
}

// String is for people: it has white space that the document has not.
func (n *node) String() string {
	text, err := xml.MarshalIndent(n, "", " ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (n *node) document(t *testing.T) string {
	t.Helper()
	text, err := xml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (n *node) each(do func(*node)) {
	do(n)
	for _, c := range n.Children {
		c.each(do)
	}
}

func (n *node) child(name string) *node {
	for _, c := range n.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	return nil
}

func (n *node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// element makes one: name, then attributes as NAME VALUE NAME VALUE...
func element(name string, attrs ...string) *node {
	n := &node{XMLName: xml.Name{Local: name}}
	for i := 0; i < len(attrs); i += 2 {
		n.Attrs = append(n.Attrs, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
	}
	return n
}
