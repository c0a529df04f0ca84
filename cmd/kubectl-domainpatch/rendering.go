// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/domainpatch/domainpatch/cmd/terminal"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch"
)

// rendering is what render has found out so far.
type rendering struct {
	files   offline.Files
	notes   []string
	results []result

	domain, domainRepeated, cloudInit *patch.Report // nil where the hook did not run, or the document does not parse
}

// result is one patched document.
type result struct {
	kind, file    string
	before, after []byte
}

func (r *rendering) notef(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// run runs a hook on a document.
func (r *rendering) run(kind, name string, hook func([]byte) ([]byte, error)) error {
	before, err := r.files.Read(name)
	if err != nil {
		return err
	}
	after, err := hook(before)
	if err != nil {
		return inFile(name, err)
	}
	r.results = append(r.results, result{kind, name, before, after})
	return nil
}

// tell prints the notes and the reports for a person.
func (r *rendering) tell(w io.Writer) {
	for _, note := range r.notes {
		fmt.Fprintln(w, "note: "+note)
	}
	printReport(w, "domain", r.domain)
	printReport(w, "domain, second call", r.domainRepeated)
	printReport(w, "cloud-init", r.cloudInit)
}

func (r *rendering) print(s streams, asDiff bool) error {
	for _, one := range r.results {
		text := one.after
		if asDiff {
			text = diff.Diff(one.file, readable(one.kind, one.before), one.file+" (patched)", readable(one.kind, one.after))
			text = terminal.Diff(s.out, text)
		}
		if _, err := s.out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// renderReport is the output of render for programs.
type renderReport struct {
	Domain    string          `json:"domain,omitempty"`
	CloudInit json.RawMessage `json:"cloudInit,omitempty"`
	Report    struct {
		Domain         *patch.Report `json:"domain,omitempty"`
		DomainRepeated *patch.Report `json:"domainRepeated,omitempty"`
		CloudInit      *patch.Report `json:"cloudInit,omitempty"`
	} `json:"report"`
	Notes []string `json:"notes"`
}

func (r *rendering) printJSON(w io.Writer) error {
	all := renderReport{Notes: append([]string{}, r.notes...)}
	all.Report.Domain, all.Report.DomainRepeated, all.Report.CloudInit = r.domain, r.domainRepeated, r.cloudInit
	for _, one := range r.results {
		if one.kind == "domain" {
			all.Domain = string(one.after)
		} else {
			all.CloudInit = one.after
		}
	}
	return printJSON(w, all)
}
