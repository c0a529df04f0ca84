// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/domainpatch/domainpatch/patch"
)

// CaseResult is what came of one case.
type CaseResult struct {
	// Dir is the case folder.
	Dir string
	// Err is what no want file can settle: a mistake in the case itself, a failure where a
	// success is wanted, or a success where a failure is.
	Err error
	// Mismatches are the outputs that are not the wanted ones.
	Mismatches []Mismatch
	// Domain and CloudInit tell what the rules did; nil where the hook did not run.
	Domain, CloudInit *patch.Report
	// Notes tell what in the folder was passed over, and patches that were left out.
	Notes []string
}

// Mismatch is an output that is not the wanted one.
type Mismatch struct {
	// File is the want file; empty for the output of a repeated call, which has none.
	File string
	// Missing tells that there is no such file.
	Missing   bool
	Want, Got []byte
}

// Reason says what does not match.
func (m *Mismatch) Reason() string {
	switch {
	case m.File == "":
		return "KubeVirt repeats the hook in the course of one boot, and the repeated call changes what the first one gave"
	case m.Missing:
		return m.File + " is missing: this came out"
	}
	return m.File + " is not what came out"
}

// Passed says whether all is as wanted.
func (r *CaseResult) Passed() bool { return r.Err == nil && len(r.Mismatches) == 0 }

// Update writes what came out into the want files that do not hold it, and returns their
// names. It writes nothing where the case failed for another reason: a case that is wanted to
// succeed never becomes one that is wanted to fail, nor the other way round.
func (r *CaseResult) Update() (updated []string, err error) {
	if r.Err != nil {
		return nil, nil
	}
	var left []Mismatch
	for _, m := range r.Mismatches {
		if m.File == "" {
			left = append(left, m)
			continue
		}
		if err := WriteFile(filepath.Join(r.Dir, m.File), m.Got); err != nil {
			return updated, err
		}
		updated = append(updated, m.File)
	}
	r.Mismatches = left
	return updated, nil
}

// RunCase runs the case in a folder. patch.yaml, bound to the VMI of vmi.yaml if there is
// one, is applied to domain.xml or cloud-init.json or both, and must give want.xml and want.json, or
// fail with the text of want.err. The domain's hook is called as KubeVirt calls it: a first
// time, which checks itself, and again on its own result, which must not change.
func RunCase(ctx context.Context, dir string) *CaseResult {
	r := &CaseResult{Dir: dir}
	c, err := readCase(dir)
	if err != nil {
		r.Err = err
		return r
	}
	program, notes, refused, err := c.compile(ctx)
	r.Notes = notes
	switch {
	case refused:
		r.failed(c, err)
	case err != nil:
		r.Err = err
	default:
		r.run(ctx, c, program)
	}
	return r
}

// run applies the program to the documents in the order in which KubeVirt's hooks come.
func (r *CaseResult) run(ctx context.Context, c testCase, program *Program) {
	var errs []error
	var outputs []Mismatch
	if in, given := c[CaseCloudInit]; given {
		out, report, err := program.CloudInit(ctx, in)
		r.CloudInit = report
		errs = append(errs, ofFile(CaseCloudInit, err))
		outputs = append(outputs, Mismatch{File: WantCloudInit, Got: out})
	}
	if in, given := c[CaseDomain]; given {
		out, report, err := program.Domain(ctx, in, nil)
		r.Domain = report
		outputs = append(outputs, Mismatch{File: WantDomain, Got: out})
		errs = append(errs, ofFile(CaseDomain, err))
		if err == nil {
			again, _, err := program.Domain(ctx, out, report)
			if err == nil {
				r.compareRepeated(out, again)
			}
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		r.failed(c, err)
		return
	}
	if want, failing := c[WantError]; failing {
		r.Err = fmt.Errorf("no error, but %s wants one: %s", WantError, bytes.TrimSpace(want))
		return
	}
	for _, out := range outputs {
		r.compare(c, out.File, out.Got)
	}
}

// compareRepeated compares what the first call gave with what a second one made of it.
func (r *CaseResult) compareRepeated(first, again []byte) {
	if !bytes.Equal(first, again) {
		r.Mismatches = append(r.Mismatches, Mismatch{Want: first, Got: again})
	}
}

// failed judges an error of the patches by want.err.
func (r *CaseResult) failed(c testCase, err error) {
	if c.has(WantDomain) || c.has(WantCloudInit) {
		r.Err = err
		return
	}
	text := err.Error()
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	r.compare(c, WantError, []byte(text))
}

func (r *CaseResult) compare(c testCase, file string, got []byte) {
	want, there := c[file]
	if !there || !bytes.Equal(want, got) {
		r.Mismatches = append(r.Mismatches, Mismatch{File: file, Missing: !there, Want: want, Got: got})
	}
}
