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

// contender is one way to do a job. The job says how long it took, without what is none of its.
type contender struct {
	name string
	do   func(context.Context) (time.Duration, error)
}

// measurement is the median of what one contender took, in milliseconds.
type measurement struct {
	Name         string
	Milliseconds float64
	Ratio        float64 // of the table's yardstick
}

// table is a run of contenders that took turns.
type table struct {
	Title string
	Rows  []measurement
}

func (t *table) of(name string) float64 {
	i := slices.IndexFunc(t.Rows, func(m measurement) bool { return m.Name == name })
	return t.Rows[i].Milliseconds
}

// race lets the contenders take turns and compares them with the first one. A turn is as many jobs as fit
// into its time, at least one.
func race(ctx context.Context, title string, rounds int, turn time.Duration, contenders []contender) (table, error) {
	samples := make([][]float64, len(contenders))
	for range rounds {
		for i, c := range contenders {
			runtime.GC() // no turn pays for garbage of another's
			for start := time.Now(); ; {
				took, err := c.do(ctx)
				if err != nil {
					return table{}, fmt.Errorf("%s: %w", c.name, err)
				}
				samples[i] = append(samples[i], milliseconds(took))
				if time.Since(start) >= turn {
					break
				}
			}
		}
	}
	t := table{Title: title}
	for i, c := range contenders {
		t.Rows = append(t.Rows, measurement{Name: c.name, Milliseconds: median(samples[i])})
	}
	for i := range t.Rows {
		t.Rows[i].Ratio = t.Rows[i].Milliseconds / t.Rows[0].Milliseconds
	}
	return t, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
