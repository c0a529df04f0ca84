// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var errNoCut = errors.New("the lines of this document cannot be cut")

// splice writes a changed tree into the text of the old one, entry by entry, and leaves every other line alone.
//
// yaml.v3 says where a node begins but not where it ends, so the cuts are deduced from columns and
// comments. A wrong guess does no harm: the caller parses the result and compares.
func splice(text string, old, changed *yaml.Node, origin map[*yaml.Node]*yaml.Node) (string, error) {
	if strings.ContainsAny(strings.ReplaceAll(text, "\r\n", "\n"), "\r\u0085\u2028\u2029") {
		return "", errNoCut // line breaks to YAML: its line numbers would not be ours
	}
	s := splicer{text: withNewline(text), origin: origin, layout: layoutOf(old)}
	for at := range s.text {
		if at == 0 || s.text[at-1] == '\n' {
			s.lines = append(s.lines, at)
		}
	}
	s.lines = append(s.lines, len(s.text))
	if err := s.collection(old, changed, len(s.lines)-1); err != nil {
		return "", err
	}
	if end := slices.IndexFunc(s.cuts, func(c cut) bool { return c.to == len(s.text) }); end < 0 && len(text) < len(s.text) {
		return strings.TrimSuffix(s.result(), s.text[len(text):]), nil // the newline was ours
	}
	if len(text) < len(s.text) {
		s.stripLast(old)
	}
	return s.result(), nil
}

// stripLast makes a literal or folded scalar without a line end, at the end of a text without one, the same
// before other lines: | becomes |-.
func (s *splicer) stripLast(n *yaml.Node) {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 || strings.HasSuffix(n.Value, "\n") || n.Line >= len(s.lines) {
		return
	}
	at := s.lines[n.Line-1] + n.Column // behind | or >
	if at >= len(s.text) || s.text[at] == '-' || !strings.ContainsRune("|>", rune(s.text[at-1])) {
		return
	}
	if !slices.ContainsFunc(s.cuts, func(c cut) bool { return c.from < at && at <= c.to }) {
		s.cuts = append(s.cuts, cut{at, at, "-"})
	}
}

type splicer struct {
	text   string
	lines  []int // offsets of the lines, and of the end
	origin map[*yaml.Node]*yaml.Node
	layout layout
	cuts   []cut
}

// cut replaces text[from:to].
type cut struct {
	from, to int
	text     string
}

// entry is a key with its value, or an item of a list (key is nil), and its place in the text.
type entry struct {
	key, value *yaml.Node
	column     int // of the key or the dash, from 0
	from       int // offset of the key or the dash
	line, end  int // lines from line up to, without, end hold it; comments behind it are not part of it
}

// id is the node by which an entry is found again in the changed tree.
func (e *entry) id() *yaml.Node {
	if e.key != nil {
		return e.key
	}
	return e.value
}

// entries lists the entries of a collection, without their places.
func entries(n *yaml.Node) []entry {
	list := make([]entry, 0, len(n.Content))
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			list = append(list, entry{value: item})
		}
		return list
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		list = append(list, entry{key: n.Content[i], value: n.Content[i+1]})
	}
	return list
}

// collection cuts the differences between a block-style collection, whose lines end before line end, and its successor.
func (s *splicer) collection(old, changed *yaml.Node, end int) error {
	if s.origin[changed] != old || !isBlock(old) || !isBlock(changed) || old.Kind != changed.Kind {
		return errNoCut
	}
	was, err := s.locate(old, end)
	if err != nil {
		return err
	}
	at := map[*yaml.Node]int{}
	for i := range was {
		at[was[i].id()] = i
	}
	next, kept := 0, 0 // next is the first old entry that is neither kept nor dropped yet
	for _, e := range entries(changed) {
		if i, found := at[s.source(e.id())]; found {
			s.drop(was[next:i], was[i:])
			next, kept = i+1, kept+1
			err = s.change(&was[i], &e)
		} else {
			err = s.insert(was, next, &e)
		}
		if err != nil {
			return err
		}
	}
	if kept == 0 {
		return errNoCut
	}
	s.drop(was[next:], nil)
	return nil
}

// source returns the old node that a changed one replaces, or the node itself.
func (s *splicer) source(n *yaml.Node) *yaml.Node {
	if o := s.origin[n]; o != nil {
		return o
	}
	return n
}

// locate finds the places of a collection's entries. All must begin in one column, and all but the first on a line of their own.
func (s *splicer) locate(n *yaml.Node, end int) ([]entry, error) {
	list := entries(n)
	for i := range list {
		e := &list[i]
		if e.line, e.column = e.id().Line-1, e.id().Column-1; e.line < 0 || e.line >= len(s.lines)-1 {
			return nil, errNoCut
		}
		if e.key == nil {
			s.findDash(e)
		}
		if e.from = s.lines[e.line] + e.column; e.column < 0 || e.column != list[0].column || e.from >= s.lines[e.line+1] {
			return nil, errNoCut
		}
		before := strings.TrimSpace(s.text[s.lines[e.line]:e.from])
		if i > 0 && (before != "" || e.line <= list[i-1].line) || strings.Trim(before, "- ") != "" {
			return nil, errNoCut
		}
	}
	for i := range list {
		limit := end
		if i+1 < len(list) {
			limit = list[i+1].line
		}
		list[i].end = s.contentEnd(&list[i], limit)
	}
	return list, nil
}

