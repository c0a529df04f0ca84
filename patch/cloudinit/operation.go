// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Operation is one edit of one target.
type Operation struct {
	Target bundle.Target
	Op     bundle.Op
	// Path and From are JSON Pointers (RFC 6901), up to MaxPath bytes. From belongs to move and copy.
	Path, From string
	// Value is any JSON, up to MaxValue bytes: nil when absent, the four bytes "null" for a JSON null.
	Value json.RawMessage
	// Create lets add make what is missing on the way to the last token of Path: a list where "-" follows, else a mapping.
	Create bool
}

// Problem is one thing that is wrong with an operation.
type Problem struct {
	Field string // relative to the rule: target, op, path, from, create or value
	Err   error
}

// Validate lists what is wrong with the operation by itself, in the order of its fields. It needs no document, and
// so serves when a rule is accepted; put any JSON, such as null, for a value that only a later call knows.
func (o *Operation) Validate() []Problem {
	var problems []Problem
	check := func(field string, err error) {
		if err != nil {
			problems = append(problems, Problem{field, err})
		}
	}
	check("target", o.checkTarget())
	check("op", o.checkOp())
	check("path", o.checkPath())
	check("from", o.checkFrom())
	if o.Create && o.Op != bundle.OpAdd {
		check("create", fmt.Errorf("not allowed with %s: only add creates what its path lacks", o.Op))
	}
	check("value", o.checkValue())
	return problems
}

func (o *Operation) checkTarget() error {
	switch o.Target {
	case bundle.UserData, bundle.NetworkData, bundle.MetaData:
		return nil
	}
	return fmt.Errorf("unknown target %q: want userData, networkData or metaData", o.Target)
}

func (o *Operation) checkOp() error {
	switch o.Op {
	case bundle.OpAdd, bundle.OpReplace, bundle.OpRemove, bundle.OpMove, bundle.OpCopy, bundle.OpTest, bundle.OpMerge:
		return nil
	}
	return fmt.Errorf("unknown operation %q: want add, remove, replace, move, copy, test or merge", o.Op)
}

func (o *Operation) checkPath() error {
	if o.Op == bundle.OpRemove && o.Path == "" {
		return errors.New("required: the whole document cannot be removed")
	}
	_, err := parsePointer(o.Path)
	return err
}

func (o *Operation) checkFrom() error {
	takesFrom := o.Op == bundle.OpMove || o.Op == bundle.OpCopy
	switch {
	case o.From == "" && takesFrom:
		return fmt.Errorf("required with %s: the JSON Pointer of what to %s", o.Op, o.Op)
	case o.From == "":
		return nil
	case !takesFrom:
		return fmt.Errorf("not allowed with %s: only move and copy have a source", o.Op)
	case o.Op == bundle.OpMove && strings.HasPrefix(o.Path, o.From+"/"):
		return fmt.Errorf("%q cannot be moved into its own child %q", o.From, o.Path)
	}
	_, err := parsePointer(o.From)
	return err
}

func (o *Operation) checkValue() error {
	switch o.Op {
	case bundle.OpAdd, bundle.OpReplace, bundle.OpTest, bundle.OpMerge:
		if o.Value == nil {
			return fmt.Errorf("required with %s (write null for a JSON null)", o.Op)
		}
	default:
		if o.Value != nil {
			return fmt.Errorf("not allowed with %s", o.Op)
		}
		return nil
	}
	if len(o.Value) > MaxValue {
		return fmt.Errorf("%d bytes, over the limit of %d bytes (256 KiB)", len(o.Value), MaxValue)
	}
	_, err := decodeJSON(o.Value)
	return err
}

// parsePointer splits a JSON Pointer into its unescaped tokens (RFC 6901, sections 3 and 4). The empty pointer,
// the whole document, has none.
func parsePointer(s string) ([]string, error) {
	switch {
	case s == "":
		return nil, nil
	case len(s) > MaxPath:
		return nil, fmt.Errorf("%d bytes, over the limit of %d bytes (1 KiB)", len(s), MaxPath)
	case !utf8.ValidString(s):
		return nil, errors.New("not UTF-8")
	case s[0] != '/':
		return nil, fmt.Errorf("%q is not a JSON Pointer: it must be empty or begin with /", s)
	}
	tokens := strings.Split(s[1:], "/")
	for i, t := range tokens {
		if plain := pointerEscapes.Replace(t); strings.Contains(plain, "~") {
			return nil, fmt.Errorf("%q is not a JSON Pointer: ~ must be followed by 0 (for ~) or 1 (for /)", s)
		}
		tokens[i] = unescaper.Replace(t)
	}
	return tokens, nil
}

// Pointer is the JSON Pointer of tokens, which are not escaped yet (RFC 6901, section 3); empty for none.
func Pointer(tokens ...string) string {
	var s strings.Builder
	for _, t := range tokens {
		s.WriteString("/" + escaper.Replace(t))
	}
	return s.String()
}

var (
	pointerEscapes = strings.NewReplacer("~0", "", "~1", "")
	unescaper      = strings.NewReplacer("~0", "~", "~1", "/")
	escaper        = strings.NewReplacer("~", "~0", "/", "~1")
)
