// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/domainpatch/domainpatch/test/kubevirt/race"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// starts measures what passes between a process's start and its answer to Info, and then its very first
// call, which finds nothing of the program in memory.
func (b *bench) starts(ctx context.Context, r *report) error {
	plain, err := b.shim(ours, "literal", literal())
	if err != nil {
		return err
	}
	cel, err := b.shim(ours, "cel", withCEL())
	if err != nil {
		return err
	}
	in, err := newInput(0)
	if err != nil {
		return err
	}
	var start, cold []race.Contender
	for _, c := range []struct {
		name string
		sidecar.Program
	}{{stockStart, b.stockShim(sedHook)}, {ourStart, plain}, {ourCELStart, cel}} {
		start = append(start, race.Contender{Name: c.name, Do: timedStart(c.Program)})
		cold = append(cold, race.Contender{Name: c.name, Do: timedFirstCall(c.Program, in)})
	}
	if r.Start, err = race.Run(ctx, "From process start to the answered Info", 2*b.rounds, 0, start); err != nil {
		return err
	}
	r.Cold, err = race.Run(ctx, "The first OnDefineDomain of a new process, on the connection of that Info (stock shim: with sh and sed)", b.rounds, 0, cold)
	return err
}

// timedStart starts a sidecar, up to its answer to Info.
func timedStart(p sidecar.Program) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		s, err := sidecar.Launch(ctx, p)
		if err != nil {
			return 0, err
		}
		s.Stop()
		return s.Start, nil
	}
}

// timedFirstCall starts a sidecar, and takes the time of its first call alone.
func timedFirstCall(p sidecar.Program, in input) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		s, err := sidecar.Launch(ctx, p)
		if err != nil {
			return 0, err
		}
		defer s.Stop()
		out, took, err := s.Define(ctx, in.doc, in.vmiJSON)
		if err == nil {
			err = in.check(out)
		}
		return took, err
	}
}
