// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kind is the type of a value: the six of JSON and one for what JSON lacks.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	// kindOpaque is a YAML scalar without a JSON form, such as a date; JSON holds its text as a string.
	kindOpaque
	kindList
	kindObject
)

// String names the kind as a user of YAML knows it.
func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a string", "a list", "a mapping"}[k]
}

// value is a JSON value that keeps the order of members and the digits of numbers. It is never changed once it is built.
type value struct {
	kind  kind
	text  string     // of a scalar: true, false, a JSON number in normal form, or the string itself
	keys  []string   // of an object, distinct
	items []*value   // of a list, or of an object beside its keys
	node  *yaml.Node // what it was read from; nil if not from YAML, or not as it stands there
}

// members maps the keys of an object to their positions, for callers that look up many.
func (v *value) members() map[string]int {
	m := make(map[string]int, len(v.keys))
	for i, k := range v.keys {
		m[k] = i
	}
	return m
}

// withItem returns a copy of a list or an object with item i replaced.
func (v *value) withItem(i int, item *value) *value {
	c := *v
	c.node = nil
	c.items = slices.Clone(v.items)
	c.items[i] = item
	return &c
}

// equal compares two values; objects regardless of order, scalars by the given function.
func equal(a, b *value, scalar func(a, b *value) bool) bool {
	switch {
	case a == b:
		return true
	case a.kind < kindList || b.kind < kindList:
		return a.kind < kindList && b.kind < kindList && scalar(a, b)
	case a.kind != b.kind || len(a.items) != len(b.items):
		return false
	}
	var at map[string]int // of b, once a member stands elsewhere
	for i, item := range a.items {
		j := i
		if a.kind == kindObject && a.keys[i] != b.keys[i] {
			if at == nil {
				at = b.members()
			}
			var ok bool
			if j, ok = at[a.keys[i]]; !ok {
				return false
			}
		}
		if !equal(item, b.items[j], scalar) {
			return false
		}
	}
	return true
}

// sameReading holds for scalars that cloud-init reads alike, dates told from strings.
func sameReading(a, b *value) bool { return a.kind == b.kind && a.text == b.text }

// sameText holds for scalars with one JSON form, 1 told from 1.0.
func sameText(a, b *value) bool { return a.jsonKind() == b.jsonKind() && a.text == b.text }

// sameJSON is the equality of RFC 6902, section 4.6: numbers are compared by their value.
func sameJSON(a, b *value) bool {
	if a.kind == kindNumber && b.kind == kindNumber {
		return decimal(a.text) == decimal(b.text)
	}
	return sameText(a, b)
}

func (v *value) jsonKind() kind {
	if v.kind == kindOpaque {
		return kindString
	}
	return v.kind
}

// numberText brings a JSON number, or a YAML 1.1 number without underscores, to the form in which JSON and
// YAML 1.1 agree on it: an integer without decoration, or a float with digits on both sides of its
// point and a signed exponent (PyYAML takes 1e3 for a string).
func numberText(s string) string {
	s = strings.TrimPrefix(s, "+")
	if s == "-0" {
		return "0"
	}
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	digits, negative := strings.CutPrefix(s, "-")
	mantissa, exponent := cutExponent(digits)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	whole = strings.TrimLeft(whole, "0")
	out := or(whole, "0") + "." + or(fraction, "0")
	if negative {
		out = "-" + out
	}
	switch {
	case exponent == "":
		return out
	case exponent[0] == '-' || exponent[0] == '+':
		return out + "e" + exponent
	}
	return out + "e+" + exponent
}

// decimal writes a JSON number so that equal numbers, and only these, are equal texts: digits without leading
// or trailing zeros and a power of ten. It never expands the power, however large.
func decimal(s string) string {
	rest, negative := strings.CutPrefix(s, "-")
	mantissa, exponent := cutExponent(rest)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	power, err := strconv.Atoi(or(exponent, "0"))
	if err != nil || power < -1e9 || power > 1e9 {
		return s // no computer reads such a number
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	power += len(digits) - len(significant) - len(fraction)
	if significant == "" {
		return "0"
	}
	if negative {
		significant = "-" + significant
	}
	return significant + "e" + strconv.Itoa(power)
}

func cutExponent(s string) (mantissa, exponent string) {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
