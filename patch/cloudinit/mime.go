// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
)

// mimeWindow is how far cloud-init looks for a MIME header, in bytes (convert_string in cloudinit/user_data.py).
const mimeWindow = 4096

// maxMIMEParts is how many parts a message may have.
const maxMIMEParts = 100

const cloudConfigType = "text/cloud-config"

// sniffedTypes are those for which cloud-init looks at how the part begins (TYPE_NEEDED in cloudinit/user_data.py).
var sniffedTypes = []string{"text/plain", "text/x-not-multipart", "text/x-shellscript"}

// looksLikeMIME says whether cloud-init reads user data as a MIME message.
func looksLikeMIME(text string) bool {
	return strings.Contains(strings.ToLower(text[:min(len(text), mimeWindow)]), "mime-version:")
}

// mimePart is a part of a message: text[from:to] is its body, as it stands there. The line break behind it belongs to the delimiter.
type mimePart struct {
	number   int // from 1
	kind     string
	encoding string // Content-Transfer-Encoding in lower case
	from, to int
}

// parseMIME finds the one cloud-config among the parts of a message and parses it. It accepts what Python's email package,
// with which cloud-init reads it, and RFC 2046 agree on; every other byte of the message stays as it is.
func parseMIME(text string) (*document, error) {
	parts, err := splitMIME(text)
	if err != nil {
		return nil, fmt.Errorf("the user data is a MIME message that cannot be edited: %w", err)
	}
	found, err := findCloudConfig(text, parts)
	if err != nil {
		return nil, err
	}
	f, body := newFrame(text, found)
	inner, err := f.decode(body)
	if err != nil {
		return nil, fmt.Errorf("part %d of the MIME message: %w", found.number, err)
	}
	doc, err := parsePart(inner)
	if err != nil {
		return nil, fmt.Errorf("part %d of the MIME message: %w", found.number, err)
	}
	doc.whole, doc.frame = text, f
	return doc, nil
}

// parsePart parses the text of a part, which needs no #cloud-config line if its type says what it is.
func parsePart(text string) (*document, error) {
	if strings.HasPrefix(text, "#") {
		if f := foreignFormat(text); f != nil {
			return nil, fmt.Errorf("it is %s, and only a #cloud-config can be edited: %s", f.name, f.advice)
		}
	}
	return parseMapping(text, cloudConfigHeader(text))
}

// findCloudConfig returns the part that is edited, or says what there is instead.
func findCloudConfig(text string, parts []mimePart) (*mimePart, error) {
	var found []int
	var kinds []string
	for i := range parts {
		if kinds = append(kinds, fmt.Sprintf("%.60q", parts[i].kind)); parts[i].isCloudConfig(text) {
			found = append(found, i)
		}
	}
	if len(kinds) > 5 {
		kinds = append(kinds[:5], "...")
	}
	switch len(found) {
	case 1:
		return &parts[found[0]], nil
	case 0:
		return nil, fmt.Errorf("the user data is a MIME message without a %s part (its parts are %s): give it one", cloudConfigType, strings.Join(kinds, ", "))
	}
	return nil, fmt.Errorf("the user data is a MIME message with %d %s parts (the first two are parts %d and %d), and it is not clear which one to edit: put them into one",
		len(found), cloudConfigType, parts[found[0]].number, parts[found[1]].number)
}

func (p *mimePart) isCloudConfig(text string) bool {
	if p.kind == cloudConfigType || !slices.Contains(sniffedTypes, p.kind) {
		return p.kind == cloudConfigType
	}
	f, body := newFrame(text, p)
	inner, err := f.decode(body)
	inner = strings.ToLower(strings.TrimSpace(inner))
	if err != nil || !strings.HasPrefix(inner, cloudConfig) {
		return false
	}
	return foreignFormat(inner) == nil
}

// splitMIME finds the parts of a multi-part message.
func splitMIME(text string) ([]mimePart, error) {
	if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
		return nil, errors.New("a carriage return without a line feed, which breaks a line for some readers only: write one kind of line end")
	}
	boundary, body, err := multipartHeader(text)
	if err != nil {
		return nil, err
	}
	var parts []mimePart
	from := -1 // where the part begins that is being read
	for at, line := range linesFrom(text, body) {
		isDelimiter, isLast := delimiter(line, boundary)
		if !isDelimiter {
			continue
		}
		if from >= 0 {
			p, err := readPart(text, from, at, len(parts)+1)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p)
		}
		switch from = at + len(line); {
		case isLast && len(parts) == 0:
			return nil, errors.New("it has no parts")
		case isLast:
			return parts, nil
		case len(parts) == maxMIMEParts:
			return nil, fmt.Errorf("more than %d parts (the limit)", maxMIMEParts)
		}
	}
	if from < 0 {
		return nil, fmt.Errorf("no line is %.72q, the boundary that its Content-Type names", "--"+boundary)
	}
	return nil, fmt.Errorf("the line %.74q that ends it is missing", "--"+boundary+"--")
}

