// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a text, parsed. It is never changed once it is parsed.
type document struct {
	text   string
	header string     // first line of a cloud-config with its line end; comments for YAML, kept whatever happens below it
	model  *value     // what cloud-init reads
	tree   *yaml.Node // document node; nil where the text is JSON or holds no document
	json   bool
	whole  string // the MIME message that holds the text; the text itself where there is none
	frame  *frame // nil where there is none
}

func parseDocument(text, header string) (*document, error) {
	d := &document{text: text, whole: text, header: header, model: &value{kind: kindNull}}
	body := strings.TrimSpace(text[len(header):])
	if body == "" {
		return d, nil
	}
	// The empty line keeps yaml.v3's line numbers true without making the header its comment.
	var err error
	d.tree, d.model, err = parseYAML(strings.Repeat("\n", min(1, len(header))) + text[len(header):])
	if body[0] != '{' || !json.Valid([]byte(body)) {
		return d, err
	}
	// YAML reads some JSON otherwise (1e3 is a string) and some not at all. Where both agree, JSON is kept.
	asJSON, jsonErr := decodeJSON([]byte(body))
	if err != nil || jsonErr == nil && equal(asJSON, d.model, sameReading) {
		d.json, d.tree, d.model, err = true, nil, asJSON, jsonErr
	}
	return d, err
}

var errUnfaithful = errors.New("the YAML would not read back as what the operation makes of it")

// draft is one way to write the wanted model: the text, and what its author believes it says.
type draft func(want *value) (text string, reading *value, err error)

// edit writes the wanted model in the way that keeps most of the text, among those that read back as it.
func (d *document) edit(want *value, parse func(string) (*document, error)) (*document, error) {
	if want.kind != kindObject {
		return nil, fmt.Errorf("the document would become %s, and cloud-init wants a mapping", want.kind)
	}
	if d.frame != nil {
		parse = d.frame.parser(d, parse)
	}
	drafts := []draft{d.spliced, d.rewritten, d.expanded, d.uncommented}
	switch {
	case d.json:
		drafts = []draft{d.asJSON}
	case d.tree == nil:
		drafts = []draft{d.extended, d.renewed}
	}
	if d.frame != nil && lineEnd(d.text) == "" {
		drafts = withUnended(drafts)
	}
	var failure error
	for _, write := range drafts {
		next, err := faithful(write, want, parse)
		if err == nil {
			return next, nil
		}
		failure = err
	}
	return nil, fmt.Errorf("cannot write the result: %w", failure)
}

// withUnended tries every draft first without the line end of its last line: in a MIME part the one before the
// delimiter does not count. It may matter, at the end of a literal scalar.
func withUnended(drafts []draft) []draft {
	var all []draft
	for _, write := range drafts {
		all = append(all, func(want *value) (string, *value, error) {
			text, reading, err := write(want)
			return strings.TrimSuffix(text, lineEnd(text)), reading, err
		}, write)
	}
	return all
}

// faithful parses what a draft wrote and refuses it if that is not what it was to say.
func faithful(write draft, want *value, parse func(string) (*document, error)) (*document, error) {
	text, reading, err := write(want)
	if err != nil {
		return nil, err
	}
	next, err := parse(text)
	if err != nil {
		return nil, err
	}
	if !equal(next.model, want, sameText) || !equal(next.model, reading, sameReading) {
		return nil, errUnfaithful
	}
	return next, nil
}

// asJSON writes a JSON document, on one line or indented as it was.
func (d *document) asJSON(want *value) (string, *value, error) {
	body := d.text[len(d.header):]
	trimmed := strings.TrimSpace(body)
	out := want.appendJSON(nil)
	if _, next, several := strings.Cut(trimmed, "\n"); several || trimmed == "" {
		indent := next[:len(next)-len(strings.TrimLeft(next, " "))]
		var b bytes.Buffer
		if err := json.Indent(&b, out, "", or(indent, "  ")); err != nil {
			return "", nil, err
		}
		out = b.Bytes()
	}
	before, after, _ := strings.Cut(body, trimmed)
	if trimmed == "" {
		before, after = "", "\n"
	}
	return withNewline(d.header) + before + string(out) + after, want, nil
}

// extended puts a document behind a text that holds none, only comments at most.
func (d *document) extended(want *value) (string, *value, error) {
	body, err := encodeYAML(newNode(want), layout{indent: 2})
	return withNewline(d.text) + body, want, err
}

// renewed puts a document in place of a null.
func (d *document) renewed(want *value) (string, *value, error) {
	body, err := encodeYAML(newNode(want), layout{indent: 2})
	return withNewline(d.header) + body, want, err
}

// spliced writes only the entries that changed.
func (d *document) spliced(want *value) (string, *value, error) {
	e := editor{origin: map[*yaml.Node]*yaml.Node{}}
	root := e.reconcile(d.root(), d.model, want)
	text, err := splice(d.text, d.root(), root, e.origin)
	if err != nil {
		return "", nil, err
	}
	reading, err := readTree(root)
	return text, reading, err
}

// rewritten writes the whole tree anew, with its comments and aliases.
func (d *document) rewritten(want *value) (string, *value, error) {
	return d.write(d.root(), want)
}

// expanded writes the whole tree anew without aliases and merge keys, for edits that reach through them.
func (d *document) expanded(want *value) (string, *value, error) {
	return d.write(expand(d.root()), want)
}

// uncommented is expanded without comments, some of which yaml.v3 puts where they swallow a value.
func (d *document) uncommented(want *value) (string, *value, error) {
	return d.write(withoutComments(expand(d.root())), want)
}

func (d *document) write(root *yaml.Node, want *value) (string, *value, error) {
	e := editor{origin: map[*yaml.Node]*yaml.Node{}}
	tree := *d.tree
	tree.Content = []*yaml.Node{e.reconcile(root, d.model, want)}
	body, err := encodeYAML(&tree, layoutOf(d.root()))
	if err != nil {
		return "", nil, err
	}
	reading, err := readTree(tree.Content[0])
	return withNewline(d.header) + body, reading, err
}

func (d *document) root() *yaml.Node { return d.tree.Content[0] }

func withNewline(s string) string {
	switch {
	case s == "" || strings.HasSuffix(s, "\n"):
		return s
	case strings.Contains(s, "\r\n"):
		return s + "\r\n"
	}
	return s + "\n"
}
