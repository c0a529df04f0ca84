// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestCheck checks that links to files and anchors that are not there are told, and no others.
func TestCheck(t *testing.T) {
	site := fstest.MapFS{
		"index.html": {Data: []byte(`<h1 id="top"></h1>
			<a href="/guide/">1</a> <a href="guide/other.html#part">2</a> <a href="#top">3</a> <a href="https://example.org/x">4</a>
			<img src="/logo.svg"> <a href="/guide/other.html#gone">5</a> <a href="missing.html">6</a> <a href="/empty/">7</a> <a href="#nowhere">8</a>`)},
		"logo.svg":         {Data: []byte("<svg/>")},
		"empty/file.txt":   {Data: nil},
		"guide/index.html": {Data: []byte(`<a href="../index.html">up</a><a href="../../index.html">too far up</a>`)},
		"guide/other.html": {Data: []byte(`<h2 id="part"></h2>`)},
	}
	broken, pages, err := check(site)
	if err != nil || pages != 3 {
		t.Fatalf("%d pages: %v", pages, err)
	}
	want := []string{
		"guide/index.html: ../../index.html: there is no such file",
		"index.html: #nowhere: there is no such anchor",
		"index.html: /empty/: there is no such file",
		"index.html: /guide/other.html#gone: there is no such anchor",
		"index.html: missing.html: there is no such file",
	}
	if diff := cmp.Diff(want, broken); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, _, err := check(fstest.MapFS{"a.txt": {}}); err == nil {
		t.Error("a site without a page is taken for a good one")
	}
}
