// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// editor carries a changed model back into a node tree. The old tree stays as it is: a changed node is a new
// one, and an unchanged one is shared.
type editor struct {
	origin map[*yaml.Node]*yaml.Node // of a changed node: the one it replaces
}

// reconcile returns the node for want, given the node that reads as have. It is n itself if both are equal.
func (e *editor) reconcile(n *yaml.Node, have, want *value) *yaml.Node {
	if equal(have, want, sameText) {
		return n
	}
	var changed *yaml.Node
	switch {
	case n.Kind == yaml.AliasNode:
		changed = e.reconcile(expand(n), have, want)
	case n.Kind == yaml.MappingNode && want.kind == kindObject:
		changed = e.mapping(n, have, want)
	case n.Kind == yaml.SequenceNode && want.kind == kindList:
		changed = e.sequence(n, have, want)
	default:
		changed = replacement(n, want)
	}
	e.origin[changed] = n
	return changed
}

// mapping keeps the entries that are still wanted in their order and appends the new ones. What is there
// through a merge key stays there if it is equal, else it is overridden.
func (e *editor) mapping(n *yaml.Node, have, want *value) *yaml.Node {
	c := container(n)
	old, wanted := have.members(), want.members()
	own := map[string]bool{}
	for _, pair := range entries(n) {
		key := keyText(pair.key)
		j, ok := wanted[key]
		switch {
		case isMergeKey(pair.key):
			c.Content = append(c.Content, pair.key, pair.value)
			continue
		case ok:
			v := e.reconcile(pair.value, have.items[old[key]], want.items[j])
			c.Content = append(c.Content, e.entry(pair.key, pair.value, v)...)
		}
		own[key] = true
	}
	var inherited map[string]*yaml.Node
	for j, key := range want.keys {
		i, merged := old[key]
		switch {
		case own[key] || merged && equal(have.items[i], want.items[j], sameText):
		case merged:
			if inherited == nil {
				inherited = entryNodes(n)
			}
			c.Content = append(c.Content, newString(key), e.reconcile(inherited[key], have.items[i], want.items[j]))
		default:
			c.Content = append(c.Content, newString(key), newNode(want.items[j]))
		}
	}
	return c
}

// entryNodes maps the keys of a mapping to copies of their values, those of its merge keys among them.
func entryNodes(n *yaml.Node) map[string]*yaml.Node {
	nodes := map[string]*yaml.Node{}
	entries := expandEntries(n)
	for i := 0; i+1 < len(entries); i += 2 {
		nodes[keyText(entries[i])] = entries[i+1]
	}
	return nodes
}

// entry pairs a key with its new value. A comment on their line belongs to the key if the value is a block, else to
// the value: yaml.v3 writes other trees wrongly.
func (e *editor) entry(key, old, changed *yaml.Node) []*yaml.Node {
	k := *key
	switch {
	case changed == old:
		return []*yaml.Node{key, old}
	case isBlock(changed) && key.LineComment == "":
		k.LineComment = old.LineComment
	case !isBlock(changed) && key.LineComment != "":
		k.LineComment, changed.LineComment = "", key.LineComment
	}
	e.origin[&k] = key
	return []*yaml.Node{&k, changed}
}

// sequence keeps the items of the common beginning and end, and of those between the ones that are still the same
// values in the same order. What is left is matched one to one.
func (e *editor) sequence(n *yaml.Node, have, want *value) *yaml.Node {
	c := container(n)
	h, w := len(have.items), len(want.items)
	head := 0
	for head < h && head < w && equal(have.items[head], want.items[head], sameText) {
		head++
	}
	tail := 0
	for tail < h-head && tail < w-head && equal(have.items[h-1-tail], want.items[w-1-tail], sameText) {
		tail++
	}
	c.Content = append(c.Content, n.Content[:head]...)
	at := map[*value]int{} // of the old items between
	for i := head; i < h-tail; i++ {
		at[have.items[i]] = i
	}
	next, from := head, head // the first old and the first wanted item that have no match yet
	for j := head; j < w-tail; j++ {
		if i, kept := at[want.items[j]]; kept && i >= next {
			e.items(c, n, have.items[next:i], want.items[from:j], next)
			c.Content = append(c.Content, n.Content[i])
			next, from = i+1, j+1
		}
	}
	e.items(c, n, have.items[next:h-tail], want.items[from:w-tail], next)
	c.Content = append(c.Content, n.Content[h-tail:]...)
	return c
}

