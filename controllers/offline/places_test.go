// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// Places are told from a patch alone. Here they are compared with what the engine does.

// asTenants reads a case that changes a domain, with all of its patches as DomainPatches, which
// policies limit, and without policies of its own.
func asTenants(t *testing.T, dir string) (c testCase, objects Objects, ok bool) {
	t.Helper()
	c, err := readCase(dir)
	if err != nil || !c.has(CaseDomain) || c.has(WantError) {
		return nil, Objects{}, false
	}
	if objects, _, err = ParseObjects(CasePatch, c[CasePatch]); err != nil {
		t.Fatal(err)
	}
	for _, p := range objects.ClusterPatches {
		objects.Patches = append(objects.Patches, v1alpha1.DomainPatch{ObjectMeta: p.ObjectMeta, Spec: p.Spec.DomainPatchSpec})
	}
	objects.ClusterPatches, objects.Policies = nil, nil
	return c, objects, true
}

func placesOf(t *testing.T, objects Objects) []patch.RulePlaces {
	t.Helper()
	var all []patch.RulePlaces
	for i := range objects.Patches {
		program, err := render.Compile(render.DomainPatch(&objects.Patches[i]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, program.Places()...)
	}
	return all
}

// allowing are policies that allow the places and nothing else.
func allowing(all []patch.RulePlaces) []v1alpha1.DomainPatchPolicy {
	paths := map[string]bool{}
	for i := range all {
		for j := range all[i].Places {
			paths[all[i].Places[j].String()] = true
		}
	}
	var policies []v1alpha1.DomainPatchPolicy
	for i, some := range slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(paths)), bundle.MaxAllowed)) {
		p := v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p", i)}}
		for _, path := range some {
			p.Spec.Allow = append(p.Spec.Allow, v1alpha1.AllowedPath{Path: path})
		}
		policies = append(policies, p)
	}
	return policies
}

// TestPlacesCoverChanges runs every sample and case under a policy that allows the places of its
// rules: the engine itself then says whether anything else was changed.
func TestPlacesCoverChanges(t *testing.T) {
	// Their rules change what their paths ask for, so that these do not select it any more.
	moving := []string{"second-pass-moved-key", "usb-controller-for-none", "device-usb-controller"}
	covered, unknown := 0, 0
	for _, root := range []string{samplesFolder, "../../patch/testdata/cases"} {
		dirs, err := FindCases(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			c, objects, ok := asTenants(t, dir)
			if !ok || slices.Contains(moving, filepath.Base(dir)) {
				continue
			}
			places := placesOf(t, objects)
			if i := slices.IndexFunc(places, func(r patch.RulePlaces) bool { return r.Unknown != "" }); i >= 0 {
				t.Logf("%s: %s: %s", dir, places[i].Field, places[i].Unknown)
				unknown++
				continue
			}
			if objects.Policies = allowing(places); len(objects.Policies) == 0 {
				continue
			}
			covered++
			if _, err := underPolicies(t, c, objects); err != nil {
				t.Errorf("%s: %v\nthe places are %s", dir, err, strings.Join(paths(places), "\n"))
			}
		}
	}
	t.Logf("%d cases change what their places say, of %d more the places are unknown", covered, unknown)
	if covered < 80 {
		t.Errorf("%d cases, want at least 80", covered)
	}
}

func paths(all []patch.RulePlaces) []string {
	var texts []string
	for i := range all {
		for j := range all[i].Places {
			texts = append(texts, all[i].Places[j].String())
		}
	}
	return texts
}

// TestPlacesUnderDefaultPolicy compares what can be told of the default policy before a VM starts
// with what the engine does: what a tenant may use must never be told to be denied, and most of
// the rest must.
func TestPlacesUnderDefaultPolicy(t *testing.T) {
	policies, _, err := Files{}.Objects([]string{"../../config/policy/default.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	limits, err := render.CompiledPolicy(&policies.Policies[0])
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := FindCases(samplesFolder)
	if err != nil {
		t.Fatal(err)
	}
	missed := map[string]bool{}
	for _, dir := range dirs {
		_, objects, ok := asTenants(t, dir)
		if !ok {
			continue
		}
		told := false
		for _, rule := range placesOf(t, objects) {
			told = told || rule.Denied(limits.Limits())
		}
		denied := whoMayApply(t, dir) != "tenant"
		switch {
		case told && !denied:
			t.Errorf("%s is told to be denied, and is not", dir)
		case denied && !told:
			missed[filepath.Base(dir)] = true
		}
	}
	expected := map[string]bool{
		"display-none":             true, // //video may be anywhere
		"display-two-screens":      true, // one video may be replaced by what is allowed, the second one is added
		"features-from-the-manual": true, // on_crash may have the value already
	}
	if diff := cmp.Diff(expected, missed); diff != "" {
		t.Errorf("samples that are denied only when a VM starts (-want +got):\n%s", diff)
	}
}

// TestPlacesInSchema compares what is told of KubeVirt's schema with what its model makes of the
// results: dropped places are gone, the others are there.
func TestPlacesInSchema(t *testing.T) {
	dirs, err := FindCases(samplesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		c, objects, ok := asTenants(t, dir)
		if !ok {
			continue
		}
		before, err := document.Parse(c[WantDomain])
		if err != nil {
			t.Fatal(err)
		}
		next, err := schema.Next(before.Element(), schema.Others{}, "", false)
		if err != nil {
			t.Fatal(err)
		}
		after, err := document.Parse(next[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range placesOf(t, objects) {
			for i := range rule.Places {
				p := &rule.Places[i]
				path, err := selector.Compile(p.String())
				if err != nil || p.Removed || p.Incidental {
					continue // a path over a template selects more than the place
				}
				was, is := selected(t, path, before), selected(t, path, after)
				if p.Dropped() && len(is) > 0 && slices.Equal(was, is) || !p.Dropped() && len(is) < len(was) {
					t.Errorf("%s: %s: dropped is %t, and it holds %q before and %q behind the schema", dir, p, p.Dropped(), was, is)
				}
			}
		}
	}
}

func selected(t *testing.T, path *selector.Path, d *document.Document) []string {
	t.Helper()
	nodes, err := path.Select(d, &selector.Budget{Context: context.Background()})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, n := range nodes {
		texts = append(texts, n.Text())
	}
	return texts
}
