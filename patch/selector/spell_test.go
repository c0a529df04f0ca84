// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/domainpatch/domainpatch/patch/selector"
)

// TestSpellingMeansTheSame writes random paths in their one spelling: it must compile, be its
// own spelling, and select the same.
func TestSpellingMeansTheSame(t *testing.T) {
	s := newSpecimen(t, "../testdata/domains/devices.xml")
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		source := newGenerator(r, s.nodes).path()
		path, err := selector.Compile(source)
		if err != nil {
			continue // the generator asks for too much at times
		}
		spelled := selector.Spell(path)
		again, err := selector.Compile(spelled)
		if err != nil {
			t.Fatalf("%s is spelled %s: %v", source, spelled, err)
		}
		if twice := selector.Spell(again); twice != spelled {
			t.Errorf("%s is spelled %s, which is spelled %s", source, spelled, twice)
		}
		want, wantErr := path.Select(s.doc, &selector.Budget{})
		got, gotErr := again.Select(s.doc, &selector.Budget{})
		if (wantErr == nil) != (gotErr == nil) || wantErr == nil && !cmp.Equal(want, got, cmpopts.EquateComparable(selector.Node{})) {
			t.Errorf("%s selects %d nodes, as %s %d: %v, %v", source, len(want), spelled, len(got), wantErr, gotErr)
		}
	}
}

func TestConditions(t *testing.T) {
	cases := map[string]struct {
		reason, path string
		want         []selector.Condition
		ok           bool
	}{
		"None":       {"a name", "/a", nil, true},
		"Sorted":     {"one order", `/a[@c="x" and b='y'][@a]`, []selector.Condition{{Text: "@a"}, {Text: "@c='x'", Path: "@c", Value: "x"}, {Text: "b='y'", Path: "b", Value: "y"}}, true},
		"Once":       {"said twice", "/a[(@b='x') and ( @b = 'x' )]", []selector.Condition{{Text: "@b='x'", Path: "@b", Value: "x"}}, true},
		"Deep":       {"an attribute of a child", "/a[child::b/attribute::c='x']", []selector.Condition{{Text: "b/@c='x'", Path: "b/@c", Value: "x"}}, true},
		"Mirrored":   {"the path stands left", "/a['x'=@b]", []selector.Condition{{Text: "@b='x'", Path: "@b", Value: "x"}}, true},
		"Anywhere":   {"no plain path", "/a[.//b='x' and *='y' and ../c='z' and /d='v' and e[f]='w']", []selector.Condition{{Text: "*='y'"}, {Text: "../c='z'"}, {Text: ".//b='x'"}, {Text: "/d='v'"}, {Text: "e[f]='w'"}}, true},
		"Or":         {"either", "/a[@b='x' or @b='y']", []selector.Condition{{Text: "@b='x' or @b='y'"}}, true},
		"Number":     {"no text", "/a[@b=1 and not(c)]", []selector.Condition{{Text: "@b=1"}, {Text: "not(c)"}}, true},
		"Positional": {"siblings have a say", "/a[b][2]", []selector.Condition{{Text: "2"}, {Text: "b"}}, false},
		"Quotes":     {"the other ones", `/a[@b="it's"]`, []selector.Condition{{Text: `@b="it's"`, Path: "@b", Value: "it's"}}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path, err := selector.Compile(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			steps := path.Steps()
			got, ok := steps[len(steps)-1].Conditions()
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(selector.Condition{})); diff != "" || ok != tc.ok {
				t.Errorf("%s, %s: ok %t, want %t (-want +got):\n%s", tc.path, tc.reason, ok, tc.ok, diff)
			}
		})
	}
}
