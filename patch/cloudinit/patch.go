// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// apply does the operation on a model and returns the new one; the operation must be valid. Errors begin with the
// operation and its path.
func (o *Operation) apply(root *value) (*value, error) {
	next, err := o.run(root)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", o.Op, o.Path, o.advise(err))
	}
	return next, nil
}

func (o *Operation) run(root *value) (*value, error) {
	path, err := parsePointer(o.Path)
	if err != nil {
		return nil, err
	}
	switch o.Op {
	case bundle.OpRemove:
		return change(root, bundle.OpRemove, path, nil)
	case bundle.OpMove, bundle.OpCopy:
		return o.relocate(root, path)
	}
	operand, err := decodeJSON(o.Value)
	if err != nil {
		return nil, err
	}
	switch o.Op {
	case bundle.OpTest:
		return at(root, path, func(v *value) (*value, error) {
			if !equal(v, operand, sameJSON) {
				return nil, errors.New("test failed: there is another value")
			}
			return v, nil
		})
	case bundle.OpMerge:
		return at(root, path, func(v *value) (*value, error) { return mergePatch(v, operand), nil })
	}
	if o.Create {
		if root, err = withParents(root, path); err != nil {
			return nil, err
		}
	}
	return change(root, o.Op, path, operand)
}

// relocate does move and copy, which are add of what stands elsewhere, for a move after remove (RFC 6902, sections 4.4 and 4.5).
func (o *Operation) relocate(root *value, path []string) (*value, error) {
	from, err := parsePointer(o.From)
	if err != nil {
		return nil, err
	}
	var there value // a copy, and so not the old value in its old place
	_, err = at(root, from, func(v *value) (*value, error) {
		there = *v
		return v, nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("from %q: %w", o.From, err)
	case o.From == o.Path:
		return root, nil
	case o.Op == bundle.OpMove:
		if root, err = change(root, bundle.OpRemove, from, nil); err != nil {
			return nil, fmt.Errorf("from %q: %w", o.From, err)
		}
	}
	return change(root, bundle.OpAdd, path, &there)
}

// change does add, replace or remove of a member or an item, or puts another document in place of root.
func change(root *value, op bundle.Op, path []string, operand *value) (*value, error) {
	last := len(path) - 1
	if last < 0 {
		return operand, nil
	}
	return at(root, path[:last], func(parent *value) (*value, error) {
		if err := admit(parent, op, path[last]); err != nil {
			return nil, err
		}
		return step(parent, op, path[last], operand)
	})
}

// admit refuses what RFC 6902 refuses and json-patch lets pass.
func admit(parent *value, op bundle.Op, token string) error {
	if op != bundle.OpAdd {
		_, err := parent.child(token)
		return err
	}
	switch parent.kind {
	case kindObject:
		return nil
	case kindList:
		if token == "-" {
			return nil
		}
		_, err := listIndex(token, len(parent.items)+1)
		return err
	}
	return noChildren(parent, token)
}

// step lets json-patch change one container. The way to it is ours: json-patch takes an empty token for the
// container itself, and its indices are strconv's. It sees numbers in place of the children and the operand, so that
// these stay the very values that they are, and cost nothing.
func step(parent *value, op bundle.Op, token string, operand *value) (*value, error) {
	raw := func(b []byte) *json.RawMessage { m := json.RawMessage(b); return &m }
	children := append(slices.Clone(parent.items), operand)
	numbers := &value{kind: parent.kind, keys: parent.keys, items: make([]*value, len(parent.items))}
	for i := range numbers.items {
		numbers.items[i] = &value{kind: kindNumber, text: strconv.Itoa(i)}
	}
	patch := jsonpatch.Patch{{
		"op":    raw(appendQuoted(nil, string(op))),
		"path":  raw(appendQuoted(nil, Pointer(token))),
		"value": raw(strconv.AppendInt(nil, int64(len(parent.items)), 10)),
	}}
	out, err := patch.Apply(numbers.appendJSON(nil))
	if err != nil {
		return nil, err
	}
	changed, err := decodeJSON(out)
	if err != nil {
		return nil, err
	}
	for i, number := range changed.items {
		n, err := strconv.Atoi(number.text)
		if err != nil {
			return nil, err
		}
		changed.items[i] = children[n]
	}
	return changed, nil
}

// at returns root with the value that tokens lead to replaced by what f makes of it.
func at(root *value, tokens []string, f func(*value) (*value, error)) (*value, error) {
	if len(tokens) == 0 {
		return f(root)
	}
	i, err := root.child(tokens[0])
	if err != nil {
		return nil, err
	}
	item, err := at(root.items[i], tokens[1:], f)
	if err != nil || item == root.items[i] {
		return root, err
	}
	return root.withItem(i, item), nil
}

// child finds the member or the item that a token names.
func (v *value) child(token string) (int, error) {
	switch v.kind {
	case kindObject:
		if i := slices.Index(v.keys, token); i >= 0 {
			return i, nil
		}
		return 0, &missingError{fmt.Sprintf("there is no key %q", token), token}
	case kindList:
		return listIndex(token, len(v.items))
	}
	return 0, noChildren(v, token)
}

func noChildren(v *value, token string) error {
	text := fmt.Sprintf("there is no %q in %s: only mappings and lists hold values", token, v.kind)
	if v.kind == kindNull {
		return &missingError{text, token}
	}
	return errors.New(text)
}

// listIndex reads a token as an index below n (RFC 6901, section 4: digits without a sign or leading zeros).
func listIndex(token string, n int) (int, error) {
	i, err := strconv.Atoi(token)
	switch {
	case token == "-":
		return 0, errors.New(`"-" is the place after the last item, where only add, move and copy can put something`)
	case err != nil || !isIndex(token):
		return 0, fmt.Errorf("%q is not an index of a list (digits without a sign or leading zeros)", token)
	case i >= n:
		return 0, fmt.Errorf("index %d is behind the end of the list (there are %d places)", i, n)
	}
	return i, nil
}

// isIndex says whether a token has the form of an index: digits without leading zeros.
func isIndex(token string) bool {
	digits := strings.Trim(token, "0123456789") == "" && token != ""
	return digits && (token == "0" || token[0] != '0')
}

// mergePatch is the function of RFC 7386, section 2; target may be nil. A null deletes a member of
// the target; below a list it is a value like others.
func mergePatch(target, patch *value) *value {
	if patch.kind != kindObject {
		return patch
	}
	merged := &value{kind: kindObject}
	if target != nil && target.kind == kindObject {
		merged.keys, merged.items = append(merged.keys, target.keys...), append(merged.items, target.items...)
	}
	members := merged.members()
	for i, key := range patch.keys {
		j, found := members[key]
		switch {
		case patch.items[i].kind == kindNull && found:
			merged.items[j] = nil
		case patch.items[i].kind == kindNull:
		case found:
			merged.items[j] = mergePatch(merged.items[j], patch.items[i])
		default:
			merged.keys = append(merged.keys, key)
			merged.items = append(merged.items, mergePatch(nil, patch.items[i]))
		}
	}
	return merged.compact()
}

// compact returns an object without the members whose item is nil.
func (v *value) compact() *value {
	c := &value{kind: v.kind}
	for i, item := range v.items {
		if item != nil {
			c.keys, c.items = append(c.keys, v.keys[i]), append(c.items, item)
		}
	}
	return c
}
