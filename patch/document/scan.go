// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"
)

// SyntaxError says where a document is not what the parser accepts.
type SyntaxError struct {
	Line, Column int // from 1; columns count bytes
	Msg          string

	offset int
}

// Offset is the place in the text that was parsed, in bytes from its start.
func (e *SyntaxError) Offset() int { return e.offset }

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// scanner reads the lexical parts of XML 1.0. Its methods leave pos behind what they read.
type scanner struct {
	src string
	pos int
}

func (s *scanner) errorAt(pos int, format string, args ...any) error {
	before := s.src[:min(pos, len(s.src))]
	line := 1 + strings.Count(before, "\n")
	return &SyntaxError{Line: line, Column: len(before) - strings.LastIndexByte(before, '\n'), Msg: fmt.Sprintf(format, args...), offset: len(before)}
}

func (s *scanner) has(prefix string) bool { return strings.HasPrefix(s.src[s.pos:], prefix) }

// peek gives the byte some bytes ahead, or 0 behind the end: no document holds a 0.
func (s *scanner) peek(ahead int) byte {
	if s.pos+ahead < len(s.src) {
		return s.src[s.pos+ahead]
	}
	return 0
}

// blanks is white space to XML.
const blanks = " \t\r\n"

// Classes of bytes. A byte outside ASCII is in none but notBad: it needs a look at its character.
const (
	space      = 1 << iota
	nameStart  // starts a name
	nameOther  // goes on with it
	plainText  // means itself in a text, and ends nothing
	plainValue // means itself in a quoted value, and ends nothing
	xmlChar    // XML can hold it
)

var classes = func() (t [256]uint8) {
	for c := range byte(utf8.RuneSelf) {
		switch {
		case strings.IndexByte(blanks, c) >= 0:
			t[c] = space | plainText | xmlChar
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_':
			t[c] = nameStart | nameOther | plainText | plainValue | xmlChar
		case '0' <= c && c <= '9', c == '-', c == '.':
			t[c] = nameOther | plainText | plainValue | xmlChar
		case c >= ' ':
			t[c] = plainText | plainValue | xmlChar
		}
	}
	t[' '] |= plainValue
	for _, c := range []byte("<&]\r") {
		t[c] &^= plainText
	}
	for _, c := range []byte("<&'\"") {
		t[c] &^= plainValue
	}
	return t
}()

func is(c byte, class uint8) bool { return classes[c]&class != 0 }

func isSpace(c byte) bool { return is(c, space) }

// skip leaves pos at the first byte that is in none of the classes.
func (s *scanner) skip(class uint8) {
	src, i := s.src, s.pos // in registers
	for i < len(src) && classes[src[i]]&class != 0 {
		i++
	}
	s.pos = i
}

// space skips white space and says whether there was any.
func (s *scanner) space() bool {
	start := s.pos
	s.skip(space)
	return s.pos > start
}

// until returns the text up to the next end mark and skips both.
func (s *scanner) until(end, what string) (string, error) {
	i := strings.Index(s.src[s.pos:], end)
	if i < 0 {
		return "", s.errorAt(s.pos, "the %s is not closed by %q", what, end)
	}
	text := s.src[s.pos : s.pos+i]
	s.pos += i + len(end)
	return text, nil
}

// name reads a qualified name: a name with at most one colon, inside it.
func (s *scanner) name(what string) (prefix, local string, err error) {
	start := s.pos
	if first, err := s.ncName(what); err != nil || s.peek(0) != ':' {
		return "", first, err
	}
	colon := s.pos
	s.pos++
	local, err = s.ncName(what)
	if err == nil && s.peek(0) == ':' {
		err = s.errorAt(s.pos, "a second colon in the name of the %s", what)
	}
	return s.src[start:colon], local, err
}

// ncName reads a name without a colon.
func (s *scanner) ncName(what string) (string, error) {
	start := s.pos
	if is(s.peek(0), nameStart) {
		s.skip(nameOther)
	}
	for s.pos < len(s.src) {
		n := nameCharAt(s.src[s.pos:], s.pos == start)
		if n == 0 {
			break
		}
		s.pos += n
	}
	if s.pos == start {
		return "", s.errorAt(start, "the name of the %s is missing or not a name", what)
	}
	return s.src[start:s.pos], nil
}

