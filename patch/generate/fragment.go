// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"maps"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// partial is an element of a fragment: a whole one of the wanted document, or some of it.
type partial struct {
	node       *xmlquery.Node // for its name; whole where nothing else is given
	whole      bool
	attributes []xmlquery.Attr
	children   []partial
	text       string
}

func wholeOf(elements []*xmlquery.Node) []partial {
	all := make([]partial, len(elements))
	for i, e := range elements {
		all[i] = partial{node: e, whole: true}
	}
	return all
}

// fragmentOf writes elements as the xml of a rule, one element on a line, with a line end
// behind the last one where there are several lines.
func fragmentOf(elements []partial) string {
	w := &fragmentWriter{}
	for _, e := range elements {
		w.element(e, 0, map[string]string{"qemu": document.QEMUNamespace, "xml": xmlNamespace})
	}
	text := w.b.String()
	if strings.Count(text, "\n") == 1 {
		return strings.TrimSuffix(text, "\n")
	}
	return text
}

// lines is how many lines of YAML an element of a rule takes.
func lines(elements []partial) int {
	text := fragmentOf(elements)
	if !strings.Contains(text, "\n") {
		return 1
	}
	return 1 + strings.Count(text, "\n") // the block begins on a line of its own
}

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

type fragmentWriter struct{ b strings.Builder }

// element writes an element on lines of its own. bound are the prefixes in scope; the empty
// one is the default namespace.
func (w *fragmentWriter) element(e partial, depth int, bound map[string]string) {
	indent := strings.Repeat("  ", depth)
	w.b.WriteString(indent)
	if e.whole && isMixed(e.node) {
		w.inline(e.node, bound)
		w.b.WriteString("\n")
		return
	}
	attributes, children, text := e.attributes, e.children, e.text
	if e.whole {
		attributes, children = attributesOf(e.node), wholeOf(document.Elements(e.node))
		if len(children) == 0 {
			text = document.Text(e.node)
		}
	}
	name, bound := w.open(e.node, attributes, bound)
	switch {
	case len(children) > 0:
		w.b.WriteString(">\n")
		for _, c := range children {
			w.element(c, depth+1, bound)
		}
		w.b.WriteString(indent + "</" + name + ">\n")
	case text != "":
		w.b.WriteString(">" + textEscaper.Replace(escapeTemplate(text)) + "</" + name + ">\n")
	default:
		w.b.WriteString("/>\n")
	}
}

// inline writes an element with text beside elements as it stands.
func (w *fragmentWriter) inline(n *xmlquery.Node, bound map[string]string) {
	name, bound := w.open(n, attributesOf(n), bound)
	w.b.WriteString(">")
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.ElementNode:
			w.inline(c, bound)
		case xmlquery.TextNode:
			w.b.WriteString(textEscaper.Replace(escapeTemplate(c.Data)))
		}
	}
	w.b.WriteString("</" + name + ">")
}

// open writes a start tag without its end, and declares what is not in scope.
func (w *fragmentWriter) open(n *xmlquery.Node, attributes []xmlquery.Attr, bound map[string]string) (name string, inner map[string]string) {
	inner = maps.Clone(bound)
	var declared strings.Builder
	prefix := w.declare(&declared, n.Prefix, n.NamespaceURI, inner)
	name = qualified(prefix, n.Data)
	var rest strings.Builder
	for _, a := range attributes {
		prefix := ""
		if a.NamespaceURI != "" {
			prefix = w.declare(&declared, a.Name.Space, a.NamespaceURI, inner)
		}
		rest.WriteString(" " + qualified(prefix, a.Name.Local) + "='" + attributeEscaper.Replace(escapeTemplate(a.Value)) + "'")
	}
	w.b.WriteString("<" + name + declared.String() + rest.String())
	return name, inner
}

// declare gives a prefix that stands for the namespace, declaring it where it does not yet.
func (w *fragmentWriter) declare(b *strings.Builder, prefix, namespace string, bound map[string]string) string {
	if namespace == document.QEMUNamespace {
		return "qemu"
	}
	if prefix == "qemu" { // it belongs to libvirt
		prefix = "ns"
	}
	if bound[prefix] == namespace {
		return prefix
	}
	bound[prefix] = namespace
	name := "xmlns"
	if prefix != "" {
		name += ":" + prefix
	}
	b.WriteString(" " + name + "='" + attributeEscaper.Replace(namespace) + "'")
	return prefix
}

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

var (
	textEscaper      = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attributeEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)
