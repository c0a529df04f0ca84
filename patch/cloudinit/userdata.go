// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	cloudConfig   = "#cloud-config"
	emptyUserData = cloudConfig + "\n"
)

// format is a kind of user data that cloud-init tells by how it begins (INCLUSION_TYPES_MAP in cloudinit/handlers).
type format struct{ prefix, name, advice string }

// The longest prefix comes first, since #cloud-config begins others.
var foreignFormats = []format{
	{"#cloud-config-archive", "a cloud-config archive", "turn it into one #cloud-config"},
	{"#cloud-config-jsonp", "a JSON patch of cloud-init's own (jsonp)", "write its operations as rules on a #cloud-config"},
	{"#cloud-boothook", "a boothook", "turn it into bootcmd of a #cloud-config"},
	{"#include", "an include file", "put what it includes into a #cloud-config"},
	{"#part-handler", "a part handler", "turn it into a #cloud-config"},
	{"#upstart-job", "an upstart job", "turn it into write_files of a #cloud-config"},
	{"## template: jinja", "a jinja template", "write the values out in a #cloud-config"},
	{"#!", "a script", "turn it into runcmd or write_files of a #cloud-config"},
	{"\ufeff", "text behind a byte order mark", "save it without the mark"},
	{"Content-Type:", "a MIME message that cloud-init does not know for one", "give it the header MIME-Version: 1.0 in its first 4096 bytes"},
	{"\x1f\u008b", "gzip data", gzipAdvice},
	{"\x1f" + string(utf8.RuneError), "gzip data", gzipAdvice},
}

const gzipAdvice = "KubeVirt hands user data to hooks as JSON text, which destroys gzip; give it uncompressed"

// foreignFormat returns the format that a text has, nil for a #cloud-config and what cloud-init does not know.
func foreignFormat(text string) *format {
	for i := range foreignFormats {
		if strings.HasPrefix(text, foreignFormats[i].prefix) {
			return &foreignFormats[i]
		}
	}
	return nil
}

// cloudConfigHeader is the first line of a #cloud-config with its line end, which is no part of the document to an edit; else empty.
func cloudConfigHeader(text string) string {
	if !strings.HasPrefix(text, cloudConfig) {
		return ""
	}
	line, _, _ := strings.Cut(text, "\n")
	return text[:min(len(line)+1, len(text))]
}

// parseUserData reads user data that is a #cloud-config, a MIME message with one, or empty, and names what it found if it
// is anything else. It never quotes user data, which may hold secrets.
func parseUserData(text string) (*document, error) {
	if looksLikeMIME(text) {
		return parseMIME(text)
	}
	if f := foreignFormat(text); f != nil {
		return nil, refuse(f.name, f.advice)
	}
	switch {
	case strings.HasPrefix(text, cloudConfig):
		return parseMapping(text, cloudConfigHeader(text))
	case strings.TrimSpace(text) == "":
		return parseMapping(emptyUserData, emptyUserData)
	case strings.ContainsFunc(text, func(r rune) bool { return unprintable(r) && r != '\n' && r != '\r' }):
		return nil, refuse("binary", "give a #cloud-config")
	case strings.HasPrefix(strings.ToLower(strings.TrimSpace(text)), cloudConfig):
		return nil, refuse("not a #cloud-config for every cloud-init", "write #cloud-config in lower case at its very first byte")
	}
	return nil, refuse("of a kind that cloud-init does not know", "begin it with #cloud-config if it is one")
}

func refuse(found, advice string) error {
	return fmt.Errorf("the user data is %s, and only a #cloud-config, alone or in MIME multi-part, can be edited: %s", found, advice)
}

// parseNetworkData reads network data: YAML or JSON, or nothing. ConfigDrive's is a JSON file, so an empty one becomes JSON.
func (d *Data) parseNetworkData(text string) (*document, error) {
	doc, err := parseMapping(text, "")
	if err == nil && doc.tree == nil && d.meta.member == memberConfigDrive {
		doc.json = true
	}
	return doc, err
}

// parseMapping parses a document that must be a mapping, as all of cloud-init's are; an empty one counts as an empty mapping.
func parseMapping(text, header string) (*document, error) {
	doc, err := parseDocument(text, header)
	if err != nil {
		return nil, err
	}
	if doc.model.kind == kindNull {
		doc.tree, doc.model = nil, &value{kind: kindObject}
	}
	if doc.model.kind != kindObject {
		return nil, fmt.Errorf("the document is %s, and cloud-init wants a mapping", doc.model.kind)
	}
	return doc, nil
}
