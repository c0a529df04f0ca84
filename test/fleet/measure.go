// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// steps is in how many equal steps the fleet grows.
const steps = 10

// measurement is a run: a cluster, what is put into it, and what was found.
type measurement struct {
	options options
	cluster *cluster.Cluster
	creator *creator
	noop    *noop
	profile *profiler
	audit   auditLog
	fleet   *fleet
	report  *report
}

// measure starts a cluster, goes through all phases and stops it.
func measure(ctx context.Context, o options) (_ *report, err error) {
	profile, err := newProfiler(o.profiles)
	if err != nil {
		return nil, err
	}
	m := &measurement{options: o, fleet: newFleet(o), profile: profile, report: newReport(o)}
	auditFlags, err := m.audit.configure(o.logs)
	if err != nil {
		return nil, err
	}
	m.cluster, err = cluster.Start(ctx, cluster.Options{Logs: o.logs, DefinitionsOnly: true, Direct: true,
		APIServerFlags: auditFlags, ManagerFlags: profile.managerFlags(),
		Progress: func(what string, took time.Duration) { progress("started %s in %.0f s", what, took.Seconds()) }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.cluster.Stop()) }()
	if m.creator, err = newCreator(m.cluster.Config()); err != nil {
		return nil, err
	}
	if m.noop, err = startNoop(ctx, m.cluster); err != nil {
		return nil, err
	}
	defer m.noop.stop()
	for _, phase := range []func(context.Context) error{m.prepare, m.storm, m.changes, m.restart, m.idle, m.races, m.peak} {
		if err := errors.Join(phase(ctx), context.Cause(ctx)); err != nil {
			return nil, err
		}
	}
	return m.report, nil
}

// prepare creates all but the VMIs.
func (m *measurement) prepare(ctx context.Context) error {
	progress("creating %d namespaces and %d patches", len(m.fleet.all()), len(m.fleet.patches))
	for _, n := range m.fleet.all() {
		if err := m.cluster.Create(ctx, n.object()); err != nil {
			return err
		}
	}
	for _, p := range m.fleet.patches {
		if err := m.cluster.Create(ctx, p.object()); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return m.quiet(ctx)
}

// usage is that of the manager.
func (m *measurement) usage() (usage, error) { return usageOf(m.cluster.ManagerPID(0)) }

// quiet waits until the manager has hardly anything to do: less than a twentieth of a core for 4 s,
// or until a minute has passed.
func (m *measurement) quiet(ctx context.Context) error {
	const every = 2 * time.Second
	before, err := m.usage()
	if err != nil {
		return err
	}
	for begin, calm := time.Now(), 0; calm < 2; {
		if time.Since(begin) > time.Minute {
			progress("the manager does not become quiet: going on")
			return nil
		}
		if err := wait(ctx, every); err != nil {
			return err
		}
		now, err := m.usage()
		if err != nil {
			return err
		}
		if calm++; now.CPU-before.CPU > every/20 {
			calm = 0
		}
		before = now
	}
	return nil
}

// wait lets a time pass in which something is measured.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// requests are those of a window, up to now.
func (m *measurement) requests(from time.Time) ([]request, error) {
	err := m.audit.read()
	return m.audit.in(window{from, time.Now()}), err
}

// restart starts the manager anew beside the whole fleet.
func (m *measurement) restart(ctx context.Context) error {
	progress("restarting the manager")
	old, err := m.usage()
	if err != nil {
		return err
	}
	m.report.Memory.PeakBefore = mib(old.Peak)
	begin := time.Now()
	if err := m.cluster.RestartManager(ctx, 0); err != nil {
		return err
	}
	m.report.Memory.RestartSeconds = time.Since(begin).Seconds()
	if err := m.quiet(ctx); err != nil {
		return err
	}
	// What changed meanwhile would be written within the interval of the counts.
	if err := wait(ctx, changeWindow); err != nil {
		return err
	}
	now, err := m.usage()
	if err != nil {
		return err
	}
	m.report.Memory.Restarted, m.report.Memory.RestartedPeak = mib(now.RSS), mib(now.Peak)
	requests, err := m.requests(begin)
	m.report.add("restart of the manager", requests)
	return errors.Join(err, m.profile.heap(ctx, "heap-restarted"))
}

// idle watches while nothing changes.
func (m *measurement) idle(ctx context.Context) error {
	progress("watching for %v while nothing changes", m.options.idle)
	begin, before, err := m.now()
	if err != nil {
		return err
	}
	if err := wait(ctx, m.options.idle); err != nil {
		return err
	}
	requests, err := m.requests(begin)
	if err != nil {
		return err
	}
	_, after, err := m.now()
	m.report.add(fmt.Sprintf("idle for %v", m.options.idle), requests)
	m.report.idle(requests, after.CPU-before.CPU)
	return err
}

func (m *measurement) now() (time.Time, usage, error) {
	u, err := m.usage()
	return time.Now(), u, err
}

// peak is the last phase.
func (m *measurement) peak(context.Context) error {
	last, err := m.usage()
	if err != nil {
		return err
	}
	m.report.memory(mib(last.Peak))
	bytes, err := os.Stat(m.audit.file)
	if err == nil {
		progress("the audit log has %d requests in %d MiB", len(m.audit.requests), bytes.Size()>>20)
	}
	return err
}
