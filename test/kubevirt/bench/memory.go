// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/race"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// footprint is the memory of one process, in MiB: medians. Two processes of each kind run at a time, as on a
// node with two VMs, and share what is of the program's file.
type footprint struct {
	Name            string
	RSS, Anon, File float64
	PSS             float64 // the file's pages counted by half
}

// memoryRounds is how often the processes are started. Their memory differs little.
const memoryRounds = 3

// kind is a process whose memory is measured after calls.
type kind struct {
	name string
	sidecar.Program
	size int // of the document in bytes; negative: no call
}

// Names of kinds that targets refer to.
const (
	stockIdle  = "stock shim, before any script ran"
	ourIdle    = "DomainPatch, after 8 KiB"
	ourCELIdle = "DomainPatch with CEL, after 8 KiB"
)

func (b *bench) kinds() ([]kind, error) {
	kinds := []kind{{stockIdle, b.stockShim(sedHook), -1}, {"echo server, after 8 KiB", b.echo(), 0}}
	for _, c := range []struct {
		name    string
		patches []bundle.Patch
	}{{ourStart, literal()}, {ourCELStart, withCEL()}} {
		p, err := b.shim(ours, c.name, c.patches)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind{c.name + ", after 8 KiB", p, 0}, kind{c.name + ", after 256 KiB", p, 256 << 10}, kind{c.name + ", after 512 KiB", p, limit})
	}
	for i := range kinds {
		own := filepath.Join(b.dir, "memory-"+strconv.Itoa(i))
		if err := copyByPage(own, kinds[i].Path); err != nil {
			return nil, err
		}
		kinds[i].Path = own
	}
	return kinds, nil
}

// copyByPage gives a program a file of its own, so that it shares its pages with no other kind. It is
// written in single pages, because newer kernels (6.18) map all of a larger piece of the page cache at the first
// access to it: then most of any program is resident, and what counts is the size of the file.
func copyByPage(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	for page := range slices.Chunk(data, os.Getpagesize()) {
		if _, err := f.Write(page); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// memory measures what is resident some seconds after the last call.
func (b *bench) memory(ctx context.Context, r *report) error {
	kinds, err := b.kinds()
	if err != nil {
		return err
	}
	samples := make([][]map[string]float64, len(kinds))
	for range memoryRounds {
		if err := b.idleRound(ctx, kinds, samples); err != nil {
			return err
		}
	}
	for i, k := range kinds {
		of := func(field string) float64 {
			var values []float64
			for _, s := range samples[i] {
				values = append(values, s[field]/1024)
			}
			return race.Median(values)
		}
		r.Memory = append(r.Memory, footprint{k.name, of("VmRSS"), of("RssAnon"), of("RssFile"), of("Pss")})
	}
	return nil
}

func (b *bench) idleRound(ctx context.Context, kinds []kind, samples [][]map[string]float64) error {
	var all []*sidecar.Sidecar
	defer func() { sidecar.StopAll(all) }()
	for _, k := range kinds {
		for range 2 {
			s, err := sidecar.Launch(ctx, k.Program)
			if err != nil {
				return err
			}
			all = append(all, s)
			if err := k.call(s); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.idle): // what is measured: memory that calls leave behind
	}
	for i, s := range all {
		fields, err := s.Kilobytes()
		if err != nil {
			return err
		}
		samples[i/2] = append(samples[i/2], fields)
	}
	return nil
}

// call makes the three calls of a boot, and leaves no connection open.
func (k kind) call(s *sidecar.Sidecar) error {
	if err := s.Disconnect(); err != nil || k.size < 0 {
		return err
	}
	first, err := newInput(k.size)
	if err != nil {
		return err
	}
	later, err := first.later()
	if err != nil {
		return err
	}
	m, err := s.Manager()
	if err != nil {
		return err
	}
	for _, in := range []input{first, later, later} {
		if _, err := m.OnDefineDomain(in.spec, in.vmi); err != nil {
			return err
		}
	}
	return nil
}
