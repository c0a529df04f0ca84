// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// source is one YAML document of a file, or a JSON value.
type source struct {
	file string
	data []byte
	// above are the lines of the file before it.
	above int

	parse sync.Once
	root  *yaml.Node // see node

	told int // mistakes of reading
}

// byteOrderMark is what some editors put first into a file, and count as no column.
const byteOrderMark = "\ufeff"

// sources cuts a file where a line starts with ---, which stays with what follows it.
func sources(file string, data []byte) []*source {
	data = withLineFeeds(bytes.TrimLeft(data, byteOrderMark))
	var all []*source
	start, above, line := 0, 0, 0
	add := func(end int) {
		if d := (&source{file: file, data: data[start:end], above: above}); !d.isComment() {
			all = append(all, d)
		}
		start, above = end, line
	}
	for at := 0; at < len(data); line++ {
		if isSeparator(data[at:]) {
			add(at)
		}
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	add(len(data))
	return all
}

// withLineFeeds makes line feeds of the carriage returns that end a line alone: to YAML they are the same (YAML 1.2.2, 5.4),
// and who looks for lines and documents here then finds those of YAML. UTF-16 stays as it is.
func withLineFeeds(text []byte) []byte {
	isWide := bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
	if isWide || bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	text = bytes.Clone(text)
	for i, c := range text {
		if c == '\r' && !bytes.HasPrefix(text[i+1:], []byte("\n")) {
			text[i] = '\n'
		}
	}
	return text
}

// isSeparator says whether a text starts with the mark of a new document (YAML 1.2.2, 9.1.2).
func isSeparator(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// isComment says whether the document holds no value.
func (d *source) isComment() bool {
	for line := range bytes.Lines(d.data) {
		line = bytes.TrimSpace(line)
		if isSeparator(line) {
			line = bytes.TrimSpace(line[3:])
		}
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && string(line) != "..." && string(line) != byteOrderMark {
			return false
		}
	}
	return true
}

// toJSON reads a document of YAML, or of JSON, some of whose escapes YAML does not know. YAML is
// read as kubectl reads it, by version 1.1.
func (d *source) toJSON() ([]byte, error) {
	if text := d.jsonText(); text != nil {
		return text, nil
	}
	if err := d.onlyObject(); err != nil {
		return nil, err
	}
	asJSON, err := sigsyaml.YAMLToJSONStrict(d.data)
	if err == nil {
		return asJSON, nil
	}
	if repeated := d.repeatedKeys(); repeated != nil {
		return nil, repeated
	}
	return nil, d.syntaxError(err)
}

// jsonText is the document if it is JSON, with its places; nil if it is not.
func (d *source) jsonText() []byte {
	text := d.withoutSeparator()
	if !json.Valid(text) {
		return nil
	}
	return text
}

// withoutSeparator is the document with spaces in the place of the mark that it may start with.
func (d *source) withoutSeparator() []byte {
	if !isSeparator(d.data) {
		return d.data
	}
	return append([]byte("   "), d.data[3:]...)
}

// onlyObject refuses what follows an object of JSON: kubectl reads one after another, and YAML passes over all but the first.
func (d *source) onlyObject() error {
	decoder := json.NewDecoder(bytes.NewReader(d.withoutSeparator()))
	var first map[string]json.RawMessage
	if decoder.Decode(&first) != nil || first == nil {
		return nil // it is YAML, with its own errors
	}
	end := int(decoder.InputOffset())
	rest := bytes.TrimLeft(d.data[end:], " \t\r\n")
	if (&source{data: rest}).isComment() {
		return nil
	}
	return d.mistake(d.positionAt(len(d.data)-len(rest)), "", "", errors.New("this stands behind a JSON object: put a line with --- between them"))
}

// yamlLine is how errors of YAML begin, with the line in the document.
var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors: )?(?:line (\d+): )?`)

// syntaxError places an error of YAML at the line that its text names.
func (d *source) syntaxError(err error) error {
	var node yaml.Node
	if better := yaml.Unmarshal(d.data, &node); better != nil {
		err = better
	}
	text := strings.Join(strings.Fields(err.Error()), " ") // it spans lines
	at := Position{File: d.file, Line: d.above + 1}
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		text = text[len(found[0]):]
		if line, bad := strconv.Atoi(found[1]); bad == nil {
			at.Line = d.above + min(line, bytes.Count(d.data, []byte("\n"))+1) // it may name a line behind the last
		}
	}
	return d.mistake(at, "", "", errors.New("this is neither YAML nor JSON: "+text+cloudinit.Advice(text)))
}

// repeatedKeys finds keys that stand twice in one mapping; nil for none.
func (d *source) repeatedKeys() error {
	var errs []error
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		first := map[string]int{}
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.ScalarNode {
				if line := first[child.Value]; line > 0 {
					errs = append(errs, d.mistake(d.position(child), "", "", fmt.Errorf("the field %q stands twice, first in line %d", child.Value, line)))
				} else {
					first[child.Value] = d.above + child.Line
				}
			}
			walk(child)
		}
	}
	if root := d.node(); root != nil {
		walk(root)
	}
	return errors.Join(errs...)
}

// node is the document as nodes with places; nil if it does not parse. It is made when it is
// first asked for: files without a mistake do without.
func (d *source) node() *yaml.Node {
	d.parse.Do(func() {
		if text := d.jsonText(); text != nil {
			d.root = JSONNode(text)
			return
		}
		var top yaml.Node
		if yaml.Unmarshal(d.data, &top) == nil && len(top.Content) > 0 {
			d.root = top.Content[0]
		}
	})
	return d.root
}

func (d *source) position(n *yaml.Node) Position {
	return Position{File: d.file, Line: d.above + n.Line, Column: n.Column}
}

// line is a line of the file, from 1, without its end; ok is false where the document does not hold it.
func (d *source) line(number int) (text []byte, ok bool) {
	number -= d.above
	for line := range bytes.Lines(d.data) {
		if number--; number == 0 {
			return bytes.TrimRight(line, "\r\n"), true
		}
	}
	return nil, false
}
