// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"strings"
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

// symbols, longest first.
var symbols = []string{"//", "..", "::", "!=", "<=", ">=", "/", ".", "@", "[", "]", "(", ")", "*", "=", "<", ">", ",", "|", ":", "+", "-", "$"}

func tokenize(path string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(path); {
		switch c := path[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'' || c == '"':
			end := strings.IndexByte(path[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("the quote at byte %d is not closed", i)
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
		case c >= '0' && c <= '9':
			end := i + 1
			for end < len(path) && (path[end] >= '0' && path[end] <= '9' || path[end] == '.') {
				end++
			}
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
	r := []rune(path[i:])[0]
	return "", fmt.Errorf("unexpected %q at byte %d", r, i)
}

// Element and attribute names of libvirt are ASCII.
func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isNameChar(c byte) bool {
	return isNameStart(c) || c >= '0' && c <= '9' || c == '-' || c == '.'
}
