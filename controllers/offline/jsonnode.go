// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// JSONNode reads valid JSON as the nodes of YAML, members in their order, with their places: YAML
// knows neither all escapes of JSON nor tabs. Texts are quoted.
func JSONNode(data []byte) *yaml.Node {
	r := &jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1, column: 1}
	r.decoder.UseNumber()
	return r.value()
}

type jsonReader struct {
	data         []byte
	decoder      *json.Decoder
	at           int // bytes that line and column count
	line, column int // of at, from 1, columns in characters
}

// place moves on to where the next token starts.
func (r *jsonReader) place() (line, column int) {
	next := int(r.decoder.InputOffset())
	for next < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[next]) >= 0 {
		next++
	}
	for r.at < next {
		c, size := utf8.DecodeRune(r.data[r.at:])
		if r.column++; c == '\n' {
			r.line, r.column = r.line+1, 1
		}
		r.at += size
	}
	return r.line, r.column
}

// value reads one value; nil where a list or an object ends.
func (r *jsonReader) value() *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.Line, n.Column = r.place()
	token, err := r.decoder.Token()
	if err != nil {
		return nil
	}
	switch t := token.(type) {
	case json.Delim:
		switch t {
		case '{':
			n.Kind = yaml.MappingNode
		case '[':
			n.Kind = yaml.SequenceNode
		default:
			return nil
		}
		for child := r.value(); child != nil; child = r.value() {
			n.Content = append(n.Content, child)
		}
	case string:
		n.Value, n.Style = t, yaml.DoubleQuotedStyle
	case json.Number:
		n.Value = t.String()
	case bool:
		n.Value = strconv.FormatBool(t)
	default:
		n.Value = "null"
	}
	return n
}
