// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package race measures ways to do one job side by side: they take turns in one run, so that a busy machine is busy for all
// of them.
package race

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Contender is one way to do a job. The job says how long it took, without what is none of its.
type Contender struct {
	Name string
	Do   func(context.Context) (time.Duration, error)
}

// Measurement is the median of what one contender took, in milliseconds.
type Measurement struct {
	Name         string
	Milliseconds float64
	Ratio        float64 // of the table's yardstick
}

// Table is a run of contenders that took turns.
type Table struct {
	Title string
	Rows  []Measurement
}

// Of is the median of the contender of that name, in milliseconds.
func (t *Table) Of(name string) float64 {
	i := slices.IndexFunc(t.Rows, func(m Measurement) bool { return m.Name == name })
	return t.Rows[i].Milliseconds
}

// Run lets the contenders take turns and compares them with the first one. A turn is as many jobs as fit
// into its time, at least one.
func Run(ctx context.Context, title string, rounds int, turn time.Duration, contenders []Contender) (Table, error) {
	samples := make([][]float64, len(contenders))
	for range rounds {
		for i, c := range contenders {
			runtime.GC() // no turn pays for garbage of another's
			for start := time.Now(); ; {
				took, err := c.Do(ctx)
				if err != nil {
					return Table{}, fmt.Errorf("%s: %w", c.Name, err)
				}
				samples[i] = append(samples[i], Milliseconds(took))
				if time.Since(start) >= turn {
					break
				}
			}
		}
	}
	t := Table{Title: title}
	for i, c := range contenders {
		t.Rows = append(t.Rows, Measurement{Name: c.Name, Milliseconds: Median(samples[i])})
	}
	for i := range t.Rows {
		t.Rows[i].Ratio = t.Rows[i].Milliseconds / t.Rows[0].Milliseconds
	}
	return t, nil
}

// Milliseconds is a duration as the tables have it.
func Milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// Median is the middle one of the values, of which there must be one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
