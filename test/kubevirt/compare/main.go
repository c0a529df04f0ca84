// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command compare does the same edits of domains with DomainPatch and with what people use today, through KubeVirt's own
// hooks client, and writes down what became of each: docs/comparison.md. A program judges every result. Run it with
// make compare; it needs programs of Debian's, and says which.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

func main() {
	c := &comparison{}
	flag.IntVar(&c.rounds, "rounds", 15, "turns that each contender gets in the measurements; 0 measures nothing")
	flag.DurationVar(&c.turn, "turn", 30*time.Millisecond, "about how long one turn takes")
	flag.StringVar(&c.dir, "programs", "", "set by compare itself: it runs where its sidecars see their sockets' folder, and the programs are here")
	flag.BoolVar(&c.plugin, "plugin-memory", false, "set by compare itself: apply a Plugin and print the memory that it takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := c.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// comparison is how long to measure, and what is compared.
type comparison struct {
	rounds int
	turn   time.Duration
	plugin bool
	dir    string // the programs and the files that they need

	base input  // KubeVirt's domain
	last []byte // what it is in the last call of a boot without any edit

	launching sync.Mutex // all sidecars make their sockets in one folder
}

func (c *comparison) run(ctx context.Context) error {
	switch {
	case c.plugin:
		return printPluginMemory()
	case c.dir == "":
		return enter(ctx)
	}
	page, err := c.page(ctx)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(page)
	return err
}

// enter builds the programs and runs compare again, where the sockets' folder of the sidecars is its own.
func enter(ctx context.Context) error {
	if err := lookUp(); err != nil {
		return err
	}
	return sidecar.Enter(ctx, build)
}

// page judges, measures and writes all down.
func (c *comparison) page(ctx context.Context) (string, error) {
	var err error
	if c.base, err = newInput(); err != nil {
		return "", err
	}
	f, err := c.facts(ctx)
	if err != nil {
		return "", err
	}
	text := f.markdown()
	if c.rounds > 0 {
		figures, err := c.figures(ctx)
		if err != nil {
			return "", err
		}
		text += figures.markdown()
	}
	return text, nil
}
