// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// verdict is what became of an edit.
type verdict struct {
	Word   string
	Detail string // what else was lost and added, or the error
}

// Words of verdicts.
const (
	done    = "yes"
	doneBut = "yes, but"
	notDone = "no, silently"
	wrong   = "wrong"
	failed  = "error"
	absent  = "-"
)

// judge compares a result with the input and with what was wanted. Where nothing was wanted, in and want are the same.
func judge(in, want, got []byte, err error) (verdict, error) {
	if err != nil {
		return verdict{failed, err.Error()}, nil
	}
	result, err := parse(got)
	if err != nil {
		return verdict{wrong, "what it gives is not XML"}, nil
	}
	before, err := parse(in)
	if err != nil {
		return verdict{wrong, "it gives XML for an input that is none"}, nil
	}
	wanted, err := parse(want)
	if err != nil {
		return verdict{}, fmt.Errorf("the wanted document: %w", err)
	}
	lost, added := wanted.without(result), result.without(wanted)
	missing := slices.ContainsFunc(wanted.without(before), func(item string) bool { return !result[item] })
	stale := slices.ContainsFunc(before.without(wanted), func(item string) bool { return result[item] })
	elsewhere := slices.ContainsFunc(added, func(item string) bool { return before.hasPlace(item) && wanted.hasPlace(item) })
	switch {
	case len(lost) == 0 && len(added) == 0 && len(wanted.without(before)) > 0:
		return verdict{Word: done}, nil
	case len(before.without(result)) == 0 && len(result.without(before)) == 0:
		return verdict{Word: notDone}, nil
	case missing || stale || elsewhere:
		return verdict{wrong, differences(lost, added)}, nil
	}
	return verdict{doneBut, differences(lost, added)}, nil
}

// maxDifferences is how many a detail names of each kind.
const maxDifferences = 3

// differences names what is lost and what is added.
func differences(lost, added []string) string {
	var parts []string
	for _, kind := range []struct {
		verb string
		all  []string
	}{{"loses", lost}, {"adds", added}} {
		if len(kind.all) == 0 {
			continue
		}
		named := kind.all[:min(len(kind.all), maxDifferences)]
		text := kind.verb + " `" + strings.Join(named, "`, `") + "`"
		if more := len(kind.all) - len(named); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// keeping is what a result keeps of an input that others have edited, besides the edit.
type keeping struct {
	Verdict  verdict
	Comments string // kept of all
	Prefixes string // names with a prefix that are still written so, of all
	Lines    string // of the input that are no longer there, beside those of the edit, of all
}

func keep(in, want, got []byte, callErr error) (keeping, error) {
	v, err := judge(in, want, got, callErr)
	if err != nil || callErr != nil {
		return keeping{v, absent, absent, absent}, err
	}
	before, err := prefixed(in)
	if err != nil {
		return keeping{}, err
	}
	after, err := prefixed(got)
	if err != nil {
		return keeping{}, err
	}
	kept := 0
	for _, name := range before {
		if slices.Contains(after, name) {
			kept++
		}
	}
	comments := func(doc []byte) int { return strings.Count(string(doc), "<!--") }
	gone := missingLines(in, got) - missingLines(in, want)
	return keeping{
		Verdict:  v,
		Comments: fmt.Sprintf("%d of %d", comments(got), comments(in)),
		Prefixes: fmt.Sprintf("%d of %d", kept, len(before)),
		Lines:    fmt.Sprintf("%d of %d", max(0, gone), strings.Count(string(in), "\n")+1),
	}, nil
}

// missingLines counts lines of a document that another one does not have.
func missingLines(doc, other []byte) int {
	have := map[string]int{}
	for line := range strings.Lines(string(other)) {
		have[strings.TrimRight(line, "\n")]++
	}
	missing := 0
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimRight(line, "\n")
		if have[line]--; have[line] < 0 {
			missing++
		}
	}
	return missing
}
