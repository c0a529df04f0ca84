// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// Next writes what KubeVirt would make of a domain until the next call of OnDefineDomain:
//
//   - it reads the domain into its structs and writes them, in their order: what the structs
//     have no field for is gone, of two elements that share a field the second overrides the
//     attributes and appends the children of the first, and what a struct always writes is there;
//   - unless marker is empty, libvirt has given every device an address and an alias and has
//     added devices of its own, all of which IsGiven and IsLibvirts recognise by the marker.
//
// Others are there again. Comments and the hidden placeholder interfaces are gone.
//
// With orders there is a second one where libvirt would put devices in another order: the
// next call gets the devices from libvirt or straight from the structs.
//
// It fails where KubeVirt would: on a text that should be a number and is none.
func Next(domain *xmlquery.Node, others Others, marker string, orders bool) ([][]byte, error) {
	w := &writer{others: others, marker: marker, out: make([]byte, 0, 16<<10)}
	root := &Child{Name: domain.Data}
	w.element(Domain(), root, "", []*xmlquery.Node{domain})
	if w.err != nil || !orders || !w.disordered {
		return [][]byte{w.out}, w.err
	}
	sorted := &writer{others: others, marker: marker, sorting: true}
	sorted.element(Domain(), root, "", []*xmlquery.Node{domain})
	return [][]byte{w.out, sorted.out}, sorted.err
}

// writer writes the next call's domain.
type writer struct {
	others Others
	marker string
	out    []byte
	open   []string         // the names of the open elements
	known  []known          // the children of the open elements
	nodes  []*xmlquery.Node // and what is being written of them
	given  int              // aliases given by libvirt
	err    error            // the first one

	disordered bool // libvirt would put devices in another order
	sorting    bool // it does
}

// element writes a group of elements as the one that KubeVirt reads them into. Outer is the
// namespace of the element around it.
func (w *writer) element(e *Element, c *Child, outer string, group []*xmlquery.Node) {
	w.open = append(w.open, c.Name)
	w.out = append(append(w.out, '<'), c.Name...)
	if c.Namespace != outer {
		w.attribute("xmlns", c.Namespace)
	}
	w.attributes(e, group)
	w.out = append(w.out, '>')
	w.text(e, group)
	w.children(e, c.Namespace, group)
	w.libvirt(group)
	w.out = append(append(append(w.out, "</"...), c.Name...), '>')
	w.open = w.open[:len(w.open)-1]
}

func (w *writer) attributes(e *Element, group []*xmlquery.Node) {
	for i := range e.attributes {
		a := &e.attributes[i]
		value, found := lastAttribute(group, a.Name)
		written := w.written(a.Kind, value, "@", a.Name)
		switch {
		case !found && a.Presence != Always:
		case a.Presence == Filled && written == a.Kind.Zero():
		default:
			w.attribute(a.Name, written)
		}
	}
	for _, n := range group {
		if foreign, ok := w.others[n]; ok && foreign.attributes != "" {
			w.out = append(w.out, foreign.attributes...)
			break // of several elements that become one, one may bring its own: an attribute must not stand twice
		}
	}
}

// lastAttribute is what encoding/xml leaves in a field that it fills several times.
func lastAttribute(group []*xmlquery.Node, name string) (value string, found bool) {
	for i := len(group) - 1; i >= 0; i-- {
		if j := document.Attribute(group[i], "", name); j >= 0 {
			return group[i].Attr[j].Value, true
		}
	}
	return "", false
}

func (w *writer) text(e *Element, group []*xmlquery.Node) {
	if e.text == None {
		return
	}
	text := ""
	if len(group) > 0 {
		text = ownText(group[len(group)-1])
	}
	w.escape(w.written(e.text, text, "text()", ""))
}

// ownText is the text directly in an element, without that of its children.
func ownText(n *xmlquery.Node) string {
	text := ""
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.TextNode {
			text += c.Data
		}
	}
	return text
}

func (w *writer) children(e *Element, namespace string, group []*xmlquery.Node) {
	begin := len(w.known)
	w.know(e, group)
	end := len(w.known)
	for i := range e.children {
		c := &e.children[i]
		nodes := w.knownAs(i, begin, end)
		switch {
		case len(nodes) == 0:
			if c.Presence == Always {
				w.element(c.Element(), c, namespace, nil)
			}
		case c.Repeats:
			w.sort(c, nodes)
			for j := range nodes {
				w.child(c, namespace, nodes[j:j+1])
			}
		default:
			w.child(c, namespace, nodes)
		}
		w.nodes = w.nodes[:len(w.nodes)-len(nodes)]
	}
	w.known = w.known[:begin]
	for _, n := range group {
		w.out = append(w.out, w.others[n].children...)
	}
}

// known is an element with its index among the children that KubeVirt knows at its place.
type known struct {
	node  *xmlquery.Node
	index int
}

// know lists the children of a group that KubeVirt knows.
func (w *writer) know(e *Element, group []*xmlquery.Node) {
	for _, n := range group {
		for o := n.FirstChild; o != nil; o = o.NextSibling {
			if o.Type != xmlquery.ElementNode || w.others[o].surplus {
				continue
			}
			if i := e.index(o.NamespaceURI, o.Data); i >= 0 {
				w.known = append(w.known, known{o, i})
			}
		}
	}
}

// knownAs lists those of them that are one child of KubeVirt's.
func (w *writer) knownAs(index, begin, end int) []*xmlquery.Node {
	first := len(w.nodes)
	for _, k := range w.known[begin:end] {
		if k.index == index {
			w.nodes = append(w.nodes, k.node)
		}
	}
	return w.nodes[first:]
}

// child writes a group of elements, unless KubeVirt leaves it out for its empty text.
func (w *writer) child(c *Child, namespace string, group []*xmlquery.Node) {
	e := c.Element()
	if c.Presence == Filled {
		written, _ := e.text.Written(ownText(group[len(group)-1]))
		if written == e.text.Zero() {
			return
		}
	}
	w.element(e, c, namespace, group)
}

// written is what KubeVirt makes of a value. One that it cannot read is an error.
func (w *writer) written(k Kind, value, where, name string) string {
	written, ok := k.Written(value)
	if !ok && w.err == nil {
		w.err = fmt.Errorf("KubeVirt cannot read /%s/%s%s: %.40q is not what the field can hold", strings.Join(w.open, "/"), where, name, value)
	}
	return written
}

func (w *writer) attribute(name, value string) {
	w.out = append(append(append(w.out, ' '), name...), `="`...)
	w.escape(value)
	w.out = append(w.out, '"')
}

func (w *writer) escape(text string) {
	if !strings.ContainsAny(text, "&<>\"'\t\r\n") {
		w.out = append(w.out, text...)
		return
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a bytes.Buffer never fails
	w.out = append(w.out, b.Bytes()...)
}

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}
