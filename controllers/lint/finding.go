// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"cmp"
	"slices"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

// Severity says how bad a finding is.
type Severity string

const (
	// Error is for what a cluster refuses.
	Error Severity = "error"
	// Warning is for what a cluster takes, and what is likely to be a mistake.
	Warning Severity = "warning"
)

// Finding is one thing that is wrong, or likely to be.
type Finding struct {
	*Code
	offline.Position        // unknown for objects that were not read from a file
	Object           string // "DomainPatch vms/name"; empty where a file is no object
	Field            string // "spec.domain[2].path"; empty for the object as a whole
	Message          string // one line
	Fix              string // what to do; one line, may be empty
	// Excerpt is the line of the file and a caret below it; empty where it is not known, or could
	// show a secret.
	Excerpt string
}

// Count counts the errors and the warnings.
func Count(findings []Finding) (errors, warnings int) {
	for i := range findings {
		if findings[i].Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Sort orders findings by where they stand.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.ID, b.ID))
	})
}
