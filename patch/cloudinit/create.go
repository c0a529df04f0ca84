// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// withParents returns root with what the path of an add lacks on the way to its last token: a list where the token
// behind it is "-", else a mapping. A null counts as missing, since that is what YAML reads below a key without a value. Where
// the way is barred by something else, root comes back as far as it goes, and add says why.
func withParents(root *value, path []string) (_ *value, err error) {
	if len(path) == 0 {
		return root, nil
	}
	if root.kind == kindNull {
		if root, err = emptyParent(path[0]); err != nil {
			return nil, err
		}
	}
	if len(path) == 1 {
		return root, nil
	}
	if root.kind == kindObject && !slices.Contains(root.keys, path[0]) {
		root = &value{kind: kindObject, keys: append(slices.Clone(root.keys), path[0]), items: append(slices.Clone(root.items), &value{})}
	}
	i, err := root.child(path[0])
	if err != nil {
		return root, nil // add finds the same, and says what it is about
	}
	item, err := withParents(root.items[i], path[1:])
	if err != nil || item == root.items[i] {
		return root, err
	}
	return root.withItem(i, item), nil
}

// emptyParent makes the container for a token that stands behind a missing one.
func emptyParent(token string) (*value, error) {
	if token == "-" {
		return &value{kind: kindList}, nil
	}
	if isIndex(token) {
		return nil, fmt.Errorf("create cannot tell whether %q is the index of a list or a key: write - to begin a list, or merge a mapping", token)
	}
	return &value{kind: kindObject}, nil
}

// missingError is about a place that the document lacks.
type missingError struct{ text, token string }

func (e *missingError) Error() string { return e.text }

// advise adds to an error about a missing place how the operation is meant to deal with it.
func (o *Operation) advise(err error) error {
	var missing *missingError
	if !errors.As(err, &missing) {
		return err
	}
	switch {
	case o.Op == bundle.OpAdd && !o.Create:
		return fmt.Errorf("%w (add makes only the last step of its path; with create: true also what is missing on the way: an empty list before -, else a mapping)", err)
	case o.Op == bundle.OpReplace:
		return fmt.Errorf("%w (add sets a key whether it is there or not)", err)
	case o.Op == bundle.OpMerge:
		return fmt.Errorf("%w (merge needs a path that is there: take a shorter one, and put the rest of it into the value)", err)
	}
	return err
}
