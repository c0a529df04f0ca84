// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// changeWindow is how long the manager is watched after a change at least; within it counts must be right.
const changeWindow = 15 * time.Second

// changes changes a patch of each kind and puts its first content back, while no VMI changes.
func (m *measurement) changes(ctx context.Context) error {
	var all []request
	for _, p := range []*patch{m.fleet.narrow(), m.fleet.wide()} {
		first := *p.spec.Domain[1].Value
		for _, value := range []string{"changed", first} {
			requests, err := m.change(ctx, p, value, value != first)
			if err != nil {
				return err
			}
			all = append(all, requests...)
		}
	}
	m.report.add("four changes of patches", all)
	m.report.changes(all)
	return nil
}

// change gives a patch a content and waits for the counts.
func (m *measurement) change(ctx context.Context, p *patch, value string, differs bool) ([]request, error) {
	want := m.fleet.expected(m.fleet.vmis)
	if differs {
		want = m.fleet.expected(m.fleet.vmis, p)
	}
	p.change(value)
	object := p.object()
	if err := m.cluster.Get(ctx, p.key(), object); err != nil {
		return nil, err
	}
	version := object.GetResourceVersion()
	object = p.object()
	object.SetResourceVersion(version)
	begin := time.Now()
	if err := m.cluster.Update(ctx, object); err != nil {
		return nil, fmt.Errorf("cannot change %s: %w", p, err)
	}
	s, err := m.awaitCounts(ctx, begin, p, want)
	if err != nil {
		return nil, err
	}
	progress("changed %s, which %d VMIs have: counts right after %s", p, want[p.key()].matched, s)
	m.report.Changes = append(m.report.Changes, changeReport{Patch: p.String(), VMIs: int(want[p.key()].matched), Counts: s})
	if err := wait(ctx, max(0, changeWindow-time.Since(begin))); err != nil {
		return nil, err
	}
	requests, err := m.requests(begin)
	return requests, errors.Join(err, m.quiet(ctx))
}
