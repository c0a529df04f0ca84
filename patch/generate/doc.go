// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package generate finds the rules that turn one document into another: a domain into what
// a hook script made of it, or cloud-init data into other such data.
//
// The rules name elements by what identifies them, in the engine's table of identities, and
// by their position only where nothing else tells them apart. They hold the difference
// alone. Rules that do the same to all devices of a kind are one. Before rules are handed out they are compiled and applied by the engine, as a first
// call that checks itself and as a repeated one, and the result is compared with the wanted
// document. What no rule can express, or what KubeVirt's second pass would undo, is an error
// that names the place.
//
// Documents are equal where their canonical XML is, without comments and texts of nothing but
// white space. Namespace prefixes, CDATA sections, processing instructions and the order of
// attributes are no difference either. A difference in the order of devices, or of the parts
// of the domain, that no rule can express and that means nothing to libvirt is left alone,
// and said in a note.
//
// The package is pure: bytes in, rules out. Its input is hostile until parsed.
package generate
