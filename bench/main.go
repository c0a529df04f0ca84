// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the engine side by side with other ways to patch a domain,
// on KubeVirt's own domains. All contenders take turns in one run, so that a busy
// machine is busy for all of them, and each has shown that its edits are right before
// it is measured. Run it with make bench, or in this folder with go run . -o json.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 15, "turns that each contender gets")
	turn := flag.Duration("turn", 20*time.Millisecond, "about how long one turn takes")
	output := flag.String("o", "markdown", "markdown or json")
	repo := flag.String("repo", "..", "the folder of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, &bench{repo: *repo, rounds: *rounds, turn: *turn}, *output)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is where the fixtures are and how long to measure.
type bench struct {
	repo   string
	rounds int
	turn   time.Duration
}

// report is what one run measures.
type report struct {
	Machine   machine
	Domain    table
	Targets   []target
	Fixtures  []fixture
	CloudInit table
	Growth    []growth
	Retention retention
}

func run(ctx context.Context, w io.Writer, b *bench, output string) error {
	if output != "markdown" && output != "json" {
		return fmt.Errorf("-o %s is neither markdown nor json", output)
	}
	r := report{Machine: thisMachine()}
	for _, part := range []func(context.Context, *report) error{b.domains, b.cloudInit, b.growths, b.retention} {
		if err := errors.Join(part(ctx, &r), ctx.Err()); err != nil {
			return err
		}
	}
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.markdown(w)
}