// findDash moves the place of an item back to its dash, which may stand alone on a line above. Without one the column becomes -1.
func (s *splicer) findDash(e *entry) {
	line := s.line(e.line)
	before := line[:min(e.column, len(line))]
	for strings.TrimSpace(before) == "" && e.line > 0 {
		e.line--
		if before = s.line(e.line); s.comment(e.line) {
			before = ""
		}
	}
	before, _, _ = strings.Cut(before, " #")
	before = strings.TrimRight(before, " \r\n")
	e.column = len(before) - 1
	if strings.Trim(before, "- ") != "" {
		e.column = -1
	}
}

// contentEnd finds the line behind an entry: blank lines and comments before limit belong to nobody, unless
// they stand in a literal or folded scalar.
func (s *splicer) contentEnd(e *entry, limit int) int {
	leaf, column := e.value, e.column
	for isBlock(leaf) {
		last := entries(leaf)[len(entries(leaf))-1]
		if column = last.id().Column - 1; last.key == nil {
			column = leaf.Column - 1
		}
		leaf = last.value
	}
	end := limit
	block := leaf.Kind == yaml.ScalarNode && leaf.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if block {
		for end = min(leaf.Line, limit); end < limit && (s.blank(end) || s.indent(end) > column); {
			end++
		}
	}
	if block && strings.HasSuffix(leaf.Value, "\n\n") {
		return end // its last blank lines are kept (|+)
	}
	for end > e.line+1 && (s.blank(end-1) || !block && s.comment(end-1)) {
		end--
	}
	return end
}

func (s *splicer) line(i int) string  { return s.text[s.lines[i]:s.lines[i+1]] }
func (s *splicer) blank(i int) bool   { return strings.TrimSpace(s.line(i)) == "" }
func (s *splicer) comment(i int) bool { return strings.HasPrefix(strings.TrimSpace(s.line(i)), "#") }
func (s *splicer) indent(i int) int   { return len(s.line(i)) - len(strings.TrimLeft(s.line(i), " ")) }

// change cuts inside an entry if it can, else writes it anew.
func (s *splicer) change(was, now *entry) error {
	if was.value == now.value {
		return nil
	}
	mark := len(s.cuts)
	if s.collection(was.value, now.value, was.end) == nil {
		return nil
	}
	s.cuts = s.cuts[:mark]
	text, err := s.write(now, was)
	s.cuts = append(s.cuts, cut{was.from, s.lines[was.end], text})
	return err
}

// insert puts a new entry before the old entry next, behind the one before that.
func (s *splicer) insert(was []entry, next int, e *entry) error {
	text, err := s.write(e, &was[0])
	if err != nil {
		return err
	}
	margin := strings.Repeat(" ", was[0].column)
	if next == 0 {
		s.cuts = append(s.cuts, cut{was[0].from, was[0].from, text + margin})
		return nil
	}
	at := s.lines[was[next-1].end]
	s.cuts = append(s.cuts, cut{at, at, margin + text})
	return nil
}

// drop removes entries. Where the first one shares its line with the dash of a list, the entry that follows moves up.
func (s *splicer) drop(gone, rest []entry) {
	shared := false
	for i, e := range gone {
		if i == 0 {
			shared = strings.TrimSpace(s.text[s.lines[e.line]:e.from]) != ""
		}
		from, to := s.lines[e.line], s.lines[e.end]
		if shared {
			from = e.from
			if i+1 < len(gone) {
				to = gone[i+1].from
			} else if len(rest) > 0 {
				to = rest[0].from
			}
		}
		s.cuts = append(s.cuts, cut{from: from, to: to})
	}
}

// write gives the text of an entry in the column of another, from its key or dash to its newline.
func (s *splicer) write(e, place *entry) (string, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{e.value}}
	if e.key != nil {
		n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{e.key, e.value}}
	}
	text, err := encodeYAML(inside(n, place.line+1, true), s.layout)
	if err != nil {
		return "", err
	}
	margin := "\n" + strings.Repeat(" ", place.column)
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case line == "":
			out.WriteString("\n")
		case i > 0:
			out.WriteString(margin + line)
		default:
			out.WriteString(line)
		}
	}
	out.WriteString("\n")
	return out.String(), nil
}

// inside copies a tree without the comments above the line and behind the end: they stand in text that is not cut.
// Nodes without a line are new here, and so are their comments.
func inside(n *yaml.Node, line int, last bool) *yaml.Node {
	c := *n
	if n.Line > 0 && n.Line <= line {
		c.HeadComment = ""
	}
	if last {
		c.FootComment = ""
	}
	c.Content = slices.Clone(n.Content)
	for i, child := range c.Content {
		tail := last && (i == len(c.Content)-1 || n.Kind == yaml.MappingNode && i == len(c.Content)-2)
		c.Content[i] = inside(child, line, tail)
	}
	return &c
}

// result puts the cuts into the text, with its line ends.
func (s *splicer) result() string {
	slices.SortStableFunc(s.cuts, func(a, b cut) int { return a.from - b.from })
	newline := "\n"
	if strings.Contains(s.text, "\r\n") {
		newline = "\r\n"
	}
	var out strings.Builder
	done := 0
	for _, c := range s.cuts {
		if c.from > done {
			out.WriteString(s.text[done:c.from])
		}
		out.WriteString(strings.ReplaceAll(c.text, "\n", newline))
		done = max(done, c.to)
	}
	out.WriteString(s.text[done:])
	return out.String()
}
