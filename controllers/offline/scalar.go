// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// inScalar is where a byte of a scalar's value stands. The value is followed through the source
// character by character; any white space of one is any white space of the other, so that
// indentation and folded lines need no rules of their own.
func (d *source) inScalar(n *yaml.Node, offset int) Position {
	source := -1
	if n.Column <= maxShownLine && n.Value != "" { // the text of an empty one may be behind the last line
		source = d.offset(n.Line, n.Column)
	}
	if source < 0 {
		return d.position(n)
	}
	text := d.data[source:]
	consumed := scalarStart(text, n.Style)
	value := n.Value[:min(offset, len(n.Value))]
	for _, c := range value {
		if isBlank(c) {
			continue
		}
		consumed += blanksAt(text[consumed:], n.Style)
		read, length := sourceRune(text[consumed:], n.Style)
		if read != c {
			return d.position(n) // an alias, a tag, or what else is not understood
		}
		consumed += length
	}
	if len(n.Value) > offset && !isBlank(rune(n.Value[offset])) {
		consumed += blanksAt(text[consumed:], n.Style)
	}
	return d.positionAt(source + consumed)
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// scalarStart is how much stands before the text of a scalar: a quote, or the line of | or >.
func scalarStart(text []byte, style yaml.Style) int {
	switch {
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return bytes.IndexByte(text, '\n') + 1
	case style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return 1
	}
	return 0
}

// blanksAt is how long the white space is that a text starts with, escaped or not.
func blanksAt(text []byte, style yaml.Style) int {
	n := 0
	for n < len(text) {
		c, length := sourceRune(text[n:], style)
		if !isBlank(c) {
			break
		}
		n += length
	}
	return n
}

// sourceRune reads one character of a scalar's text, and tells how many bytes it takes.
func sourceRune(text []byte, style yaml.Style) (c rune, length int) {
	c, length = utf8.DecodeRune(text)
	switch {
	case len(text) < 2:
	case style&yaml.SingleQuotedStyle != 0 && text[0] == '\'' && text[1] == '\'':
		return '\'', 2
	case style&yaml.DoubleQuotedStyle != 0 && text[0] == '\\':
		return escaped(text)
	}
	return c, length
}

// escapes are the white space among the characters behind a backslash in double quotes, and
// escapeDigits those that a hexadecimal number follows.
var (
	escapes      = map[byte]rune{'n': '\n', 'r': '\r', 't': '\t'}
	escapeDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}
)

// escaped reads a character behind a backslash, in JSON also one of two halves.
func escaped(text []byte) (c rune, length int) {
	if c, isBlank := escapes[text[1]]; isBlank {
		return c, 2
	}
	digits := escapeDigits[text[1]]
	if digits == 0 {
		return rune(text[1]), 2
	}
	length = min(2+digits, len(text))
	c = hexRune(text[2:length])
	if rest := text[length:]; utf16.IsSurrogate(c) && len(rest) >= 6 && bytes.HasPrefix(rest, []byte(`\u`)) {
		return utf16.DecodeRune(c, hexRune(rest[2:6])), length + 6
	}
	return c, length
}

// hexRune is the character with a number; the one for mistakes if there is none.
func hexRune(digits []byte) rune {
	code, err := strconv.ParseUint(string(digits), 16, 32)
	if err != nil || code > unicode.MaxRune {
		return utf8.RuneError
	}
	return rune(code)
}

// offset is the place in the document of a line and a column, in bytes; -1 if there is none.
func (d *source) offset(line, column int) int {
	at := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(d.data[at:], '\n')
		if end < 0 {
			return -1
		}
		at += end + 1
	}
	for ; column > 1; column-- {
		_, size := utf8.DecodeRune(d.data[at:])
		at += size
	}
	return at
}

// positionAt is the position of a byte of the document.
func (d *source) positionAt(offset int) Position {
	before := d.data[:min(offset, len(d.data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return Position{File: d.file, Line: d.above + line, Column: column}
}
