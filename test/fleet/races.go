// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// racer is a pair of webhooks, a mutating one and a validating one, and the namespaces whose VMIs meet it alone.
type racer struct {
	name       string
	namespaces []*namespace
	made       int
}

// times are those of one turn, sorted.
type times []time.Duration

// quantile is the time within which that share of the requests was answered, by the nearest rank.
func (t times) quantile(q float64) time.Duration {
	return t[min(len(t)-1, max(0, int(math.Ceil(q*float64(len(t))))-1))]
}

// median of any numbers; they are put in order.
func median(numbers []float64) float64 {
	slices.Sort(numbers)
	middle := len(numbers) / 2
	if len(numbers)%2 == 1 {
		return numbers[middle]
	}
	return (numbers[middle-1] + numbers[middle]) / 2
}

// races lets the manager's webhooks and the pair that does nothing take turns, without load and with it.
func (m *measurement) races(ctx context.Context) error {
	ours, noop := &racer{name: "DomainPatch", namespaces: m.fleet.patched}, &racer{name: "no-op pair", namespaces: m.fleet.unpatched}
	begin := time.Now()
	before, err := m.noop.calls()
	if err != nil {
		return err
	}
	for _, r := range []*racer{ours, noop} { // these stay, so that their bundles do
		if err := m.warmUp(ctx, r, r == ours); err != nil {
			return err
		}
	}
	if err := m.quiet(ctx); err != nil {
		return err
	}
	if m.report.Calm, err = m.race(ctx, style{name: "calm", vmis: m.options.calm, creators: 1, pauses: true}, ours, noop); err != nil {
		return err
	}
	if m.report.Row, err = m.race(ctx, style{name: "row", vmis: m.options.calm, creators: 1}, ours, noop); err != nil {
		return err
	}
	stop := m.profile.cpu(ctx, "cpu-race")
	if m.report.Rush, err = m.race(ctx, style{name: "rush", vmis: m.options.rush, creators: m.options.creators}, ours, noop); err != nil {
		return err
	}
	after, err := m.noop.calls()
	if got := after - before; err == nil && got != 2*noop.made {
		err = fmt.Errorf("the no-op pair was called %d times for %d VMIs", got, noop.made)
	}
	requests, auditErr := m.requests(begin)
	m.report.add(fmt.Sprintf("%d VMIs through DomainPatch's webhooks and %d through the no-op pair, and their end", ours.made, noop.made), requests)
	m.report.races()
	return errors.Join(err, auditErr, stop())
}

// warmUp creates a VMI of each tier in each namespace, and checks that it met the right pair.
func (m *measurement) warmUp(ctx context.Context, r *racer, patched bool) error {
	for range 3 {
		for _, n := range r.namespaces {
			stored, _, err := m.creator.create(ctx, n.next(m.fleet))
			if err != nil {
				return err
			}
			if got := strings.Contains(string(stored), v1alpha1.BundleAnnotation); got != patched {
				return fmt.Errorf("%s: a VMI in namespace %s has a bundle: %t", r.name, n.name, got)
			}
			r.made++
		}
	}
	return nil
}

// style is how VMIs are created in a race.
type style struct {
	name           string
	vmis, creators int // of a turn
	// pauses is whether the creators wait between two VMIs, as those do who create VMs now and then.
	pauses bool
}

// pause is a random time between leastPause and twice that, so that nothing falls into step with it.
func (s style) pause(ctx context.Context) error {
	if !s.pauses {
		return nil
	}
	return wait(ctx, leastPause+rand.N(leastPause))
}

// leastPause is longer than the API server lets a consistent list wait (progressRequestPeriod in
// k8s.io/apiserver/pkg/storage/cacher/progress), so that one VMI does not feel the one before.
const leastPause = 150 * time.Millisecond

// race lets each racer create VMIs in turns, and deletes them afterwards. Who begins changes with each round.
func (m *measurement) race(ctx context.Context, s style, racers ...*racer) (raceReport, error) {
	report := raceReport{VMIs: s.vmis, Creators: s.creators, Pauses: s.pauses}
	rounds := make([][]times, len(racers))
	for round := range m.options.rounds {
		for i := range racers {
			i = (i + round) % len(racers)
			t, err := m.turn(ctx, s, racers[i], fmt.Sprintf("%s-%d", s.name, round))
			if err != nil {
				return report, err
			}
			rounds[i] = append(rounds[i], t)
		}
	}
	for i, r := range racers {
		l := lineOf(r.name, rounds[i])
		progress("%s, %d clients: %s: median %.1f ms, p99 %.1f ms", s.name, s.creators, r.name, l.Median, l.P99)
		report.Lines = append(report.Lines, l)
	}
	return report, nil
}

// turn creates VMIs of one racer and deletes them.
func (m *measurement) turn(ctx context.Context, s style, r *racer, name string) (times, error) {
	planned := make([]vmi, s.vmis)
	for i := range planned {
		planned[i] = r.namespaces[i%len(r.namespaces)].next(m.fleet)
		planned[i].labels[turnLabel] = name
	}
	took := make(times, s.vmis)
	group, groupCtx := errgroup.WithContext(ctx)
	for first := range s.creators {
		group.Go(func() error {
			for i := first; i < s.vmis; i += s.creators {
				var err error
				if _, took[i], err = m.creator.create(groupCtx, planned[i]); err == nil {
					err = s.pause(groupCtx)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r.made += s.vmis
	slices.Sort(took)
	for _, n := range r.namespaces {
		if err := m.creator.remove(ctx, n, name); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// lineOf sums up the turns of a racer: the medians, over the turns, of the median and of the 99th
// percentile of each.
func lineOf(name string, turns []times) raceLine {
	var middle, high, most []float64
	for _, t := range turns {
		middle = append(middle, milliseconds(t.quantile(0.5)))
		high = append(high, milliseconds(t.quantile(0.99)))
		most = append(most, milliseconds(t[len(t)-1]))
	}
	return raceLine{Name: name, Median: median(middle), P99: median(high), Most: slices.Max(most)}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
