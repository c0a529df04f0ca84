// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const docsFile = root + "/docs/kubevirt.md"

// The generated part of the documentation is between these.
const (
	docsBegin = "<!-- written by make test-matrix UPDATE=1 -->\n"
	docsEnd   = "<!-- end -->\n"
)

// TestDocs compares the documentation with the data files, also where no release is tested.
func TestDocs(t *testing.T) { checkDocs(t) }

// checkDocs compares the documentation with the data files; with -update it writes it.
func checkDocs(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), docsBegin)
	old, after, ends := strings.Cut(rest, docsEnd)
	if !begins || !ends {
		t.Fatalf("%s has no part between %q and %q", docsFile, docsBegin, docsEnd)
	}
	text := docs(t)
	if *update {
		if err := os.WriteFile(docsFile, []byte(before+docsBegin+text+docsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(old, text); diff != "" {
		t.Errorf("%s is not current, run make test-matrix UPDATE=1 (-file +data)\n%s", docsFile, diff)
	}
}

// docs are three tables: the releases, what samples do otherwise, what is kept by some.
func docs(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("\n| KubeVirt | tested with | calls of `OnDefineDomain` | folder of a sidecar's socket | placeholder interfaces |\n|---|---|---|---|---|\n")
	for _, r := range allReleases {
		placeholders := "by name"
		if r.minor() >= 8 {
			placeholders = "by name and alias"
		}
		folder := "shared by all"
		if r.socketFolder() != "." {
			folder = "its own"
		}
		fmt.Fprintf(&b, "| v1.%d | %s | up to %d | %s | %s |\n", r.minor(), r, r.passes(), folder, placeholders)
	}
	b.WriteString("\nEvery [sample](../config/samples/README.md) makes the same edit with all of them, but for:\n\n| sample | KubeVirt | what differs from " + string(newest) + " |\n|---|---|---|\n")
	for _, d := range readDifferences(t) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", d.Sample, span(d.Releases), d.Reason)
	}
	b.WriteString("\nKubeVirt's types keep these parts of a domain between two calls since a later release than v1.2:\n\n| since | kept |\n|---|---|\n")
	for _, line := range keptSince(t) {
		b.WriteString(line)
	}
	b.WriteString("\n")
	return b.String()
}

// span names the minor versions of some releases.
func span(releases []release) string {
	first, last := releases[0].minor(), releases[len(releases)-1].minor()
	if first == last {
		return fmt.Sprintf("v1.%d", first)
	}
	return fmt.Sprintf("v1.%d to v1.%d", first, last)
}

// addressOf is the address of any device.
var addressOf = regexp.MustCompile(`^/domain/devices/.*/address/`)

// keptSince gives the rows of the data file for what the newest release keeps, by release. KubeVirt's own metadata is
// no place for rules.
func keptSince(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(typesFile)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(fields) != 3 || strings.HasPrefix(line, "/domain/metadata/") ||
			fields[2] != fmt.Sprintf("v1.%d", newest.minor()) {
			continue
		}
		path := "`" + addressOf.ReplaceAllString(fields[0], "address/") + "`"
		if since := fields[1]; !slices.Contains(kept[since], path) {
			kept[since] = append(kept[since], path)
		}
	}
	var rows []string
	for _, r := range allReleases {
		since := fmt.Sprintf("v1.%d", r.minor())
		if len(kept[since]) > 0 {
			rows = append(rows, fmt.Sprintf("| %s | %s |\n", since, strings.Join(kept[since], ", ")))
		}
	}
	return rows
}