// items appends the wanted items to the list c, in place of those of the list n from index first on, one to one.
func (e *editor) items(c, n *yaml.Node, have, want []*value, first int) {
	for i, item := range want {
		if i < len(have) {
			c.Content = append(c.Content, e.reconcile(n.Content[first+i], have[i], item))
		} else {
			c.Content = append(c.Content, newNode(item))
		}
	}
}

// container copies a collection without its content. An empty one is in flow style for want of another.
func container(n *yaml.Node) *yaml.Node {
	c := *n
	if c.Content = nil; len(n.Content) == 0 {
		c.Style &^= yaml.FlowStyle
	}
	return &c
}

// replacement makes the node for another value in the place of n, with its comments, and its quotes if both are
// strings of one line.
func replacement(n *yaml.Node, want *value) *yaml.Node {
	const quotes = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
	c := newNode(want)
	if c.Kind == yaml.ScalarNode && c.Style == 0 && c.Tag == "!!str" {
		c.Style = n.Style & quotes
	}
	if c.Kind == n.Kind {
		c.Anchor = n.Anchor
	}
	c.Line, c.Column = n.Line, n.Column
	c.HeadComment, c.LineComment, c.FootComment = n.HeadComment, n.LineComment, n.FootComment
	return c
}

// newNode makes the node for a value, in block style, or as the document had it where the value comes from there.
func newNode(v *value) *yaml.Node {
	if v.node != nil {
		return detached(v.node)
	}
	switch v.kind {
	case kindNull:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case kindBool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: v.text}
	case kindNumber:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.text} // without a tag, yaml.v3 writes it as it stands
	case kindString, kindOpaque:
		return newString(v.text)
	case kindList:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range v.items {
			n.Content = append(n.Content, newNode(item))
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i, item := range v.items {
		n.Content = append(n.Content, newString(v.keys[i]), newNode(item))
	}
	return n
}

// detached copies a node for another place: without anchors, and without the comments around it, which stay where they are.
func detached(n *yaml.Node) *yaml.Node {
	c := expand(n)
	c.HeadComment, c.FootComment = "", ""
	forgetPlace(c)
	return c
}

func forgetPlace(n *yaml.Node) {
	n.Line, n.Column = 0, 0
	for _, child := range n.Content {
		forgetPlace(child)
	}
}

// keyText is the name of a key in the model.
func keyText(k *yaml.Node) string {
	if k.Kind == yaml.AliasNode {
		return k.Alias.Value
	}
	return k.Value
}

// expand returns a copy of a tree without anchors, with aliases and merge keys written out. The reader has
// bounded its size.
func expand(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		c := expand(n.Alias)
		c.HeadComment, c.LineComment, c.FootComment = n.HeadComment, n.LineComment, n.FootComment
		return c
	}
	c := *n
	c.Anchor, c.Content = "", nil
	if n.Kind == yaml.MappingNode {
		c.Content = expandEntries(n)
		return &c
	}
	for _, item := range n.Content {
		c.Content = append(c.Content, expand(item))
	}
	return &c
}

// expandEntries lists the entries of a mapping, its own first, then what its merge keys bring in, the strongest first.
func expandEntries(n *yaml.Node) []*yaml.Node {
	var entries, merged []*yaml.Node
	seen := map[string]bool{}
	add := func(k, v *yaml.Node) {
		if !seen[keyText(k)] {
			seen[keyText(k)] = true
			entries = append(entries, k, v)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], expand(n.Content[i+1])
		switch {
		case !isMergeKey(k):
			add(expand(k), v)
		case v.Kind == yaml.SequenceNode:
			slices.Reverse(v.Content)
			merged = append(merged, v.Content...)
		default:
			merged = append(merged, v)
		}
	}
	for _, m := range slices.Backward(merged) {
		for i := 0; i+1 < len(m.Content); i += 2 {
			add(m.Content[i], m.Content[i+1])
		}
	}
	return entries
}

// withoutComments returns a copy of a tree without comments.
func withoutComments(n *yaml.Node) *yaml.Node {
	c := *n
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = withoutComments(child)
	}
	return &c
}
