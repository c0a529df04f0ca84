// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Position is a place in a file.
type Position struct {
	File string
	// Line and Column count from 1, columns in characters. 0: not known.
	Line, Column int
}

// String is FILE:LINE:COLUMN, as far as it is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("line %d", p.Line)
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Origin is where an object was read: a document of a file, or an item of a List in it. A nil
// Origin is that of an object from nowhere, whose positions are all unknown.
type Origin struct {
	doc   *source
	items []int // indices into items of Lists, from the outermost on
	json  []byte
}

// JSON is the object as it was read; nil of one from nowhere.
func (o *Origin) JSON() []byte {
	if o == nil {
		return nil
	}
	return o.json
}

// Position is where the value of a field such as "spec.domain[2].path" starts, or the offset, in
// bytes, in the text of that value. Where there is no such field, it is where the nearest
// field around it starts. The empty path is the object itself.
func (o *Origin) Position(field string, offset int) Position {
	key, n, missing := o.find(field)
	switch {
	case o == nil:
		return Position{}
	case n == nil:
		return Position{File: o.doc.file}
	case key != nil && n.ShortTag() == "!!null" && n.Value == "" && n.Line > key.Line:
		// The parser places the value that "? key" lacks at whatever comes next, or behind the last line.
		return o.doc.position(key)
	}
	at := o.doc.position(n)
	if !missing && offset > 0 && n.Kind == yaml.ScalarNode {
		at = o.doc.inScalar(n, offset)
	}
	return at
}

// keyPosition is where the name of a field stands, the last one if it stands twice.
func (o *Origin) keyPosition(field string) Position {
	if key, _, missing := o.find(field); key != nil && !missing {
		return o.doc.position(key)
	}
	return o.Position(field, 0)
}

// find goes along a field path as far as there are fields, and tells whether that is not all the way.
func (o *Origin) find(field string) (key, n *yaml.Node, missing bool) {
	if o == nil || o.doc.node() == nil {
		return nil, nil, true
	}
	n = o.doc.node()
	for _, i := range o.items {
		_, items := member(n, "items")
		if n = element(items, i); n == nil {
			return nil, o.doc.node(), true
		}
	}
	for rest := field; rest != ""; {
		name, behind := fieldOf(n, rest)
		childKey, child := member(n, name)
		if index, ok := strings.CutPrefix(rest, "["); ok {
			var digits string
			digits, behind, _ = strings.Cut(index, "]")
			i, err := strconv.Atoi(digits)
			if err != nil {
				i = -1
			}
			child = element(n, i)
		}
		if child == nil {
			return key, n, true
		}
		key, n, rest = childKey, child, strings.TrimPrefix(behind, ".")
	}
	return key, n, false
}

// fieldOf takes the first name off a field path: the longest key of the mapping that it
// starts with, for keys such as those of labels hold points.
func fieldOf(n *yaml.Node, path string) (name, behind string) {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		name, behind = path[:i], path[i:]
	} else {
		name = path
	}
	n = dereferenced(n)
	if n.Kind != yaml.MappingNode {
		return name, behind
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		after, ok := strings.CutPrefix(path, key)
		if ok && len(key) > len(name) && (after == "" || after[0] == '.' || after[0] == '[') {
			name, behind = key, after
		}
	}
	return name, behind
}

// maxMerges is how many mappings are searched for one field: those that are merged may go in a circle.
const maxMerges = 32

// member is a field of a mapping, the last one of its name, also of one that is merged into it.
func member(n *yaml.Node, name string) (key, value *yaml.Node) {
	left := maxMerges
	var search func(n *yaml.Node) (key, value *yaml.Node)
	search = func(n *yaml.Node) (key, value *yaml.Node) {
		n = dereferenced(n)
		if left--; left < 0 || n == nil || n.Kind != yaml.MappingNode {
			return nil, nil
		}
		key, value = ownMember(n, name)
		for i := 0; i+1 < len(n.Content) && value == nil; i += 2 {
			if n.Content[i].Value == "<<" {
				key, value = search(n.Content[i+1])
			}
		}
		return key, value
	}
	return search(n)
}

// ownMember is a field that a mapping has itself, the last one of its name.
func ownMember(n *yaml.Node, name string) (key, value *yaml.Node) {
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// element is an element of a sequence; nil if there is none.
func element(n *yaml.Node, i int) *yaml.Node {
	n = dereferenced(n)
	if n == nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
		return nil
	}
	return n.Content[i]
}

func dereferenced(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
