// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/domainpatch/domainpatch/cmd/terminal"
	"github.com/domainpatch/domainpatch/patch"
)

// testReport is the output of test for programs.
type testReport struct {
	Cases  []*caseReport `json:"cases"`
	Passed int           `json:"passed"`
	Failed int           `json:"failed"`
}

// caseReport is the part of a testReport on one case.
type caseReport struct {
	Case        string           `json:"case"` // the folder, with slashes
	Passed      bool             `json:"passed"`
	Seconds     float64          `json:"seconds"`
	Updated     []string         `json:"updated,omitempty"` // want files
	Errors      []string         `json:"errors,omitempty"`
	Differences []caseDifference `json:"differences,omitempty"`
	Notes       []string         `json:"notes,omitempty"`
	Domain      *patch.Report    `json:"domain,omitempty"`
	CloudInit   *patch.Report    `json:"cloudInit,omitempty"`
}

// caseDifference is an output that is not the wanted one.
type caseDifference struct {
	File   string `json:"file,omitempty"` // the want file; empty for a repeated call
	Reason string `json:"reason"`
	Diff   string `json:"diff"` // unified
}

func (t *testReport) add(c *caseReport) {
	t.Cases = append(t.Cases, c)
	if c.Passed {
		t.Passed++
	} else {
		t.Failed++
	}
}

// print ends the text, or prints all of it as JSON.
func (t *testReport) print(s streams, output string) error {
	switch output {
	case "json":
		return printJSON(s.out, t)
	case "junit":
		return t.printJUnit(s.out)
	}
	n, word := t.Passed, "PASS"
	if t.Failed > 0 {
		n, word = t.Failed, "FAIL"
	}
	_, err := fmt.Fprintf(s.out, "%s: %d of %d cases\n", verdict(s, word), n, len(t.Cases))
	return err
}

// print shows one case as go test shows a package.
func (c *caseReport) print(s streams, verbose bool) {
	var details bytes.Buffer
	details.WriteString(c.details(s.out))
	if verbose {
		for _, n := range c.Notes {
			fmt.Fprintln(&details, "note: "+n)
		}
		if c.CloudInit != nil {
			printReport(&details, "cloud-init", c.CloudInit)
		}
		if c.Domain != nil {
			printReport(&details, "domain", c.Domain)
		}
	}
	word, short := "PASS", "ok"
	if !c.Passed {
		word, short = "FAIL", "FAIL"
	}
	if details.Len() > 0 {
		fmt.Fprintf(s.out, "--- %s: %s (%.2fs)\n", verdict(s, word), c.Case, c.Seconds)
	}
	for line := range bytes.Lines(details.Bytes()) {
		fmt.Fprintf(s.out, "    %s", line)
	}
	updated := ""
	if len(c.Updated) > 0 {
		updated = "\t(wrote " + strings.Join(c.Updated, ", ") + ")"
	}
	fmt.Fprintf(s.out, "%s\t%s\t%.3fs%s\n", verdict(s, short), c.Case, c.Seconds, updated)
}

// details are the errors and the differences of a case, in the colours that w shows.
func (c *caseReport) details(w io.Writer) string {
	var all strings.Builder
	for _, e := range c.Errors {
		fmt.Fprintln(&all, e)
	}
	for _, d := range c.Differences {
		fmt.Fprintf(&all, "%s\n%s", d.Reason, terminal.Diff(w, []byte(d.Diff)))
	}
	return all.String()
}

// verdict paints a word that says how a test went.
func verdict(s streams, word string) string {
	if word == "FAIL" {
		return terminal.Paint(s.out, terminal.Red, word)
	}
	return terminal.Paint(s.out, terminal.Green, word)
}
