// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// growth is how the time of a call grows with one of its inputs.
type growth struct {
	Title string
	Input string // what Times counts
	Rows  []grown
}

// grown is one size of the input, compared with the first.
type grown struct {
	Times       float64 // as much input
	Nanoseconds float64
	Factor      float64 // as much time
}

// growthFactor is how much longer ten times the input may take.
const growthFactor = 12

// growths measures larger documents and longer patches, as first calls: the whole work of the engine.
func (b *bench) growths(ctx context.Context, r *report) error {
	s, err := b.source(mainFixture)
	if err != nil {
		return err
	}
	if err := b.documentGrowth(ctx, r, s); err != nil {
		return err
	}
	return b.ruleGrowth(ctx, r, s)
}

func (b *bench) documentGrowth(ctx context.Context, r *report, s source) error {
	sizes := []source{s, {repeatDevices(s.doc, 10), s.vmi}, {largest(s.doc), s.vmi}}
	var contenders []contender
	for _, s := range sizes {
		c, err := checkedCall(ctx, s, entries())
		if err != nil {
			return err
		}
		contenders = append(contenders, c)
	}
	return b.grow(ctx, r, growth{Title: "First call, more devices", Input: "bytes"}, contenders, func(i int) int { return len(sizes[i].doc) })
}

func (b *bench) ruleGrowth(ctx context.Context, r *report, s source) error {
	var contenders []contender
	counts := []int{5, 50}
	for _, n := range counts {
		c, err := checkedCall(ctx, s, manyEntries(n))
		if err != nil {
			return err
		}
		contenders = append(contenders, c)
	}
	return b.grow(ctx, r, growth{Title: "First call, more rules that each create an element", Input: "rules"}, contenders, func(i int) int { return counts[i] })
}

// grow races the contenders, the first of which is the measure of the others, by their sizes.
func (b *bench) grow(ctx context.Context, r *report, g growth, contenders []contender, size func(int) int) error {
	t, err := b.race(ctx, "", contenders[0].name, contenders)
	if err != nil {
		return err
	}
	for i, row := range t.Rows {
		g.Rows = append(g.Rows, grown{float64(size(i)) / float64(size(0)), row.Nanoseconds, row.Ratio})
	}
	r.Growth = append(r.Growth, g)
	return nil
}

func manyEntries(n int) []entry {
	var all []entry
	for i := range n {
		all = append(all, entry{"entry" + strconv.Itoa(i), "value"})
	}
	return all
}

// checkedCall is a first call, once its edits were checked.
func checkedCall(ctx context.Context, s source, want []entry) (contender, error) {
	program, err := patch.Compile(smbios(want))
	if err != nil {
		return contender{}, err
	}
	name := fmt.Sprintf("%d bytes, %d entries", len(s.doc), len(want))
	out, _, err := program.Domain(ctx, s.doc, s.vmi, nil)
	if err == nil {
		err = carries(out, want)
	}
	if err != nil {
		return contender{}, fmt.Errorf("%s: %w", name, err)
	}
	return contender{name, func() error { _, _, err := program.Domain(ctx, s.doc, s.vmi, nil); return err }}, nil
}

// repeatDevices makes a domain about that many times as large.
func repeatDevices(doc []byte, times int) []byte {
	start, end := bytes.Index(doc, []byte("<devices>"))+len("<devices>"), bytes.Index(doc, []byte("</devices>"))
	devices := doc[start:end]
	copies := 1 + (times-1)*len(doc)/len(devices)
	return bytes.Join([][]byte{doc[:start], bytes.Repeat(devices, copies), doc[end:]}, nil)
}

// largest is the largest domain of that kind within the limits.
func largest(doc []byte) []byte {
	for times := document.MaxBytes / len(doc); ; times-- {
		d := repeatDevices(doc, times)
		if _, err := document.Parse(d); err == nil {
			return d
		}
	}
}

// retention is the heap after a garbage collection, after few and after many calls of one
// compiled program: a difference would grow with every VM start.
type retention struct {
	FewCalls, ManyCalls           int
	HeapFew, HeapMany             uint64  // bytes
	AllocatedFirst, AllocatedLast float64 // bytes per call
}

// retentionSlack is how many bytes the heap may differ by: the runtime's own.
const retentionSlack = 64 << 10

func (b *bench) retention(ctx context.Context, r *report) error {
	s, err := b.source(mainFixture)
	if err != nil {
		return err
	}
	c, err := checkedCall(ctx, s, entries())
	if err != nil {
		return err
	}
	k := retention{FewCalls: 500, ManyCalls: 5000}
	if k.HeapFew, k.AllocatedFirst, err = heapAfter(c, k.FewCalls); err != nil {
		return err
	}
	if k.HeapMany, k.AllocatedLast, err = heapAfter(c, k.ManyCalls-k.FewCalls); err != nil {
		return err
	}
	r.Retention = k
	if k.HeapMany > k.HeapFew+retentionSlack {
		return errors.New("a compiled program keeps memory of its calls")
	}
	return nil
}

// heapAfter makes calls and gives the live heap behind them and what a call allocates.
func heapAfter(c contender, calls int) (live uint64, perCall float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		if err := c.do(); err != nil {
			return 0, 0, err
		}
	}
	runtime.GC()
	runtime.GC() // the second frees what the first only moved out of sync.Pools
	runtime.ReadMemStats(&after)
	return after.HeapAlloc, float64(after.TotalAlloc-before.TotalAlloc) / float64(calls), nil
}
