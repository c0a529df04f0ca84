// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	numberToken
	literalToken
	symbolToken
)

type token struct {
	kind tokenKind
	text string // a literal without its quotes
	pos  int    // in bytes
}

// is says whether the token is a symbol.
func (t token) is(symbols ...string) bool {
	for _, s := range symbols {
		if t.kind == symbolToken && t.text == s {
			return true
		}
	}
	return false
}

// String shows the token as an error names it.
func (t token) String() string {
	if t.kind == literalToken {
		return "a quoted string"
	}
	return fmt.Sprintf("%q", t.text)
}

// symbols, longest first.
var symbols = []string{"//", "..", "::", "!=", "<=", ">=", "/", ".", "@", "[", "]", "(", ")", "*", "=", "<", ">", ",", "|", ":", "+", "-", "$"}

func tokenize(path string) ([]token, error) {
	tokens := make([]token, 0, 1+len(path)/4)
	for i := 0; i < len(path); {
		switch c := path[i]; {
		case isSpace(c):
			i++
		case c == '\'' || c == '"':
			end := strings.IndexByte(path[i+1:], c)
			if end < 0 {
				return nil, syntaxErrorf(i, "the quote at byte %d is not closed", i)
			}
			tokens = append(tokens, token{literalToken, path[i+1 : i+1+end], i})
			i += end + 2
		case isNameStart(c):
			end := i + 1
			for end < len(path) && isNameChar(path[end]) {
				end++
			}
			tokens = append(tokens, token{nameToken, path[i:end], i})
			i = end
		case isDigit(c) || c == '.' && i+1 < len(path) && isDigit(path[i+1]):
			end := i + len(numeral(path[i:]))
			tokens = append(tokens, token{numberToken, path[i:end], i})
			i = end
		default:
			symbol, err := symbolAt(path, i)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token{symbolToken, symbol, i})
			i += len(symbol)
		}
	}
	return append(tokens, token{kind: endToken, pos: len(path)}), nil
}

func symbolAt(path string, i int) (string, error) {
	for _, s := range symbols {
		if strings.HasPrefix(path[i:], s) {
			return s, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(path[i:])
	return "", syntaxErrorf(i, "unexpected %q at byte %d", r, i)
}

// numeral is the Number of XPath that a text starts with: digits and at most one point.
func numeral(text string) string {
	end := 0
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	if end < len(text) && text[end] == '.' {
		for end++; end < len(text) && isDigit(text[end]); end++ {
		}
	}
	return text[:end]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// Element and attribute names of libvirt are ASCII.
func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isNameChar(c byte) bool {
	return isNameStart(c) || isDigit(c) || c == '-' || c == '.'
}
