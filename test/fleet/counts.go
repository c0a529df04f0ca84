// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// tally are the counts that a patch's status must show.
type tally struct{ matched, current, outdated int32 }

// expected says what the status of each patch must show while some patches are not as they were
// when the VMIs were created: a VMI that one of them binds is outdated, for all of its patches.
func (f *fleet) expected(vmis []vmi, changed ...*patch) map[client.ObjectKey]tally {
	tallies := map[client.ObjectKey]tally{}
	for _, p := range f.patches {
		tallies[p.key()] = tally{}
	}
	for _, v := range vmis {
		outdated := false
		for _, p := range changed {
			outdated = outdated || p.matches(v)
		}
		for _, p := range f.patches {
			if !p.matches(v) {
				continue
			}
			t := tallies[p.key()]
			t.matched++
			if outdated {
				t.outdated++
			} else {
				t.current++
			}
			tallies[p.key()] = t
		}
	}
	return tallies
}

// settled tells when counts were right.
type settled struct {
	// Own is how long it took until the status of the patch in question was right, All until those of
	// all patches were; both in seconds, and 0 where it did not come to that.
	Own, All float64
	// Wrong says what was wrong at last; empty if nothing was.
	Wrong string
}

func (s settled) String() string {
	switch {
	case s.Own == 0:
		return "never: " + s.Wrong
	case s.All == 0:
		return fmt.Sprintf("%.1f s, of all patches never: %s", s.Own, s.Wrong)
	}
	return fmt.Sprintf("%.1f s, of all patches %.1f s", s.Own, s.All)
}

// countsLimit is how long to wait for right counts before they are called wrong.
const countsLimit = 40 * time.Second

// awaitCounts waits until the status of all patches is as expected, or the limit has passed; own is the patch in question.
func (m *measurement) awaitCounts(ctx context.Context, since time.Time, own *patch, want map[client.ObjectKey]tally) (settled, error) {
	var s settled
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		ownRight, wrong, err := m.compare(ctx, own.key(), want)
		if err != nil {
			return s, err
		}
		passed := time.Since(since)
		if ownRight && s.Own == 0 {
			s.Own = passed.Seconds()
		}
		s.Wrong = wrong
		if wrong == "" {
			s.All = passed.Seconds()
			return s, nil
		}
		if passed > countsLimit {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// compare tells whether the status of one patch is right, and names one that is not.
func (m *measurement) compare(ctx context.Context, own client.ObjectKey, want map[client.ObjectKey]tally) (ownRight bool, wrong string, err error) {
	have, err := m.statuses(ctx)
	if err != nil {
		return false, "", err
	}
	ownRight = true
	bad := 0
	for key, w := range want {
		s, ok := have[key]
		if h := (tally{s.Matched, s.Current, s.Outdated}); !ok || h != w || s.Failed != 0 {
			bad++
			ownRight = ownRight && key != own
			if wrong == "" || key == own {
				wrong = fmt.Sprintf("%v has matched, current, outdated %v instead of %v", key, h, w)
			}
		}
	}
	if bad > 0 {
		wrong = fmt.Sprintf("%d of %d patches, %s", bad, len(want), wrong)
	}
	return ownRight, wrong, nil
}

// statuses reads the status of all patches; one that speaks of an older spec is left out.
func (m *measurement) statuses(ctx context.Context) (map[client.ObjectKey]v1alpha1.DomainPatchStatus, error) {
	var patches v1alpha1.DomainPatchList
	if err := m.cluster.List(ctx, &patches); err != nil {
		return nil, err
	}
	var wide v1alpha1.ClusterDomainPatchList
	if err := m.cluster.List(ctx, &wide); err != nil {
		return nil, err
	}
	found := map[client.ObjectKey]v1alpha1.DomainPatchStatus{}
	for _, p := range patches.Items {
		if p.Status.ObservedGeneration == p.Generation {
			found[client.ObjectKeyFromObject(&p)] = p.Status
		}
	}
	for _, p := range wide.Items {
		if p.Status.ObservedGeneration == p.Generation {
			found[client.ObjectKeyFromObject(&p)] = p.Status
		}
	}
	return found, nil
}