// nameCharAt gives the length of the name character at the start of text, or 0.
func nameCharAt(text string, first bool) int {
	if c := text[0]; c < utf8.RuneSelf {
		if is(c, nameStart) || !first && is(c, nameOther) {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRuneInString(text)
	if isNameStart(r) || !first && isNameOnly(r) {
		return n
	}
	return 0
}

// isNameStart covers NameStartChar of XML 1.0 (fifth edition) beyond ASCII.
func isNameStart(r rune) bool {
	switch {
	case r >= 0xC0 && r <= 0x2FF:
		return r != 0xD7 && r != 0xF7
	case r >= 0x370 && r <= 0x1FFF:
		return r != 0x37E
	case r == 0x200C, r == 0x200D, r >= 0x2070 && r <= 0x218F, r >= 0x2C00 && r <= 0x2FEF, r >= 0x3001 && r <= 0xD7FF:
		return true
	case r >= 0xF900 && r <= 0xFDCF, r >= 0xFDF0 && r <= 0xFFFD, r >= 0x10000 && r <= 0xEFFFF:
		return true
	}
	return false
}

// isNameOnly covers the NameChars beyond ASCII that cannot start a name.
func isNameOnly(r rune) bool {
	return r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// firstBadChar finds the first character that XML 1.0 cannot hold, or -1.
func firstBadChar(text string) int {
	for i := 0; i < len(text); {
		if is(text[i], xmlChar) {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if r < ' ' || r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
			return i
		}
		i += n
	}
	return -1
}

// characterData reads text up to the next markup.
func (s *scanner) characterData() (string, error) {
	start := s.pos
	if s.skip(plainText); s.pos == len(s.src) || s.src[s.pos] == '<' {
		return s.src[start:s.pos], nil
	}
	raw := s.src[start:]
	if end := strings.IndexByte(raw, '<'); end >= 0 {
		raw = raw[:end]
	}
	s.pos = start + len(raw)
	if i := strings.Index(raw, "]]>"); i >= 0 {
		return "", s.errorAt(start+i, "]]> in text must be ]]&gt;")
	}
	if !strings.ContainsAny(raw, "&\r") {
		return raw, nil
	}
	return s.unescape(raw, start, false)
}

// attribute reads name, = and a quoted value, and tells where the source of the value starts.
func (s *scanner) attribute(a *xmlquery.Attr) (valueAt int, err error) {
	if a.Name.Space, a.Name.Local, err = s.name("attribute"); err != nil {
		return 0, err
	}
	s.space()
	if s.peek(0) != '=' {
		return 0, s.errorAt(s.pos, "the attribute %.40q has no value", qualified(a.Name.Space, a.Name.Local))
	}
	s.pos++
	s.space()
	a.Value, valueAt, err = s.attributeValue()
	return valueAt, err
}

// attributeValue reads a quoted value and returns its meaning (XML 1.0, 3.3.3) and where its source starts.
func (s *scanner) attributeValue() (value string, start int, err error) {
	if s.pos >= len(s.src) || s.src[s.pos] != '"' && s.src[s.pos] != '\'' {
		return "", 0, s.errorAt(s.pos, "the value of an attribute must be quoted")
	}
	quote := s.src[s.pos]
	s.pos++
	start = s.pos
	if s.skip(plainValue); s.peek(0) == quote {
		s.pos++
		return s.src[start : s.pos-1], start, nil
	}
	i := strings.IndexByte(s.src[start:], quote)
	if i < 0 {
		return "", 0, s.errorAt(start, "the value of an attribute is not closed by its quote")
	}
	raw := s.src[start : start+i]
	if lt := strings.IndexByte(raw, '<'); lt >= 0 {
		return "", 0, s.errorAt(start+lt, "the value of an attribute holds a raw <, which must be &lt;")
	}
	s.pos = start + i + 1
	if !strings.ContainsAny(raw, "&\n\t\r") {
		return raw, start, nil
	}
	value, err = s.unescape(raw, start, true)
	return value, start, err
}

// unescape resolves references and normalises line ends; in attributes white space becomes blanks.
func (s *scanner) unescape(raw string, at int, attribute bool) (string, error) {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '&':
			r, n, err := s.reference(raw[i:], at+i)
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
			i += n - 1
		case c == '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			if attribute {
				b.WriteByte(' ')
			} else {
				b.WriteByte('\n')
			}
		case attribute && (c == '\n' || c == '\t'):
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// reference reads one entity or character reference and returns its length in bytes.
func (s *scanner) reference(raw string, at int) (rune, int, error) {
	semicolon := strings.IndexByte(raw[:min(len(raw), 16)], ';')
	if semicolon < 2 {
		return 0, 0, s.errorAt(at, "a raw & must be &amp;")
	}
	name := raw[1:semicolon]
	switch name {
	case "lt":
		return '<', semicolon + 1, nil
	case "gt":
		return '>', semicolon + 1, nil
	case "amp":
		return '&', semicolon + 1, nil
	case "quot":
		return '"', semicolon + 1, nil
	case "apos":
		return '\'', semicolon + 1, nil
	}
	r, ok := charReference(name)
	if !ok {
		return 0, 0, s.errorAt(at, "the reference %q is not defined", raw[:semicolon+1])
	}
	return r, semicolon + 1, nil
}

// charReference reads the inside of &#10; or &#xA;.
func charReference(name string) (rune, bool) {
	digits, isChar := strings.CutPrefix(name, "#")
	if !isChar {
		return 0, false
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		base, digits = 16, hex
	}
	code, err := strconv.ParseUint(digits, base, 31)
	r := rune(code)
	if err != nil || !utf8.ValidRune(r) || firstBadChar(string(r)) >= 0 {
		return 0, false
	}
	return r, true
}
