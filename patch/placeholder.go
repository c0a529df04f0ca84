// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// placeholderPrefix and a number are how KubeVirt (AppendPlaceholderInterfacesToTheDomain in
// virtwrap/network/nichotplug.go) marks the interfaces of the first of several calls, and of that one alone: by the name
// of the interface in the node, and since v1.8 by an alias, too. Aliases of users start with "ua-", KubeVirt
// chooses the names, escapes texts and writes no comments, so nothing else of its making looks like one.
const placeholderPrefix = "placeholder-"

var placeholder = lazyregexp.New(`<(alias\s[^<>]*\bname|target\s[^<>]*\bdev)\s*=\s*["']` + placeholderPrefix + `[0-9]+["']`)

// HasPlaceholders tells whether a domain has such interfaces. It does not parse the document: the pattern alone takes half as
// long as a repeated call, so it looks for the fixed part first.
func HasPlaceholders(doc []byte) bool {
	return bytes.Contains(doc, []byte(placeholderPrefix)) && placeholder().Match(doc)
}

// hidePlaceholders keeps rules off the interfaces that KubeVirt adds to the first call
// alone, to have libvirt reserve PCI ports for hotplug.
func hidePlaceholders(doc *document.Document) {
	for _, devices := range document.Elements(doc.Element()) {
		if devices.Data != "devices" {
			continue
		}
		for _, n := range document.Elements(devices) {
			if isPlaceholder(n) {
				doc.Hide(n)
			}
		}
	}
}

// isPlaceholder is HasPlaceholders for one interface. KubeVirt's placeholders are of the type ethernet.
func isPlaceholder(n *xmlquery.Node) bool {
	i := document.Attribute(n, "", "type")
	if n.Data != "interface" || i < 0 || n.Attr[i].Value != "ethernet" {
		return false
	}
	return hasPlaceholderName(n, "alias", "name") || hasPlaceholderName(n, "target", "dev")
}

func hasPlaceholderName(n *xmlquery.Node, child, attribute string) bool {
	of := childNamed(n, child)
	if of == nil {
		return false
	}
	i := document.Attribute(of, "", attribute)
	return i >= 0 && isPlaceholderName(of.Attr[i].Value)
}

func isPlaceholderName(name string) bool {
	number, marked := strings.CutPrefix(name, placeholderPrefix)
	return marked && number != "" && strings.Trim(number, "0123456789") == ""
}
