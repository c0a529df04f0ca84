// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// The tests of this file bound how the work of a call grows. They count allocations, which other processes
// on the machine do not change as they do the time.

// TestWorkOfPolicies lets many policies allow the same: it is looked for once.
func TestWorkOfPolicies(t *testing.T) {
	work := func(policies int) float64 {
		b := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{onePatch("p", set("/domain/title", "x"))}}
		for i := range policies {
			b.Policies = append(b.Policies, bundle.Policy{Name: fmt.Sprint("p", i), Allow: []string{"/domain/title", "//disk[target/@bus='virtio']/driver", "//interface"}})
		}
		program := compile(t, b)
		return testing.AllocsPerRun(1, func() {
			if _, _, err := program.Domain(context.Background(), []byte(domain), []byte(vmi), nil); err != nil {
				t.Error(err)
			}
		})
	}
	if one, many := work(1), work(bundle.MaxPolicies); many > 1.5*one {
		t.Errorf("one policy takes %.0f allocations, %d that allow the same %.0f", one, bundle.MaxPolicies, many)
	}
}

// TestWorkOfCloudInit looks at patches that fail, and at large data.
func TestWorkOfCloudInit(t *testing.T) {
	add := bundle.CloudInitRule{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/write_files/-", Value: []byte(`"x"`)}
	wrong := bundle.CloudInitRule{Target: bundle.UserData, Op: bundle.OpTest, Path: "/hostname", Value: []byte(`"other"`)}
	cases := map[string]struct {
		reason      string
		few, many   float64
		atMostTimes float64
	}{
		"patches": {"patches that fail at once read the data once", cloudInitWork(t, 1, 1000, wrong), cloudInitWork(t, bundle.MaxPatches, 1000, wrong), 2},
		"data":    {"an edit of twice the data is twice the work", cloudInitWork(t, 4, 500, add), cloudInitWork(t, 4, 1000, add), 2.5},
		"edits":   {"an edit reads the data once more, and writes what it changes", cloudInitWork(t, 1, 1000, wrong), cloudInitWork(t, 1, 1000, add), 3},
	}
	for name, tc := range cases {
		if tc.many > tc.atMostTimes*tc.few {
			t.Errorf("%s: %s: %.0f allocations became %.0f, more than %.1f times as many", name, tc.reason, tc.few, tc.many, tc.atMostTimes)
		}
	}
}

// cloudInitWork counts the allocations of a call with patches of one rule each, which may fail, on data with so many files.
func cloudInitWork(t *testing.T, patches, files int, rule bundle.CloudInitRule) float64 {
	t.Helper()
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
	for i := range patches {
		p := bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "ns", Name: fmt.Sprint("p", i), FailurePolicy: bundle.Ignore, CloudInit: []bundle.CloudInitRule{rule}}
		b.Patches = append(b.Patches, p)
	}
	program := compile(t, b)
	var doc strings.Builder
	doc.WriteString("#cloud-config\nhostname: vm\nwrite_files:\n")
	for i := range files {
		fmt.Fprintf(&doc, "- path: /etc/app/%d.conf # file %d\n  permissions: \"0644\"\n  content: value %d\n", i, i, i)
	}
	data, err := json.Marshal(map[string]string{"UserData": doc.String()})
	if err != nil {
		t.Fatal(err)
	}
	return testing.AllocsPerRun(1, func() {
		if _, _, err := program.CloudInit(context.Background(), data, []byte(vmi)); err != nil {
			t.Error(err)
		}
	})
}
