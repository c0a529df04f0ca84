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
	edit := wanted.without(before)
	missing := slices.ContainsFunc(edit, func(place string) bool { return slices.Contains(lost, place) })
	stale := slices.ContainsFunc(before.without(wanted), func(place string) bool { return result.same(before, place) })
	elsewhere := slices.ContainsFunc(added, func(place string) bool { return wanted.has(place) && before.has(place) })
	switch {
	case len(lost) == 0 && len(added) == 0 && len(edit) > 0:
		return verdict{Word: done}, nil
	case len(before.without(result)) == 0 && len(result.without(before)) == 0:
		return verdict{Word: notDone}, nil
	case missing || stale || elsewhere:
		return verdict{wrong, differences(wanted, lost, result, added)}, nil
	}
	return verdict{doneBut, differences(wanted, lost, result, added)}, nil
}

// otherDisks counts disks that are not as wanted, but for the second, which is the one to edit. A result that is no
// document has none.
func otherDisks(want, got []byte) int {
	wanted, err := parse(want)
	if err != nil {
		return 0
	}
	result, err := parse(got)
	if err != nil {
		return 0
	}
	disks := map[string]bool{}
	for _, place := range append(wanted.without(result), result.without(wanted)...) {
		if rest, ok := strings.CutPrefix(place, "/domain/devices/disk"); ok {
			disk, _, _ := strings.Cut(rest, "/")
			disks[disk] = disk != "[2]"
		}
	}
	delete(disks, "[2]")
	return len(disks)
}

// maxDifferences is how many a detail names of each kind.
const maxDifferences = 3

// differences names what is lost of the wanted and what is added in the result.
func differences(wanted content, lost []string, result content, added []string) string {
	var parts []string
	for _, kind := range []struct {
		verb   string
		of     content
		places []string
	}{{"loses", wanted, lost}, {"adds", result, added}} {
		var named []string
		for _, place := range kind.places[:min(len(kind.places), maxDifferences)] {
			if value := kind.of[place]; value != "" {
				place += "=" + value
			}
			named = append(named, "`"+place+"`")
		}
		if len(named) == 0 {
			continue
		}
		text := kind.verb + " " + strings.Join(named, ", ")
		if more := len(kind.places) - len(named); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// keeping is what a result keeps of an input that others have edited, besides the edit.
type keeping struct {
	Verdict  verdict
	Unknown  string // whether the element that KubeVirt's structs do not know is kept
	Comments string // kept of all
	Prefixes string // names with a prefix that are still written so, of all
	Lines    string // of the input that are no longer there, beside those of the edit, of all
}

func keep(in, want, got []byte, callErr error) (keeping, error) {
	v, err := judge(in, want, got, callErr)
	if err != nil || callErr != nil {
		return keeping{v, absent, absent, absent, absent}, err
	}
	result, err := parse(got)
	if err != nil {
		return keeping{}, err
	}
	unknown := "lost"
	if result.has("/domain/devices/shmem") {
		unknown = "kept"
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
		Unknown:  unknown,
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
