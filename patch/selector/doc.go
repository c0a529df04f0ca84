// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package selector compiles and evaluates the XPath dialect of DomainPatch.
//
// The dialect is a part of XPath 1.0 that a grammar of our own accepts: absolute
// location paths of child and attribute steps, //, .., name tests, *, @*, text(),
// and predicates that compare with quoted strings. Everything else is refused by
// Compile, which names the construct: the library that evaluates the paths,
// antchfx/xpath, compiles more than it evaluates right, and some of that panics.
//
// Results are in document order and without duplicates. Names without a prefix
// mean no namespace; the prefixes qemu and kubevirt are bound. Every evaluation
// draws on a Budget of steps, so that no path can hang its caller, and a panic of
// the library becomes an error, in one place.
package selector

// Limits of a path and its evaluation.
const (
	// MaxPathBytes is the longest path, in bytes.
	MaxPathBytes = 1024
	// MaxDepth is how deep predicates and parentheses may nest.
	MaxDepth = 16
	// MaxMatches is how many nodes one path may select.
	MaxMatches = 256
	// MaxSteps is how many moves from node to node one Budget allows.
	MaxSteps = 200_000
)
