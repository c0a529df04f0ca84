// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
	"github.com/domainpatch/domainpatch/test/patience"
)

// slow is how long what one path is checked for on one document may take, on a machine that others share.
const slow = time.Second

// FuzzPath compiles arbitrary text as a path and as a test, and evaluates what is accepted:
// nothing may panic or take long, whether it ends with a result or at a limit. A test takes
// every path, and text in quotes can be exchanged for itself.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"//disk[target/@dev='vda']/@type", "/domain/devices/disk[2]/*", "//a[not(b) and (c or d!='x')]/..", "/qemu:commandline/text()", "//a[contains(.,'x')]",
		"count(//a[position()=last()-1]) > 1 or //b/following-sibling::*[1] = 2", "//*[.//*[.//*[.//*]]]", "//*[count(//*[count(//*)>0])>0]", "//@*|//text()|//*/..",
		"//*/preceding-sibling::*[last()]/following-sibling::node()", "/a[normalize-space(string-length(name()))]", "//*[../*[../*[../*[../*='x']]]]", `//a["$(v)"=@b][.5<1.]`,
		"/self::a/./parent::*//attribute::kubevirt:*[starts-with(local-name(.),'')]", "-1=1", "//a[[[[[((((((not(not(not(", "'", "/\xff", "//a[1=1=1]", "",
	} {
		f.Add(seed)
	}
	var docs []*document.Document
	for _, file := range []string{"testdata/mixed.xml", "../testdata/domains/devices.xml"} {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		d, err := document.Parse(src)
		if err != nil {
			f.Fatal(err)
		}
		docs = append(docs, d)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, pathErr := selector.Compile(text)
		test, testErr := selector.CompileTest(text)
		if pathErr == nil && (testErr != nil || test.Path() == nil) {
			t.Fatalf("a path, and no test: %v", testErr)
		}
		for _, d := range docs {
			patience.Within(t, slow, func() {
				if testErr == nil {
					checkTest(t, test, d)
				}
				if pathErr == nil {
					checkPath(t, path, d)
				}
			})
		}
	})
}

// checkTest wants the result of a test to be that of the test with its own literals.
func checkTest(t *testing.T, test *selector.Test, d *document.Document) {
	t.Helper()
	again, err := test.WithLiterals(func(text string) (string, error) { return text, nil })
	if err != nil {
		t.Fatal(err)
	}
	x, xErr := test.Eval(d, &selector.Budget{})
	y, yErr := again.Eval(d, &selector.Budget{})
	if x != y || !errors.Is(yErr, xErr) {
		t.Errorf("%v, %v and again %v, %v", x, xErr, y, yErr)
	}
}

// checkPath wants what a path selects to be within the limits, each node once.
func checkPath(t *testing.T, path *selector.Path, d *document.Document) {
	t.Helper()
	nodes, err := path.Select(d, &selector.Budget{})
	if err != nil && !errors.Is(err, selector.ErrBudget) && !errors.Is(err, selector.ErrMatches) || len(nodes) > selector.MaxMatches {
		t.Errorf("%d nodes, %v", len(nodes), err)
	}
	for i, n := range nodes {
		if slices.Contains(nodes[:i], n) {
			t.Errorf("a node stands twice")
		}
	}
}
