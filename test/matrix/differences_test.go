// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const differencesFile = "testdata/differences.yaml"

const differencesHead = `# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# Where a sample makes another edit of a VM's domain in an earlier release than in the newest. Lines with + are
# in the edit of that release alone, those with - in the newest's alone. make test-matrix UPDATE=1 writes the
# file anew and keeps the reasons.
`

// difference is one of a sample's edit between some releases and the newest.
type difference struct {
	VMI      string    `yaml:"vmi"`
	Sample   string    `yaml:"sample"`
	Releases []release `yaml:"releases,flow"`
	Lines    []string  `yaml:"lines"`
	Reason   string    `yaml:"reason"`
}

// edits are the lines of each case's edit; what failed has the error as its one line.
type edits map[string][]string

// differences compares the edits of all releases but the newest with the newest's. Of cases with all samples there
// is nothing new to tell.
func differences(cases []testCase, of map[release]edits) []difference {
	var found []difference
	for _, c := range cases {
		if c.sample == together {
			continue
		}
		for _, r := range allReleases {
			lines := editOf(of[newest][c.String()], of[r][c.String()])
			if of[r] == nil || len(lines) == 0 {
				continue
			}
			last := len(found) - 1
			if last >= 0 && found[last].VMI == c.vmi && found[last].Sample == c.sample && slices.Equal(found[last].Lines, lines) {
				found[last].Releases = append(found[last].Releases, r)
				continue
			}
			found = append(found, difference{c.vmi, c.sample, []release{r}, lines, ""})
		}
	}
	return found
}

// editOf compares two edits line by line.
func editOf(newest, other []string) []string {
	a, b := facts{}, facts{}
	for _, line := range newest {
		a[line]++
	}
	for _, line := range other {
		b[line]++
	}
	return edit(a, b)
}

// checkDifferences compares what was found with the file, whose reasons are for people; with -update it writes
// the file. tested are the releases that were.
func checkDifferences(t *testing.T, found []difference, tested []release) {
	t.Helper()
	known := readDifferences(t)
	for i := range found {
		for _, k := range known {
			if k.VMI == found[i].VMI && k.Sample == found[i].Sample && slices.Equal(k.Lines, found[i].Lines) {
				found[i].Reason = k.Reason
			}
		}
	}
	if *update {
		writeDifferences(t, found)
	}
	for _, d := range found {
		if d.Reason == "" {
			t.Errorf("%s/%s: %s gives no reason why its edit differs in %v: %q", d.VMI, d.Sample, differencesFile, d.Releases, d.Lines)
		}
	}
	if diff := cmp.Diff(ofReleases(known, tested), found); diff != "" && !*update {
		t.Errorf("-%s +found (make test-matrix UPDATE=1 writes it)\n%s", differencesFile, diff)
	}
}

// ofReleases leaves of the differences those of the releases.
func ofReleases(all []difference, releases []release) []difference {
	var left []difference
	for _, d := range all {
		d.Releases = slices.DeleteFunc(slices.Clone(d.Releases), func(r release) bool { return !slices.Contains(releases, r) })
		if len(d.Releases) > 0 {
			left = append(left, d)
		}
	}
	return left
}

func readDifferences(t *testing.T) (known []difference) {
	t.Helper()
	data, err := os.ReadFile(differencesFile)
	if err == nil {
		err = yaml.Unmarshal(data, &known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s: %v", differencesFile, err)
	}
	return known
}

func writeDifferences(t *testing.T, all []difference) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b difference) int { return strings.Compare(a.VMI+"/"+a.Sample, b.VMI+"/"+b.Sample) })
	text := bytes.NewBufferString(differencesHead)
	encoder := yaml.NewEncoder(text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(all), encoder.Close(), os.WriteFile(differencesFile, text.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}
