// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// apply does the operation on a model and returns the new one; the operation must be valid. Errors begin with the
// operation and its path.
func (o *Operation) apply(root *value) (*value, error) {
	next, err := o.run(root)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", o.Op, o.Path, err)
	}
	return next, nil
}

func (o *Operation) run(root *value) (*value, error) {
	tokens, err := parsePointer(o.Path)
	if err != nil {
		return nil, err
	}
	if o.Op == bundle.OpRemove {
		return o.change(root, tokens)
	}
	operand, err := decodeJSON(o.Value)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Op == bundle.OpTest:
		return at(root, tokens, func(v *value) (*value, error) {
			if !equal(v, operand, sameJSON) {
				return nil, errors.New("test failed: there is another value")
			}
			return v, nil
		})
	case o.Op == bundle.OpMerge:
		return at(root, tokens, func(v *value) (*value, error) { return mergePatch(v, operand), nil })
	case len(tokens) == 0:
		return operand, nil
	}
	return o.change(root, tokens)
}

// change does add, replace or remove of a member or an item.
func (o *Operation) change(root *value, tokens []string) (*value, error) {
	last := len(tokens) - 1
	return at(root, tokens[:last], func(parent *value) (*value, error) {
		if err := o.admit(parent, tokens[last]); err != nil {
			return nil, err
		}
		return o.step(parent, tokens[last])
	})
}

// admit refuses what RFC 6902 refuses and json-patch lets pass.
func (o *Operation) admit(parent *value, token string) error {
	if o.Op != bundle.OpAdd {
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
// container itself, and its indices are strconv's.
func (o *Operation) step(parent *value, token string) (*value, error) {
	raw := func(s string) *json.RawMessage { m := json.RawMessage(appendQuoted(nil, s)); return &m }
	op := jsonpatch.Operation{"op": raw(string(o.Op)), "path": raw(pointerText([]string{token}))}
	if o.Op != bundle.OpRemove {
		op["value"] = &o.Value
	}
	options := &jsonpatch.ApplyOptions{AccumulatedCopySizeLimit: MaxGrowth}
	out, err := jsonpatch.Patch{op}.ApplyWithOptions(parent.appendJSON(nil), options)
	if err != nil {
		return nil, err
	}
	return decodeJSON(out)
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
		return 0, fmt.Errorf("there is no key %q (add it first, or use merge)", token)
	case kindList:
		return listIndex(token, len(v.items))
	}
	return 0, noChildren(v, token)
}

func noChildren(v *value, token string) error {
	return fmt.Errorf("there is no %q in %s: only mappings and lists hold values", token, v.kind)
}

// listIndex reads a token as an index below n (RFC 6901, section 4: digits without a sign or leading zeros).
func listIndex(token string, n int) (int, error) {
	i, err := strconv.Atoi(token)
	switch {
	case token == "-":
		return 0, errors.New(`"-" is the place after the last item, which only add can use`)
	case err != nil || strconv.Itoa(i) != token || i < 0:
		return 0, fmt.Errorf("%q is not an index of a list (digits without a sign or leading zeros)", token)
	case i >= n:
		return 0, fmt.Errorf("index %d is behind the end of the list (there are %d places)", i, n)
	}
	return i, nil
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
