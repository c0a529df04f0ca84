// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// contender is one way to do a job.
type contender struct {
	name string
	do   func() error
}

// measurement is what one contender needs per operation: medians over its turns.
type measurement struct {
	Name        string
	Nanoseconds float64
	Bytes       float64 // allocated
	Ratio       float64 // time, of that of the table's yardstick
}

// table is a run of contenders that took turns.
type table struct {
	Title string
	Rows  []measurement
}

func (t *table) row(name string) *measurement {
	i := slices.IndexFunc(t.Rows, func(m measurement) bool { return m.Name == name })
	return &t.Rows[i]
}

// race lets the contenders take turns and compares them with the one named yardstick.
func (b *bench) race(ctx context.Context, title, yardstick string, contenders []contender) (table, error) {
	t := table{Title: title}
	samples := make([][]sample, len(contenders))
	for range b.rounds {
		for i, c := range contenders {
			if ctx.Err() != nil {
				return t, ctx.Err()
			}
			s, err := take(c, b.turn)
			if err != nil {
				return t, fmt.Errorf("%s: %w", c.name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	for i, c := range contenders {
		t.Rows = append(t.Rows, measurement{
			Name:        c.name,
			Nanoseconds: median(samples[i], func(s sample) float64 { return s.nanoseconds }),
			Bytes:       median(samples[i], func(s sample) float64 { return s.bytes }),
		})
	}
	base := t.row(yardstick).Nanoseconds
	for i := range t.Rows {
		t.Rows[i].Ratio = t.Rows[i].Nanoseconds / base
	}
	return t, nil
}

// sample is one turn, per operation.
type sample struct{ nanoseconds, bytes float64 }

// take repeats the job for about the time of a turn, at least once. Each turn starts with
// no garbage of another's.
func take(c contender, turn time.Duration) (sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	start := time.Now()
	for ; n == 0 || time.Since(start) < turn; n++ {
		if err := c.do(); err != nil {
			return sample{}, err
		}
	}
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	return sample{float64(elapsed.Nanoseconds()) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)}, nil
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
