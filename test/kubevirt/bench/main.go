// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the shim side by side with KubeVirt's stock sidecar-shim and the programs that
// it runs, through KubeVirt's own hooks client. The contenders take turns in one run, so that a busy
// machine is busy for all of them, and each has shown that its edit is right before it is
// measured. Run it with make bench, or in the folder above with go run ./bench -o json.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/domainpatch/domainpatch/test/kubevirt/race"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

func main() {
	b := &bench{}
	flag.IntVar(&b.rounds, "rounds", 15, "turns that each contender gets")
	flag.DurationVar(&b.turn, "turn", 30*time.Millisecond, "about how long one turn takes")
	flag.DurationVar(&b.idle, "idle", 5*time.Second, "how long no call comes before memory is read")
	flag.StringVar(&b.output, "o", "markdown", "markdown or json")
	flag.StringVar(&b.dir, "programs", "", "set by bench itself: it runs where its sidecars see their sockets' folder, and the programs are here")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := b.run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is how long to measure, and what.
type bench struct {
	rounds int
	turn   time.Duration
	idle   time.Duration
	output string
	dir    string // the programs and the files that they need
}

func (b *bench) run(ctx context.Context, w io.Writer) error {
	switch {
	case b.output != "markdown" && b.output != "json":
		return fmt.Errorf("-o %s is neither markdown nor json", b.output)
	case b.dir == "":
		return sidecar.Enter(ctx, build)
	}
	r, err := b.measure(ctx)
	if err != nil {
		return err
	}
	if b.output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.markdown(w)
}

// report is what one run measures.
type report struct {
	Machine race.Machine
	Client  race.Table
	Server  race.Table
	Rest    []share
	Start   race.Table
	Cold    race.Table
	Memory  []footprint
	Peaks   []peak
	Sizes   []size
	Targets []target
}

func (b *bench) measure(ctx context.Context) (*report, error) {
	r := &report{Machine: race.ThisMachine()}
	for _, part := range []func(context.Context, *report) error{b.calls, b.starts, b.memory, b.peaks, b.sizes} {
		if err := part(ctx, r); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	r.Targets = targets(r)
	return r, nil
}