// multipartHeader reads the header of the message and returns the boundary, and where the body begins.
func multipartHeader(text string) (boundary string, body int, err error) {
	fields, body, err := parseMIMEHeader(text, 0, len(text))
	_, ok := fields["mime-version"]
	if strings.HasPrefix(text, "#") || err == nil && (!ok || !looksLikeMIME(text[:body])) {
		return "", 0, errors.New("mime-version: stands in its first 4096 bytes, which makes it a MIME message to cloud-init, but not in a header at its beginning: move it or break the word")
	}
	if err != nil {
		return "", 0, err
	}
	kind, params, err := mediaType(fields)
	switch {
	case err != nil:
		return "", 0, err
	case !strings.HasPrefix(kind, "multipart/"):
		return "", 0, fmt.Errorf("it is a %.60q without parts: give it as user data without MIME, or as the part of a multipart/mixed", kind)
	case kind == "multipart/digest":
		return "", 0, errors.New("it is multipart/digest, whose parts are messages: make it multipart/mixed")
	case strings.Trim(params["boundary"], " \t") == "":
		return "", 0, fmt.Errorf("its Content-Type %.60q names no boundary", kind)
	}
	if e := transferEncoding(fields); !isIdentity(e) {
		return "", 0, fmt.Errorf("Content-Transfer-Encoding %.40q for the whole message: encode its parts instead", e)
	}
	return strings.TrimRight(params["boundary"], " \t"), body, nil
}

// delimiter says whether a line is the boundary between parts, or the one behind the last (RFC 2046, section 5.1.1).
func delimiter(line, boundary string) (is, last bool) {
	rest, is := strings.CutPrefix(line, "--"+boundary)
	if !is {
		return false, false
	}
	rest, last = strings.CutPrefix(rest, "--")
	is = strings.Trim(rest, " \t\r\n") == ""
	return is, is && last
}

// readPart reads the header of the part text[from:to].
func readPart(text string, from, to, number int) (mimePart, error) {
	p := mimePart{number: number}
	fields, body, err := parseMIMEHeader(text, from, to)
	if err != nil {
		return p, fmt.Errorf("part %d: %w", number, err)
	}
	if p.kind, _, err = mediaType(fields); err != nil {
		return p, fmt.Errorf("part %d: %w", number, err)
	}
	if strings.HasPrefix(p.kind, "multipart/") || strings.HasPrefix(p.kind, "message/") {
		return p, fmt.Errorf("part %d is %.60q, which has parts of its own: put all parts on one level", number, p.kind)
	}
	p.encoding, p.from, p.to = transferEncoding(fields), body, max(body, to-len(lineEnd(text[from:to])))
	return p, nil
}

// lineEnd returns the line break at the end of a text.
func lineEnd(text string) string {
	switch {
	case strings.HasSuffix(text, "\r\n"):
		return "\r\n"
	case strings.HasSuffix(text, "\n"):
		return "\n"
	}
	return ""
}

// parseMIMEHeader reads the fields of text[from:to] up to an empty line, by their names in lower case, and returns where the body begins.
func parseMIMEHeader(text string, from, to int) (fields map[string]string, body int, err error) {
	fields = map[string]string{}
	name := ""
	for at, line := range linesFrom(text[:to], from) {
		trimmed := strings.TrimRight(line, "\r\n")
		switch {
		case trimmed == "":
			return fields, at + len(line), nil
		case (line[0] == ' ' || line[0] == '\t') && name != "":
			fields[name] += " " + strings.TrimSpace(trimmed)
			continue
		}
		field, value, ok := strings.Cut(trimmed, ":")
		if name = strings.ToLower(field); !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, 0, errors.New("its header has a line that is no field (NAME: VALUE), and an empty line must end it")
		}
		if _, twice := fields[name]; twice && decides(name) {
			return nil, 0, fmt.Errorf("its header has %s twice", name)
		}
		fields[name] = strings.TrimSpace(value)
	}
	return nil, 0, errors.New("no empty line ends its header")
}

// decides says whether a header field has a say in where a cloud-config is and how it is written.
func decides(name string) bool {
	return name == "mime-version" || name == "content-type" || name == "content-transfer-encoding"
}

// mediaType returns the type that a header gives, text/plain by default.
func mediaType(fields map[string]string) (kind string, params map[string]string, err error) {
	value, ok := fields["content-type"]
	if !ok {
		return "text/plain", nil, nil
	}
	if kind, params, err = mime.ParseMediaType(value); err != nil || !strings.Contains(kind, "/") {
		return "", nil, errors.New("its Content-Type cannot be read: write TYPE/SUBTYPE; NAME=\"VALUE\"")
	}
	return kind, params, nil
}

func transferEncoding(fields map[string]string) string {
	return strings.ToLower(fields["content-transfer-encoding"])
}

// linesFrom iterates over the lines of a text with their line ends, from an offset on; the key is the offset of the line.
func linesFrom(text string, offset int) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for line := range strings.Lines(text[offset:]) {
			if !yield(offset, line) {
				return
			}
			offset += len(line)
		}
	}
}
