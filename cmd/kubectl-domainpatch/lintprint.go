// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/domainpatch/domainpatch/cmd/terminal"
	"github.com/domainpatch/domainpatch/controllers/lint"
	"github.com/domainpatch/domainpatch/controllers/offline"
)

// lintResult is what lint found.
type lintResult struct {
	findings []lint.Finding
	files    int
	objects  int // of a cluster
	silenced int
	skipped  []string
	notes    []string
}

func (r *lintResult) add(l *lint.Linter, files int) {
	findings, silenced := l.Findings()
	r.findings = append(r.findings, findings...)
	r.silenced += silenced
	r.files += files
}

// String counts: "2 files: 1 error, 3 warnings (2 silenced)".
func (r *lintResult) String() string {
	errs, warnings := lint.Count(r.findings)
	text := count(r.files, "file")
	if r.objects > 0 || r.files == 0 {
		text = count(r.objects, "object")
	}
	text += ": " + count(errs, "error") + ", " + count(warnings, "warning")
	if r.silenced > 0 {
		text += fmt.Sprintf(" (%d silenced)", r.silenced)
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *lintResult) print(s streams, output string) error {
	lint.Sort(r.findings)
	switch output {
	case "json":
		return printJSON(s.out, r.asJSON())
	case "sarif":
		return printJSON(s.out, r.asSARIF())
	}
	for i := range r.findings {
		printFinding(s, &r.findings[i])
	}
	return nil
}

// printFinding prints a finding as compilers do, so that editors and CI find the place.
func printFinding(s streams, f *lint.Finding) {
	where := f.Position.String()
	if f.Object != "" {
		where = strings.TrimPrefix(where+": "+f.Object, ": ")
	}
	colour := terminal.Amber
	if f.Severity == lint.Error {
		colour = terminal.Red
	}
	field := ""
	if f.Field != "" {
		field = f.Field + ": "
	}
	fmt.Fprintf(s.out, "%s: %s %s (%s): %s\n", offline.Printable(where), terminal.Paint(s.out, colour, string(f.Severity)), f.ID, f.Name, offline.Printable(field+f.Message))
	for line := range strings.Lines(f.Excerpt) {
		fmt.Fprintln(s.out, "    "+strings.TrimSuffix(line, "\n"))
	}
	if f.Fix != "" {
		fmt.Fprintln(s.out, "    "+terminal.Paint(s.out, terminal.Green, "fix:")+" "+offline.Printable(f.Fix))
	}
}

// jsonFinding is the stable shape of one finding.
type jsonFinding struct {
	Code     string        `json:"code"`
	Name     string        `json:"name"`
	Severity lint.Severity `json:"severity"`
	File     string        `json:"file,omitempty"`
	Line     int           `json:"line,omitempty"`
	Column   int           `json:"column,omitempty"`
	Object   string        `json:"object,omitempty"`
	Field    string        `json:"field,omitempty"`
	Message  string        `json:"message"`
	Fix      string        `json:"fix,omitempty"`
	URL      string        `json:"url"`
}

func (r *lintResult) asJSON() any {
	errs, warnings := lint.Count(r.findings)
	findings := make([]jsonFinding, len(r.findings))
	for i := range r.findings {
		f := &r.findings[i]
		findings[i] = jsonFinding{f.ID, f.Name, f.Severity, f.File, f.Line, f.Column, f.Object, f.Field, f.Message, f.Fix, f.URL()}
	}
	return map[string]any{"findings": findings, "errors": errs, "warnings": warnings, "silenced": r.silenced}
}

// asSARIF is the format of GitHub's code scanning and others: OASIS SARIF 2.1.0.
func (r *lintResult) asSARIF() any {
	type object = map[string]any
	var rules []object
	for _, c := range lint.Codes() {
		rules = append(rules, object{"id": c.ID, "name": c.Name, "shortDescription": object{"text": c.Why},
			"help": object{"text": c.Fix}, "helpUri": c.URL(), "defaultConfiguration": object{"level": c.Severity}})
	}
	results := []object{}
	for i := range r.findings {
		f := &r.findings[i]
		result := object{"ruleId": f.ID, "level": f.Severity, "message": object{"text": strings.TrimPrefix(f.Object+": "+f.Message, ": ")}}
		if f.File != "" {
			result["locations"] = []object{{"physicalLocation": object{
				"artifactLocation": object{"uri": f.File},
				"region":           object{"startLine": max(f.Line, 1), "startColumn": max(f.Column, 1)}}}}
		}
		results = append(results, result)
	}
	return object{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": []object{{
		"tool":    object{"driver": object{"name": "kubectl-domainpatch", "informationUri": "https://github.com/domainpatch/domainpatch", "rules": rules}},
		"results": results}}}
}

// printCodes lists all codes.
func printCodes(s streams) error {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CODE\tNAME\tSEVERITY\tWHAT")
	for _, c := range lint.Codes() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.ID, c.Name, c.Severity, c.Why)
	}
	return table.Flush()
}

// explainCode tells all that is known of a code without the docs.
func explainCode(s streams, c *lint.Code) error {
	_, err := fmt.Fprintf(s.out, "%s %s (%s)\n\n%s\n\nWay out: %s\n", c.ID, c.Name, c.Severity, c.Why, c.Fix)
	if err == nil && c.Severity == lint.Warning {
		_, err = fmt.Fprintf(s.out, "Silence: annotation lint.domainpatch.kubevirt.io/%s with the reason, or --disable %s.\n", c.ID, c.ID)
	}
	if err == nil {
		_, err = fmt.Fprintf(s.out, "More:    %s\n", c.URL())
	}
	return err
}
