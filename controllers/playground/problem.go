// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"strings"

	"github.com/domainpatch/domainpatch/controllers/lint"
	"github.com/domainpatch/domainpatch/controllers/offline"
)

// fail takes every mistake of an error as a problem: of the pane that it names, or of this one.
func (r *Response) fail(pane string, err error) {
	for _, m := range offline.Mistakes(err) {
		p := Problem{Severity: string(lint.Error), Pane: pane, Line: m.Line, Column: m.Column}
		if m.File == panePatches || m.File == paneVMI {
			p.Pane = m.File
		}
		m.Position = offline.Position{}
		p.Message = m.String()
		r.Problems = append(r.Problems, p)
	}
}

// lint takes what the linter finds in the patches, with the domain to try paths on if it parses. Mistakes of
// reading them are told by a run.
func (r *Response) lint(request *Request) {
	objects, _, err := offline.ParseObjects(panePatches, []byte(request.Patches))
	if err != nil {
		return
	}
	options := lint.Options{}
	options.Among(objects)
	linter, err := lint.New(options)
	if err != nil {
		r.fail(panePatches, err)
		return
	}
	if strings.TrimSpace(request.Domain) != "" {
		_ = linter.Domain([]byte(request.Domain)) // a run says why it does not parse
	}
	linter.Objects(objects)
	findings, _ := linter.Findings()
	for i := range findings {
		f := &findings[i]
		about := offline.Mistake{Object: f.Object, Field: f.Field, Reason: f.Message}
		r.Problems = append(r.Problems, Problem{Severity: string(f.Severity), Pane: panePatches, Line: f.Line, Column: f.Column,
			Message: about.String(), Code: f.ID, Fix: f.Fix, URL: f.URL()})
	}
}
