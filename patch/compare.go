// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// compareResults compares the result of a first call with that of the next, which began from
// what schema.Next made of it. The elements of one parent may come in any order, except
// QEMU's arguments. Left out are comments, white space beside elements, what libvirt gave, what
// KubeVirt writes without being asked, and what of QEMU's own KubeVirt loses by itself.
func compareResults(first *document.Document, next *domainCall, marker string) error {
	seed := maphash.MakeSeed()
	a := &reading{seed: seed, marker: marker, losing: first}
	b := &reading{seed: seed, marker: marker}
	x, y := a.root(first), b.root(next.doc)
	if a.hash(x) != b.hash(y) {
		return unlike(a, b, x, y)
	}
	return checkGiven(next.doc)
}

// checkGiven refuses a device that was made anew and so lost what libvirt gave it: KubeVirt chose
// the number of PCI ports by these addresses.
func checkGiven(next *document.Document) error {
	for _, devices := range document.Elements(next.Element()) {
		if devices.Data != "devices" || devices.NamespaceURI != "" {
			continue
		}
		for _, d := range document.Elements(devices) {
			for _, name := range []string{"address", "alias"} {
				if !next.Original(d) && schema.Of(d).Child("", name) != nil && !hasChild(d, "", name) {
					return fmt.Errorf("the rule does not survive KubeVirt's second pass: %s loses the <%s> that libvirt gives it after the first, since it is removed "+
						"and added again: use one rule that changes it or puts another in its place", document.Location(d, ""), name)
				}
			}
		}
	}
	return nil
}

// reading reads the elements of one of the documents for the comparison.
type reading struct {
	seed   maphash.Seed
	marker string
	losing *document.Document // nil for the second result
}

// element is an element with what KubeVirt keeps of it.
type element struct {
	node *xmlquery.Node
	kept *schema.Element
}

func (r *reading) root(doc *document.Document) element {
	return element{doc.Element(), schema.Domain()}
}

// hash is equal for elements that mean the same. Unequal ones have the same by chance alone,
// since nobody knows the seed.
func (r *reading) hash(e element) uint64 {
	h, _ := r.sum(e)
	return h
}

// sum is the hash of an element, and whether it holds nothing that counts.
func (r *reading) sum(e element) (hash uint64, empty bool) {
	var h maphash.Hash
	h.SetSeed(r.seed)
	write(&h, e.node.NamespaceURI, e.node.Data)
	var attributes, children, count uint64
	r.eachAttribute(e, func(namespace, name, value string) {
		var h maphash.Hash
		h.SetSeed(r.seed)
		write(&h, namespace, name, value)
		attributes += h.Sum64()
		count++
	})
	ordered := e.node.NamespaceURI == document.QEMUNamespace
	r.eachChild(e, func(_ element, hash uint64) {
		if ordered {
			hash *= 2*count + 1 // a sum that depends on the order
		}
		children += hash
		count++
	})
	text := r.text(e)
	write(&h, text)
	h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, attributes), children))
	return h.Sum64(), count == 0 && text == ""
}

func write(h *maphash.Hash, parts ...string) {
	for _, p := range parts {
		h.WriteString(p)
		h.WriteByte(0) // in no text of XML
	}
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
		if n.Type != xmlquery.ElementNode || schema.IsGiven(n, r.marker) || e.node.Data == "devices" && schema.IsLibvirts(n, r.marker) {
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

// isLost recognises what the next call misses without any patch.
func (r *reading) isLost(n *xmlquery.Node) bool {
	return r.losing != nil && n.NamespaceURI == document.QEMUNamespace && r.losing.Original(n)
}

// text is the element's own text as KubeVirt writes it.
func (r *reading) text(e element) string {
	var b strings.Builder
	hasElements := false
	for n := e.node.FirstChild; n != nil; n = n.NextSibling {
		switch n.Type {
		case xmlquery.TextNode:
			b.WriteString(n.Data)
		case xmlquery.ElementNode:
			hasElements = true
		}
	}
	if e.kept == nil {
		if text := b.String(); !hasElements || strings.TrimSpace(text) != "" {
			return text
		}
		return ""
	}
	text, _ := e.kept.Text().Written(b.String())
	if e.kept.Text() == schema.None || text == e.kept.Text().Zero() {
		return ""
	}
	return text
}

// unlike names the first place in which two elements differ.
func unlike(first, next *reading, a, b element) error {
	if name, differs := differingAttribute(first, next, a, b); differs {
		return notSurviving(document.Location(a.node, name), "is not what it was")
	}
	if first.text(a) != next.text(b) {
		return notSurviving(document.Location(a.node, ""), "does not hold the text that it held")
	}
	lost, more := unpaired(first, next, a, b)
	for _, l := range lost {
		i := slices.IndexFunc(more, func(m element) bool { return sameName(m, l) })
		if i < 0 || count(lost, l) > count(more, l) {
			return notSurviving(document.Location(l.node, ""), "is lost")
		}
		if count(lost, l) == count(more, l) {
			return unlike(first, next, l, more[i])
		}
	}
	if len(more) > 0 {
		return notSurviving(document.Location(more[0].node, ""), "is there once more")
	}
	return notSurviving(document.Location(a.node, ""), "holds its elements in another order")
}

func notSurviving(place, what string) error {
	return fmt.Errorf("the rule does not survive KubeVirt's second pass: %s %s then. KubeVirt drops what its types have no field for and adds addresses, aliases "+
		"and devices, before it calls the hook again: select by what stays, and add with a key that stays", place, what)
}

func sameName(a, b element) bool {
	return a.node.Data == b.node.Data && a.node.NamespaceURI == b.node.NamespaceURI
}

// differingAttribute names an attribute that only one of the elements has, or with another value.
func differingAttribute(first, next *reading, a, b element) (name string, differs bool) {
	values := map[string]string{}
	first.eachAttribute(a, func(namespace, local, value string) { values[namespace+" "+local] = value })
	next.eachAttribute(b, func(namespace, local, value string) {
		if v, ok := values[namespace+" "+local]; !ok || v != value {
			name, differs = local, true
		}
		delete(values, namespace+" "+local)
	})
	for key := range values {
		_, local, _ := strings.Cut(key, " ")
		if !differs || local < name {
			name, differs = local, true
		}
	}
	return name, differs
}

// unpaired are the children of each that the other has none of.
func unpaired(first, next *reading, a, b element) (lost, more []element) {
	there := map[uint64]int{}
	next.eachChild(b, func(_ element, hash uint64) { there[hash]++ })
	first.eachChild(a, func(c element, hash uint64) {
		if there[hash]--; there[hash] < 0 {
			lost = append(lost, c)
		}
	})
	next.eachChild(b, func(c element, hash uint64) {
		if there[hash] > 0 {
			there[hash]--
			more = append(more, c)
		}
	})
	return lost, more
}

func count(all []element, like element) int {
	n := 0
	for _, e := range all {
		if sameName(e, like) {
			n++
		}
	}
	return n
}
