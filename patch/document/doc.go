// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package document turns the bytes of an XML document into a tree of
// xmlquery.Node and back, so that bytes which no edit touches stay as they are:
// comments, CDATA, quotes, character references, empty-element style, white space.
//
// Every node remembers the source text it came from. Edits go through the methods
// of Document, which mark what they touch; Bytes copies the source of everything
// else. xmlquery's own parser and writer are not used: the one is quadratic in
// comments and loses namespaces, the other rewrites what it did not change.
//
// The parser accepts well-formed, namespace-well-formed XML 1.0 in UTF-8 and
// nothing more: no DOCTYPE, no entities but the five predefined ones and character
// references, one root element. Input is hostile until parsed; the limits are below.
//
// Two simplifications of the tree: adjacent text and CDATA sections are one text
// node, as in the XPath data model, and processing instructions and the XML
// declaration are comment nodes with the target in Data, since XPath as this
// project speaks it can select neither.
package document

// Limits of a document. Going over one of them is an error that says which.
const (
	// MaxBytes is the largest document, in bytes.
	MaxBytes = 512 << 10
	// MaxDepth is how deep elements may nest.
	MaxDepth = 64
	// MaxNodes is how many elements, texts and comments a document may have.
	MaxNodes = 20_000
	// MaxAttributes is how many attributes one element may have, namespace declarations included.
	MaxAttributes = 256
	// MaxGrowth is how many bytes edits may add to a document; a character that is written as
	// a reference counts as itself.
	MaxGrowth = 256 << 10
)

// Namespaces that need no declaration in a patch.
const (
	// QEMUNamespace is libvirt's namespace for QEMU pass-through, bound to the prefix qemu.
	QEMUNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"
	// KubeVirtNamespace is the namespace of KubeVirt's metadata, bound to the prefix kubevirt.
	KubeVirtNamespace = "http://kubevirt.io"
)

const (
	xmlNamespace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNamespace = "http://www.w3.org/2000/xmlns/"
)
