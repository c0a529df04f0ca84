// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// key is a relative path to what identifies an element among its siblings: down some
// children, to an attribute or to the text of the last child. With two attributes both
// together identify it. The zero key means that libvirt allows the element once per
// parent: the name alone identifies it.
type key struct {
	child string // names of children, with slashes between them; empty for the element itself
	attrs []string
	text  bool // the text of the child

	optional []string // attributes of the element itself that tell it apart as well; empty is the same as missing

	fold bool                        // letters of either case are the same
	also func(*xmlquery.Node) string // what else tells two elements apart; nil for nothing
}

func attrKey(names ...string) key { return key{attrs: names} }

func childKey(child string, attrs ...string) key { return key{child: child, attrs: attrs} }

func textKey(child string) key { return key{child: child, text: true} }

// isSingle says whether the name alone identifies the element.
func (k key) isSingle() bool { return len(k.attrs) == 0 && len(k.optional) == 0 && !k.text }

// maxKeySteps is how many steps the key of a rule may have.
const maxKeySteps = 4

var keyStep = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// parseKey reads the key of a rule: names of elements with slashes between them, the last
// one an attribute with an @ before it, or an element whose text counts.
func parseKey(path string) (key, error) {
	steps := strings.Split(path, "/")
	if len(steps) > maxKeySteps {
		return key{}, fmt.Errorf("%s has %d steps, over the limit of %d", path, len(steps), maxKeySteps)
	}
	last := len(steps) - 1
	name, isAttribute := strings.CutPrefix(steps[last], "@")
	for _, step := range append(slices.Clone(steps[:last]), name) {
		if !keyStep().MatchString(step) {
			return key{}, fmt.Errorf("%s: %q is no plain name: a key is a relative path such as target/@dev, @type or name", path, step)
		}
	}
	if isAttribute {
		return childKey(strings.Join(steps[:last], "/"), name), nil
	}
	return textKey(path), nil
}

// value gives what the key says of an element; ok is false where the element lacks it.
func (k key) value(n *xmlquery.Node) (value string, ok bool) {
	if k.isSingle() {
		return "", true
	}
	of := n
	for step := range k.steps() {
		if of = childNamed(of, step); of == nil {
			return "", false
		}
	}
	if k.text {
		value = "=" + document.Text(of) + "\x00"
	}
	for _, name := range k.attrs {
		i := document.Attribute(of, "", name)
		if i < 0 {
			return "", false
		}
		value += name + "=" + of.Attr[i].Value + "\x00"
	}
	for _, name := range k.optional {
		if i := document.Attribute(n, "", name); i >= 0 && n.Attr[i].Value != "" {
			value += name + "=" + n.Attr[i].Value + "\x00"
		}
	}
	if k.fold {
		value = strings.ToLower(value)
	}
	if k.also != nil {
		value += k.also(n)
	}
	return value, true
}

// steps goes through the children that the key names.
func (k key) steps() func(yield func(string) bool) {
	if k.child == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(k.child, "/")
}

// childNamed is the first child element of that name without a namespace.
func childNamed(n *xmlquery.Node, name string) *xmlquery.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode && c.Data == name && c.NamespaceURI == "" {
			return c
		}
	}
	return nil
}

// attributes are the names of all attributes of the key.
func (k key) attributes() []string { return slices.Concat(k.attrs, k.optional) }

// String names a key as a path.
func (k key) String() string {
	if k.text {
		return k.child
	}
	prefix := ""
	if k.child != "" {
		prefix = k.child + "/"
	}
	return prefix + "@" + strings.Join(k.attributes(), " and "+prefix+"@")
}

// agreement says in what two elements with this key agree.
func (k key) agreement() string {
	if k.isSingle() {
		return "libvirt allows once per parent"
	}
	return "agree on " + k.String()
}

// sameness says what several siblings with this key have in common.
func (k key) sameness() string {
	if k.isSingle() {
		return "are there, of which libvirt allows one"
	}
	return "have the same " + k.String()
}

// keyError is what is wrong with the key of a rule rather than with its xml.
type keyError struct{ error }

// survives refuses a key that KubeVirt drops from an element which it keeps. Where it drops
// the whole element, that is added again, and no key can mistake it.
func (k key) survives(e *schema.Element) error {
	if e == nil {
		return nil
	}
	of := e
	for step := range k.steps() {
		of = of.Child("", step)
	}
	lost := k.text && !of.KeepsText()
	for _, name := range k.attributes() {
		lost = lost || !of.Keeps("", name)
	}
	if lost {
		return keyError{fmt.Errorf("KubeVirt drops %s between two calls of the hook, so the element would be added twice: take another key", k)}
	}
	return nil
}
