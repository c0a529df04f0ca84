// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/race"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// peak is the most memory that a process ever had resident, in MB (10^6), as the limit of 64 MB counts.
type peak struct {
	Name         string
	Bytes        int // of the document
	VMI          int // bytes
	Bundle       int // bytes
	Megabytes    float64
	Milliseconds float64 // of the first call
}

// peaks measures what the limits allow.
func (b *bench) peaks(ctx context.Context, r *report) error {
	for _, c := range []struct {
		name    string
		patches []bundle.Patch
		size    int // of the document
		vmi     int // at least
	}{
		{"the usual patch", literal(), 0, 0},
		{"the usual patch on the largest document", literal(), limit, 0},
		{"64 rules for 230 disks each on the largest document", manyMatches(), limit, 0},
		{"the largest bundle, with all the CEL that it may have", largest(sameText), 0, 0},
		{"the largest bundle on half the largest document", largest(sameText), limit / 2, 0},
		{"the largest bundle on the largest document", largest(sameText), limit, largeVMI},
		{"the same, and no two expressions alike", largest(ownText), limit, largeVMI},
	} {
		p, err := b.peak(ctx, c.name, c.patches, c.size, c.vmi)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r.Peaks = append(r.Peaks, p)
	}
	return nil
}

func (b *bench) peak(ctx context.Context, name string, patches []bundle.Patch, size, vmi int) (peak, error) {
	command, err := b.shim(ours, name, patches)
	if err != nil {
		return peak{}, err
	}
	in, err := newInput(size)
	if err == nil {
		err = in.growVMI(vmi)
	}
	if err != nil {
		return peak{}, err
	}
	s, err := sidecar.Launch(ctx, command)
	if err != nil {
		return peak{}, err
	}
	defer s.Stop()
	out, took, err := s.Define(ctx, in.doc, in.vmiJSON)
	if err == nil {
		err = in.check(out)
	}
	if err != nil {
		return peak{}, fmt.Errorf("%w\n%.2000s", err, s.Log.Take())
	}
	fields, err := s.Kilobytes()
	if err != nil {
		return peak{}, err
	}
	bundle, err := os.Stat(command.Args[3])
	if err != nil {
		return peak{}, err
	}
	return peak{name, len(in.doc), len(in.vmiJSON), int(bundle.Size()), fields["VmHWM"] * 1024 / 1e6, race.Milliseconds(took)}, nil
}

// size is a stripped program's, in MB (10^6).
type size struct {
	Name      string
	Megabytes float64
}

func (b *bench) sizes(_ context.Context, r *report) error {
	for _, p := range []struct{ name, file string }{{stockStart, stock}, {ourStart, ours}, {"KubeVirt's Go smbios", goSMBIOS}, {"echo server", echoServer}} {
		info, err := os.Stat(filepath.Join(b.dir, p.file))
		if err != nil {
			return err
		}
		r.Sizes = append(r.Sizes, size{p.name, float64(info.Size()) / 1e6})
	}
	return nil
}
