// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxNumber is the longest number, in characters. Python refuses integers over 4300 digits.
const maxNumber = 1024

// budget counts the nodes of a document while it is read.
type budget struct{ nodes int }

func (b *budget) spend(depth int) error {
	if b.nodes++; b.nodes > MaxNodes {
		return fmt.Errorf("more than %d values (the limit, with aliases written out)", MaxNodes)
	}
	if depth > MaxDepth {
		return fmt.Errorf("nested more than %d levels deep (the limit)", MaxDepth)
	}
	return nil
}

// decodeJSON reads one JSON value strictly: UTF-8, nothing after it, no member twice, within MaxDepth and MaxNodes.
func decodeJSON(data []byte) (*value, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	var raw json.RawMessage // refuses trailing data, too
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	d := decoder{tokens: json.NewDecoder(bytes.NewReader(data))}
	d.tokens.UseNumber()
	return d.value(0)
}

// decoder builds values from the tokens of valid JSON.
type decoder struct {
	budget
	tokens *json.Decoder
}

func (d *decoder) value(depth int) (*value, error) {
	if err := d.spend(depth); err != nil {
		return nil, err
	}
	token, err := d.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return d.list(depth)
		}
		return d.object(depth)
	case string:
		return &value{kind: kindString, text: t}, nil
	case json.Number:
		if len(t) > maxNumber {
			return nil, fmt.Errorf("a number of %d characters, over the limit of %d", len(t), maxNumber)
		}
		return &value{kind: kindNumber, text: numberText(t.String())}, nil
	case bool:
		return &value{kind: kindBool, text: fmt.Sprint(t)}, nil
	}
	return &value{kind: kindNull}, nil
}

func (d *decoder) list(depth int) (*value, error) {
	v := &value{kind: kindList}
	for d.tokens.More() {
		item, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
	}
	_, err := d.tokens.Token() // the closing bracket
	return v, err
}

func (d *decoder) object(depth int) (*value, error) {
	v := &value{kind: kindObject}
	seen := map[string]bool{}
	for d.tokens.More() {
		token, err := d.tokens.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		if seen[key] {
			return nil, fmt.Errorf("member %.40q stands twice", key)
		}
		seen[key] = true
		item, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.keys, v.items = append(v.keys, key), append(v.items, item)
	}
	_, err := d.tokens.Token() // the closing brace
	return v, err
}

// appendJSON appends the value as compact JSON.
func (v *value) appendJSON(buf []byte) []byte {
	switch v.kind {
	case kindNull:
		return append(buf, "null"...)
	case kindBool, kindNumber:
		return append(buf, v.text...)
	case kindString, kindOpaque:
		return appendQuoted(buf, v.text)
	case kindList:
		buf = append(buf, '[')
		for i, item := range v.items {
			buf = item.appendJSON(appendComma(buf, i))
		}
		return append(buf, ']')
	}
	buf = append(buf, '{')
	for i, item := range v.items {
		buf = append(appendQuoted(appendComma(buf, i), v.keys[i]), ':')
		buf = item.appendJSON(buf)
	}
	return append(buf, '}')
}

func appendComma(buf []byte, i int) []byte {
	if i > 0 {
		return append(buf, ',')
	}
	return buf
}

// appendQuoted appends a JSON string without HTML escapes. What YAML does not allow or does not keep in a
// quoted string is escaped as well, so that a JSON document is a YAML document.
func appendQuoted(buf []byte, s string) []byte {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return append(append(append(buf, '"'), s...), '"') // most are, and an encoder takes longer
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // neither a string nor a bytes.Buffer fails
	for _, r := range string(bytes.TrimSuffix(out.Bytes(), []byte("\n"))) {
		if r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			buf = fmt.Appendf(buf, `\u%04x`, r)
		} else {
			buf = utf8.AppendRune(buf, r)
		}
	}
	return buf
}
