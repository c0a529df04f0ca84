// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package selector compiles and evaluates the XPath dialect of DomainPatch.
//
// The dialect is a part of XPath 1.0: absolute location paths and unions of them, the
// axes child, attribute, parent, self, following-sibling, preceding-sibling and //, name
// tests, *, @*, text(), and predicates of comparisons, and, or, not(), positions and the
// functions that Compile's errors name. What the grammar accepts means exactly what
// XPath 1.0 says; a test compares it with libxml2. All else is refused by Compile, which
// names the construct and its byte.
//
// Results are in document order and without duplicates. Names without a prefix mean no
// namespace; the prefixes qemu and kubevirt are bound. Comments, processing instructions
// and namespace declarations are never selected. Every evaluation draws on a Budget of
// steps, so that no path can hang its caller.
package selector

// Limits of a path and its evaluation.
const (
	// MaxPathBytes is the longest path, in bytes.
	MaxPathBytes = 1024
	// MaxDepth is how deep predicates, parentheses and functions may nest.
	MaxDepth = 16
	// MaxMatches is how many nodes one path may select.
	MaxMatches = 256
	// MaxSteps is how much one Budget allows: a step is a node that is looked at, or 256
	// bytes of text that are read.
	MaxSteps = 200_000
)
