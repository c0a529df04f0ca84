// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const testLong = `Run case folders: what goes in, the patch, and what must come out.

A folder with a patch.yaml is a case. Below any other folder the cases are searched,
in the order of their names; links are followed, hidden folders left out. A case holds

  patch.yaml       the patches, one or several documents; also policies that limit
                   them, and the Namespace whose labels these select
  vmi.yaml         the VMI or VM that they must bind to; without it they all apply
  domain.xml       the libvirt domain as KubeVirt makes it  } one of them
  cloud-init.json  KubeVirt's CloudInitData                  } or both
  want.xml         the domain that must come out, byte for byte
  want.json        the CloudInitData that must come out
  want.err         instead of these: the error, if the case must fail

The rules run with the code of the webhook and the shim. The domain's hook is called a
first time, which checks that the result survives what KubeVirt does between its calls,
and a second time on its own result, which must not change a byte.

Write patch.yaml and the document, run with --update, read the want file that it
writes, and keep all of it in Git. --update never turns a case that must succeed into
one that must fail, nor the other way round: remove the want file for that.

The results go to stdout. The exit code is 1 if a case fails or a folder holds none.

With --output (-o) json, stdout holds one object: cases, a list, with case (its folder),
passed, seconds, errors, differences (file, reason, diff), updated, notes, and the reports
domain and cloudInit; and the numbers passed and failed. With -o junit it holds JUnit XML,
which CI systems show.`

const testExample = `  # Every case below a folder
  kubectl domainpatch test patches/

  # One case, with what each rule did
  kubectl domainpatch test -v patches/disk-iotune

  # Only the cases whose path matches; rewrite what they want
  kubectl domainpatch test --run 'disk|cdrom' --update patches/

  # For CI
  kubectl domainpatch test -o junit patches/ > report.xml

  # For a program
  kubectl domainpatch test -o json patches/ | jq '.cases[] | select(.passed | not) | .case'`

// testOptions are the flags of test.
type testOptions struct {
	run     string
	update  bool
	verbose bool
	output  string
}

func newTest(s streams) *cobra.Command {
	o := &testOptions{}
	c := &cobra.Command{
		Use:     "test PATH...",
		Short:   "Run case folders: apply a patch to a document and compare with what is wanted",
		Long:    testLong,
		Example: testExample,
		RunE: func(c *cobra.Command, paths []string) error {
			filter, err := o.validate(paths)
			if err != nil {
				return usageError{err}
			}
			return o.test(c.Context(), s, paths, filter)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	f := c.Flags()
	f.StringVar(&o.run, "run", "", "run only the cases whose path matches this regular expression (RE2)")
	f.BoolVar(&o.update, "update", false, "rewrite the want files with what comes out")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print what every rule did, and what was passed over")
	outputVar(c, &o.output, "text", testOutputs)
	return c
}

func (o *testOptions) validate(paths []string) (*regexp.Regexp, error) {
	switch {
	case len(paths) == 0:
		return nil, errors.New("name a case folder, or a folder that holds some")
	case !testOutputs.has(o.output):
		return nil, testOutputs.refuse(o.output)
	}
	filter, err := regexp.Compile(o.run)
	if err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	return filter, nil
}

func (o *testOptions) test(ctx context.Context, s streams, paths []string, filter *regexp.Regexp) error {
	dirs, err := findCases(paths, filter)
	if err != nil {
		return err
	}
	var all testReport
	progress := newProgress(s.err, len(dirs), "cases")
	err = o.runCases(ctx, dirs, func(one *caseReport) {
		all.add(one)
		if o.output == "text" {
			one.print(s, o.verbose)
		} else {
			progress.show(len(all.Cases))
		}
	})
	progress.end()
	if err == nil {
		err = all.print(s, o.output)
	}
	if err != nil {
		return err
	}
	if all.Failed > 0 {
		return fmt.Errorf("%d of %d cases failed", all.Failed, len(all.Cases))
	}
	return nil
}

// findCases lists the cases below all paths that the filter lets through. A path without a
// case and a filter that leaves none are mistakes: a test that runs nothing looks like a success.
func findCases(paths []string, filter *regexp.Regexp) ([]string, error) {
	var dirs []string
	var errs []error
	for _, path := range paths {
		found, err := offline.FindCases(filepath.Clean(path))
		errs = append(errs, err)
		for _, dir := range found {
			if filter.MatchString(filepath.ToSlash(dir)) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	err := errors.Join(errs...)
	if err == nil && len(dirs) == 0 {
		err = fmt.Errorf("the path of no case matches --run %q", filter)
	}
	return dirs, err
}

// runCases runs the cases, as many at once as there are processors, and reports on them in their order.
func (o *testOptions) runCases(ctx context.Context, dirs []string, report func(*caseReport)) error {
	type result struct {
		*caseReport
		err error
	}
	results := make([]chan result, len(dirs))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(dirs)) {
		go func() {
			for i := next.Add(1) - 1; i < int64(len(dirs)); i = next.Add(1) - 1 {
				one, err := o.runCase(ctx, dirs[i])
				if err == nil {
					err = ctx.Err()
				}
				results[i] <- result{one, err}
			}
		}()
	}
	for _, done := range results {
		one := <-done
		if one.err != nil {
			return one.err
		}
		report(one.caseReport)
	}
	return nil
}

func (o *testOptions) runCase(ctx context.Context, dir string) (*caseReport, error) {
	start := time.Now()
	r := offline.RunCase(ctx, dir)
	report := &caseReport{Case: filepath.ToSlash(dir), Notes: r.Notes, Domain: r.Domain, CloudInit: r.CloudInit}
	if o.update {
		var err error
		if report.Updated, err = r.Update(); err != nil {
			return nil, err
		}
	}
	report.Seconds = time.Since(start).Seconds()
	report.Passed = r.Passed()
	for _, m := range offline.Mistakes(r.Err) {
		if m.File != "" {
			m.File = filepath.ToSlash(filepath.Join(dir, m.File))
		}
		report.Errors = append(report.Errors, m.String())
	}
	for _, m := range r.Mismatches {
		d := caseDifference{File: m.File, Reason: m.Reason(), Diff: difference(m.File, m.Want, m.Got)}
		if m.Missing {
			d.Reason += "; write it with --update"
		}
		report.Differences = append(report.Differences, d)
	}
	return report, nil
}
