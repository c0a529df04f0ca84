// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// table has a column per contender, and below it what the words do not say.
type table struct {
	lines []string
	rows  int
	notes []note
}

// note is a detail of one contender, and the rows that have it.
type note struct {
	who, word, detail string
	rows              []int
}

func (t *table) row(name string, cells []string) {
	t.rows++
	t.lines = append(t.lines, fmt.Sprintf("| %s | %s |", name, strings.Join(cells, " | ")))
}

func (t *table) verdicts(name string, all []verdict) {
	var cells []string
	for i, v := range all {
		cells = append(cells, v.Word)
		if v.Detail != "" {
			t.note(contenders()[i].name, v, t.rows+1)
		}
	}
	t.row(name, cells)
}

func (t *table) note(who string, v verdict, row int) {
	detail := v.Detail
	if v.Word == failed {
		detail = "`" + firstLine(detail) + "`"
	}
	for i := range t.notes {
		if n := &t.notes[i]; n.who == who && n.word == v.Word && n.detail == detail {
			n.rows = append(n.rows, row)
			return
		}
	}
	t.notes = append(t.notes, note{who, v.Word, detail, []int{row}})
}

func (t *table) write(b *strings.Builder) {
	fmt.Fprintf(b, "| |")
	for _, who := range contenders() {
		fmt.Fprintf(b, " %s |", who.name)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(contenders())) + "|\n" + strings.Join(t.lines, "\n") + "\n")
	if len(t.notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range t.together() {
		fmt.Fprintf(b, "- %s, %s, *%s*: %s\n", n.who, t.where(n.rows), n.word, n.detail)
	}
}

// together are the notes in the order of the contenders, those that say the same of the same rows as one.
func (t *table) together() (all []note) {
	for _, who := range contenders() {
		for _, n := range t.notes {
			if n.who != who.name {
				continue
			}
			same := slices.IndexFunc(all, func(o note) bool {
				return o.word == n.word && o.detail == n.detail && slices.Equal(o.rows, n.rows)
			})
			if same >= 0 {
				all[same].who += ", " + n.who
			} else {
				all = append(all, n)
			}
		}
	}
	return all
}

// where names the rows, by their numbers.
func (t *table) where(rows []int) string {
	switch {
	case t.rows == 1:
		return "here"
	case len(rows) == t.rows:
		return "all rows"
	case len(rows) == 1:
		return fmt.Sprintf("row %d", rows[0])
	}
	return "rows " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(rows)), ", "), "[]")
}

// firstLine is that of an error, without what gRPC puts before it.
func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if _, desc, ok := strings.Cut(text, " desc = "); ok {
		text = desc
	}
	text, _, _ = strings.Cut(text, "; after the fix ") // ours always ends so
	return text
}
