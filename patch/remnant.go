// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// remnant is a copy of an element or a text, without the nodes that were left out.
// Comments are no part of it, nor is white space unless it stands between texts.
type remnant struct {
	name  string // as a path writes it; text() for a text
	index int    // its position among the siblings of its name; 0 for an only one
	text  string // of a text

	attributes []remnantAttribute // by name
	content    []*remnant
	// gone tells that leaving out emptied an element that held something: it counts as
	// absent, so that who may write an attribute may also write the element that carries it.
	gone bool
}

type remnantAttribute struct{ name, value string }

// difference is the first place where two remnants differ.
type difference struct {
	place  string // an XPath
	change string // added, removed, moved or changed
}

// leftOut are the nodes that do not count: elements with all that is in them, attributes, texts.
type leftOut map[selector.Node]bool

// rest is what remains of a document.
func (l leftOut) rest(doc *document.Document) *remnant {
	return l.within(doc.Root())
}

// within copies what remains of an element, or of the document node.
func (l leftOut) within(n *xmlquery.Node) *remnant {
	r := &remnant{name: pathName(n.NamespaceURI, n.Data)}
	lost := l.attributes(n, r)
	elements := document.Elements(n)
	siblings := countNames(elements)
	blankCounts := len(elements) == 0 && l.keepsText(n)
	position := map[string]int{}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out := l[selector.Node{Node: c, Attr: -1}]
		switch {
		case c.Type == xmlquery.ElementNode:
			position[c.Data]++
			if out && (inMetadata(c) || !strangeNames(c)) {
				lost = true
				continue
			}
			child := l.within(c)
			if siblings[c.Data] > 1 {
				child.index = position[c.Data]
				child.gone = false // beside another of its name it is one more, and libvirt may read it first
			}
			child.gone = child.gone && n.Data != "devices" // a device is something even when it is empty
			r.content = append(r.content, child)
		case c.Type != xmlquery.TextNode:
		case out:
			lost = true
		case blankCounts || !isBlank(c.Data):
			r.content = append(r.content, &remnant{name: "text()", text: c.Data})
		}
	}
	empty := len(r.attributes) == 0 && !slices.ContainsFunc(r.content, func(c *remnant) bool { return !c.gone })
	r.gone = empty && (lost || len(r.content) > 0)
	return r
}

// keepsText says whether an element holds a text of its own that is more than white space, and was not left out.
func (l leftOut) keepsText(n *xmlquery.Node) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.TextNode && !isBlank(c.Data) && !l[selector.Node{Node: c, Attr: -1}] {
			return true
		}
	}
	return false
}

// attributes copies the attributes of an element, and says whether one was left out.
func (l leftOut) attributes(n *xmlquery.Node, r *remnant) (lost bool) {
	for i := range n.Attr {
		a := &n.Attr[i]
		switch {
		case document.IsDeclaration(a):
		case l[selector.Node{Node: n, Attr: i}]:
			lost = true
		default:
			r.attributes = append(r.attributes, remnantAttribute{pathName(a.NamespaceURI, a.Name.Local), a.Value})
		}
	}
	slices.SortFunc(r.attributes, func(x, y remnantAttribute) int { return cmp.Compare(x.name, y.name) })
	return lost
}

// pathName is a name as paths write it, or {namespace}name where they cannot.
func pathName(namespace, local string) string {
	switch namespace {
	case "":
		return local
	case document.QEMUNamespace:
		return "qemu:" + local
	case document.KubeVirtNamespace:
		return "kubevirt:" + local
	}
	return "{" + namespace + "}" + local
}

// countNames counts elements by name, whatever their namespace: libvirt does not look at it.
func countNames(elements []*xmlquery.Node) map[string]int {
	counts := map[string]int{}
	for _, e := range elements {
		counts[e.Data]++
	}
	return counts
}

// strangeNames says whether an element holds names of another namespace than its own. libvirt
// does not look at the namespaces of attributes and of most elements: it takes <channel
// x:type='unix' type='qemu-vdagent'> for a channel of type unix, which the path
// channel[@type='qemu-vdagent'] selects, too. So such an element is never left out.
//
// What libvirt expects does not count: the metadata of the domain, which are other programs'
// and mean nothing to libvirt, and its own namespace for QEMU directly below <domain>.
func strangeNames(n *xmlquery.Node) bool {
	foreign := func(a xmlquery.Attr) bool { return a.NamespaceURI != "" && !document.IsDeclaration(&a) }
	return slices.ContainsFunc(n.Attr, foreign) || slices.ContainsFunc(document.Elements(n), func(c *xmlquery.Node) bool {
		expected := c.NamespaceURI == n.NamespaceURI || c.NamespaceURI == document.QEMUNamespace && isTop(n)
		return !isMetadata(c) && (!expected || strangeNames(c))
	})
}

