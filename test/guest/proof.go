// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// measured begins the names of facts that are different each time.
const measured = "rate/"

// Check compares the reports of a guest with its patches and without. It fails where a sample is not seen as its
// proofs say, where a difference belongs to no sample, and where a patch makes no difference.
func (s *Scene) Check(with, without Report) error {
	var errs []error
	explained := map[string]bool{}
	for _, proof := range s.Proofs {
		for _, fact := range proof.Facts {
			explained[fact.Name] = true
			if err := fact.check(with, without); err != nil {
				errs = append(errs, fmt.Errorf("sample %s: %w", proof.Sample, err))
			}
		}
	}
	for _, name := range Differences(with, without) {
		if !explained[name] && !strings.HasPrefix(name, measured) {
			errs = append(errs, fmt.Errorf("%s is %q instead of %q, and proofs.yaml does not say by which sample", name, with[name], without[name]))
		}
	}
	return errors.Join(errs...)
}

// Differences are the names of the facts that differ, sorted.
func Differences(with, without Report) []string {
	names := maps.Clone(with)
	maps.Copy(names, without)
	maps.DeleteFunc(names, func(name, _ string) bool { return with[name] == without[name] })
	return slices.Sorted(maps.Keys(names))
}

func (f Fact) check(with, without Report) error {
	got, before := with[f.Name], without[f.Name]
	switch {
	case !match(f.Without, before, got):
		return fmt.Errorf("%s is %q without the patch, not %q", f.Name, before, f.Without)
	case !match(f.With, got, before):
		return fmt.Errorf("%s is %q, not %q", f.Name, got, f.With)
	case got == before && !strings.HasPrefix(f.Name, measured):
		return fmt.Errorf("%s is %q without the patch, too", f.Name, got)
	}
	return nil
}

// match compares a value with what is wanted: a text, "anything", "anything else" (than the other guest has),
// "anything with TEXT", or "at most NUMBER", which a busy machine does not exceed either.
func match(want, got, other string) bool {
	text, contains := strings.CutPrefix(want, "anything with ")
	limit, limited := strings.CutPrefix(want, "at most ")
	switch {
	case want == "anything":
		return got != ""
	case want == "anything else":
		return got != other
	case contains:
		return strings.Contains(got, text)
	case limited:
		most, err := strconv.Atoi(limit)
		number, numberErr := strconv.Atoi(got)
		return err == nil && numberErr == nil && number <= most
	}
	return got == want
}
