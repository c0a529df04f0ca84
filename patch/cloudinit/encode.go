// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// layout is how a document indents.
type layout struct {
	indent  int  // columns per level
	compact bool // a list below a key begins in the key's column
}

// layoutOf takes the layout from the first nested mapping and the first list below a key, in block style.
func layoutOf(root *yaml.Node) layout {
	l, compact := layout{}, -1
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && isBlock(c) {
				by := c.Column - n.Content[i-1].Column
				if l.indent == 0 && (by == 2 || by == 4) {
					l.indent = by
				}
				if compact < 0 && c.Kind == yaml.SequenceNode {
					compact = by
				}
			}
			visit(c)
		}
	}
	visit(root)
	if l.indent == 0 {
		l.indent = 2
	}
	l.compact = compact == 0
	return l
}

// isBlock says whether a node is a collection in block style, which an empty one cannot be.
func isBlock(n *yaml.Node) bool {
	return (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0
}

// encodeYAML writes a tree; the text ends with a newline.
func encodeYAML(n *yaml.Node, l layout) (text string, err error) {
	defer recovered(&err)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(l.indent)
	if l.compact {
		e.CompactSeqIndent()
	}
	if err := e.Encode(writable(n, false)); err != nil {
		return "", err
	}
	if err := e.Close(); err != nil {
		return "", err
	}
	return out.String(), nil
}

// writable returns the tree in the styles that yaml.v3 writes exactly. It makes strings of the empty scalars in flow
// collections and errs with some folded and literal scalars.
func writable(n *yaml.Node, flow bool) *yaml.Node {
	c := *n
	if flow && n.Line == 0 {
		c.HeadComment, c.LineComment, c.FootComment = "", "", "" // they would spread the collection over several lines
	}
	const block = yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case n.Kind != yaml.ScalarNode:
	case n.Style&block != 0:
		if c.Style &^= block; literalSafe(n.Value) {
			c.Style |= yaml.LiteralStyle
		} else {
			c.Style |= yaml.DoubleQuotedStyle
		}
	case flow && n.Value == "" && n.Style == 0:
		c.Tag, c.Value = "!!null", "null"
	}
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = writable(child, flow || n.Style&yaml.FlowStyle != 0)
	}
	return &c
}
