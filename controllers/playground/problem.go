// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/domainpatch/domainpatch/controllers/lint"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/document"
)

// fail takes every mistake of an error as a problem: of the patches, where one of them is to blame, else of the
// text of the pane.
func (r *Response) fail(pane, text string, err error) {
	for _, m := range offline.Mistakes(err) {
		p := Problem{Severity: string(lint.Error), Pane: pane, Line: m.Line, Column: m.Column}
		switch {
		case m.File == panePatches || m.File == paneVMI:
			p.Pane = m.File
		case m.Line == 0:
			p.Line, p.Column = placeOf(text, err)
		}
		m.Position = offline.Position{}
		p.Message = m.String()
		r.Problems = append(r.Problems, p)
	}
}

// placeOf is where a document does not parse, both from 1; 0 where that is not known.
func placeOf(text string, err error) (line, column int) {
	offset := 0
	var inXML *document.SyntaxError
	var inJSON *json.SyntaxError
	switch {
	case errors.As(err, &inXML):
		offset = inXML.Offset()
	case errors.As(err, &inJSON):
		offset = int(inJSON.Offset) - 1 // it counts the bad character, too
	default:
		return 0, 0
	}
	before := text[:min(max(offset, 0), len(text))]
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[1+strings.LastIndexByte(before, '\n'):])
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
		r.fail(panePatches, "", err)
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
