// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"hash/maphash"
	"slices"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// passes compares the result of a first call with that of the next, which began from what
// schema.Next made of it. The elements of one parent may come in any order, except QEMU's
// arguments. Left out are comments, white space beside elements, what libvirt gave or added, what
// KubeVirt writes without being asked, and what of QEMU's own KubeVirt loses by itself.
type passes struct {
	first, next reading
}

// newPasses reads the documents. libvirts are the devices that libvirt added to next.
func newPasses(first, next *document.Document, marker string, libvirts []*xmlquery.Node) *passes {
	seed := maphash.MakeSeed()
	return &passes{
		first: reading{doc: first, seed: seed, marker: marker, losing: true},
		next:  reading{doc: next, seed: seed, marker: marker, libvirts: libvirts},
	}
}

// devicesOf are the devices of a domain.
func devicesOf(doc *document.Document) []*xmlquery.Node {
	for _, n := range document.Elements(doc.Element()) {
		if n.Data == "devices" && n.NamespaceURI == "" {
			return document.Elements(n)
		}
	}
	return nil
}

// libvirtsOf are the devices that schema.Next had libvirt add.
func libvirtsOf(next *document.Document, marker string) []*xmlquery.Node {
	return slices.DeleteFunc(devicesOf(next), func(n *xmlquery.Node) bool { return !schema.IsLibvirts(n, marker) })
}

// result is nil where every edit is there once, else it tells the place.
func (p *passes) result() error {
	x, y := p.first.root(), p.next.root()
	equal := p.first.hash(x) == p.next.hash(y)
	remade := p.remade()
	if equal && remade == nil {
		return nil
	}
	if n := p.merged(x); n != nil {
		return notSurviving("KubeVirt's types have room for one <%s>, and %s would be merged with the one before it", n.Data, document.Location(n, ""))
	}
	if !equal {
		return p.difference(x, y)
	}
	return notSurviving("%s loses the <address> that libvirt gives it after the first, since it is removed and added again: "+
		"use replace, which keeps it, or a rule that changes the device", document.Location(remade, ""))
}

// remade finds a device that was made anew and so lost the address that libvirt gave it:
// KubeVirt chose the number of PCI ports by these addresses.
func (p *passes) remade() *xmlquery.Node {
	for _, d := range devicesOf(p.next.doc) {
		if p.next.doc.Original(d) {
			continue
		}
		if schema.Of(d).Child("", "address") != nil && !hasChild(d, "", "address") && schema.GetsAddress(d) {
			return d
		}
	}
	return nil
}

// reading reads the elements of one of the documents.
type reading struct {
	doc      *document.Document
	seed     maphash.Seed
	marker   string
	libvirts []*xmlquery.Node
	losing   bool // it is the first result, with what the next call does not get
}

// element is an element with what KubeVirt keeps of it.
type element struct {
	node *xmlquery.Node
	kept *schema.Element
}

func (r *reading) root() element { return element{r.doc.Element(), schema.Domain()} }

// hash is equal for elements that mean the same. Unequal ones have the same by chance alone,
// since nobody knows the seed.
func (r *reading) hash(e element) uint64 {
	h, _ := r.sum(e)
	return h
}

// sum is the hash of an element, and whether it holds nothing that counts.
func (r *reading) sum(e element) (hash uint64, empty bool) {
	var attributes, children, count uint64
	r.eachAttribute(e, func(namespace, name, value string) {
		attributes += r.hashOf(0, 0, namespace, name, value)
		count++
	})
	ordered := e.node.NamespaceURI == document.QEMUNamespace
	r.eachChild(e, func(_ element, hash uint64) {
		if ordered {
			hash *= 2*count + 1 // so the sum depends on the order
		}
		children += hash
		count++
	})
	text := r.text(e)
	return r.hashOf(attributes, children, e.node.NamespaceURI, e.node.Data, text), count == 0 && text == ""
}

// hashOf combines texts and hashes, in their order.
func (r *reading) hashOf(a, b uint64, texts ...string) uint64 {
	h := stir(stir(a) + b)
	for _, t := range texts {
		h = stir(h + maphash.String(r.seed, t))
	}
	return h
}

// stir spreads every bit over all (the finalizer of SplitMix64).
func stir(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (r *reading) eachAttribute(e element, do func(namespace, name, value string)) {
	if r.isLost(e.node) {
		return
	}
	for i := range e.node.Attr {
		a := &e.node.Attr[i]
		if document.IsDeclaration(a) {
			continue
		}
		value := a.Value
		if a.NamespaceURI == "" {
			kept := e.kept.Attribute(a.Name.Local)
			value, _ = kept.Kind.Written(value)
			if kept.Presence != schema.Kept && value == kept.Kind.Zero() {
				continue
			}
		}
		do(a.NamespaceURI, a.Name.Local, value)
	}
}

// eachChild gives the element children that count.
func (r *reading) eachChild(e element, do func(child element, hash uint64)) {
	for n := e.node.FirstChild; n != nil; n = n.NextSibling {
		if n.Type != xmlquery.ElementNode || schema.IsGiven(n, r.marker) || r.isLibvirts(n) {
			continue
		}
		presence, kept := e.kept.Find(n.NamespaceURI, n.Data)
		c := element{n, kept}
		hash, empty := r.sum(c)
		if empty && (presence != schema.Kept || n.NamespaceURI == document.QEMUNamespace) {
			continue
		}
		do(c, hash)
	}
}

// isLibvirts recognises a device that libvirt added, be it without its alias by now or with
// another in its place.
func (r *reading) isLibvirts(n *xmlquery.Node) bool {
	return slices.Contains(r.libvirts, n) || n.Parent.Data == "devices" && schema.IsLibvirts(n, r.marker)
}

// isLost recognises what the next call does not get, though no patch can help it.
func (r *reading) isLost(n *xmlquery.Node) bool {
	return r.losing && n.NamespaceURI == document.QEMUNamespace && r.doc.Original(n)
}

// text is the element's own text as KubeVirt writes it.
func (r *reading) text(e element) string {
	if e.kept == nil {
		if text := ownText(e.node); !isBlank(text) { // blanks may be what is left beside comments
			return text
		}
		return ""
	}
	kind := e.kept.Text()
	if kind == schema.None {
		return ""
	}
	text, _ := kind.Written(ownText(e.node))
	if text == kind.Zero() {
		return ""
	}
	return text
}
