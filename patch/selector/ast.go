// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"strings"

	"github.com/domainpatch/domainpatch/patch/document"
)

// namespaces are the prefixes that a path may use.
var namespaces = map[string]string{
	"qemu":     document.QEMUNamespace,
	"kubevirt": document.KubeVirtNamespace,
}

// Kind is what a step selects.
type Kind int

// Kinds of steps.
const (
	Child     Kind = iota // an element by name or *
	Attribute             // @name or @*
	Text                  // text()
	Parent                // ..
	self                  // . (in predicates alone)
)

// Step is one step of a path.
type Step struct {
	Kind       Kind
	Descendant bool   // the step follows //
	Prefix     string // of the name test
	Local      string // of the name test; "*" for any
	Equal      []Pair // the predicates, where they are nothing but [@a='v'] and [child='v'] joined by and
	source     string // the step as antchfx/xpath reads it, without the slash before it
	predicates int    // how many predicates the step has
	positional bool   // the first of them is a position
	other      bool   // a predicate is something else than Equal can hold
}

// Pair is one condition of a constructible step: @Name='Value' or Name='Value'.
type Pair struct {
	Attribute   bool
	Prefix      string
	Name, Value string
}

// Namespace is the namespace of the step's name test.
func (s *Step) Namespace() string { return namespaces[s.Prefix] }

// Namespace is the namespace of the pair's name.
func (p *Pair) Namespace() string { return namespaces[p.Prefix] }

// Constructible says whether the step names exactly what it selects, so that set can
// create it: a plain element name with equality predicates alone, or an attribute's name.
func (s *Step) Constructible() bool {
	if s.Descendant || s.Local == "*" || s.Local == "" {
		return false
	}
	if s.Kind == Attribute {
		return s.Prefix == ""
	}
	return s.Kind == Child && !s.other && s.Prefix != "kubevirt"
}

// expression is a predicate: its text for antchfx/xpath and, where it is a
// conjunction of equalities, the pairs.
type expression struct {
	source string
	pairs  []Pair
	plain  bool // the pairs say it all
}

// relative is a path inside a predicate.
type relative struct {
	source string
	name   *Pair // the path is one plain child or attribute
	self   bool
}

func quote(literal string) string {
	if strings.Contains(literal, "'") {
		return `"` + literal + `"`
	}
	return "'" + literal + "'"
}