// inMetadata says whether an element is the metadata of the domain, or in them.
func inMetadata(n *xmlquery.Node) bool {
	return n != nil && (isMetadata(n) || inMetadata(n.Parent))
}

func isMetadata(n *xmlquery.Node) bool {
	return n.Data == "metadata" && n.NamespaceURI == "" && isTop(n.Parent)
}

// isTop says whether a node is the document's outermost element, <domain>.
func isTop(n *xmlquery.Node) bool {
	return n != nil && n.Parent != nil && n.Parent.Type == xmlquery.DocumentNode
}

func isBlank(text string) bool { return strings.Trim(text, " \t\r\n") == "" }

// difference finds the first place where a node and what became of it, of the same name,
// differ; nil for none.
func (r *remnant) difference(after *remnant) *difference {
	if r.text != after.text {
		return &difference{change: "changed"}
	}
	if d := attributeDifference(r.attributes, after.attributes); d != nil {
		return d
	}
	return contentDifference(r.beside(after), after.beside(r))
}

func attributeDifference(before, after []remnantAttribute) *difference {
	at := func(a remnantAttribute, change string) *difference {
		return &difference{place: "/@" + a.name, change: change}
	}
	for i := range max(len(before), len(after)) {
		switch {
		case i == len(before) || i < len(after) && after[i].name < before[i].name:
			return at(after[i], "added")
		case i == len(after) || before[i].name < after[i].name:
			return at(before[i], "removed")
		case before[i].value != after[i].value:
			return at(after[i], "changed")
		}
	}
	return nil
}

// beside is the content without what is gone and has nothing to be compared with on the other side.
func (r *remnant) beside(other *remnant) []*remnant {
	if !slices.ContainsFunc(r.content, func(c *remnant) bool { return c.gone }) {
		return r.content
	}
	return slices.DeleteFunc(slices.Clone(r.content), func(c *remnant) bool {
		return c.gone && !slices.ContainsFunc(other.content, func(o *remnant) bool { return o.name == c.name && !o.gone })
	})
}

func contentDifference(before, after []*remnant) *difference {
	i := 0
	var inside *difference
	for i < len(before) && i < len(after) && before[i].name == after[i].name {
		if inside = before[i].difference(after[i]); inside != nil {
			break
		}
		i++
	}
	if i == len(before) && i == len(after) {
		return nil
	}
	before, after = before[i:], after[i:]
	if len(before) != len(after) { // find out which one is new or went
		for len(before) > 0 && len(after) > 0 && before[len(before)-1].resembles(after[len(after)-1]) {
			before, after = before[:len(before)-1], after[:len(after)-1]
		}
	}
	if len(after) == 0 {
		return before[0].place(&difference{change: "removed"})
	}
	if len(before) == 0 {
		return after[0].place(&difference{change: "added"})
	}
	went, came := !before[0].isAmong(after), !after[0].isAmong(before)
	switch {
	case inside != nil && (went == came || len(before) == len(after)):
		return after[0].place(inside)
	case came:
		return after[0].place(&difference{change: "added"})
	case went:
		return before[0].place(&difference{change: "removed"})
	}
	return after[0].place(&difference{change: "moved"})
}

// isAmong says whether one of several nodes resembles this one.
func (r *remnant) isAmong(others []*remnant) bool {
	return slices.ContainsFunc(others, r.resembles)
}

// resembles compares names and attributes alone, for the message: comparing all would take
// time that doubles with every level.
func (r *remnant) resembles(other *remnant) bool {
	return r.name == other.name && slices.Equal(r.attributes, other.attributes)
}

// place puts the way to a node before the place of a difference in it.
func (r *remnant) place(d *difference) *difference {
	step := "/" + r.name
	if r.index > 0 {
		step += fmt.Sprintf("[%d]", r.index)
	}
	d.place = step + d.place
	return d
}
