// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command fleet measures the operator in a cluster with ten thousand VMIs: what it takes of memory, which
// requests it makes, and how long it holds up those who create VMs. Run it with make bench-fleet.
//
// etcd, the API server and the manager are real; see package cluster. VMs are data only: nothing of KubeVirt runs but its
// definitions, and the program itself writes what virt-controller and virt-handler would. What the manager
// asks of the API server is counted from the audit log, memory is read from /proc.
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
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == noopCommand {
		exit(serveNoop(os.Args[2:]))
	}
	var o options
	o.addFlags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the sizes of the fleet, and what to do with the results.
type options struct {
	vmis, namespaces, patches, creators int
	// rounds is how many turns each pair of webhooks gets; calm and rush are the VMIs of a turn
	// of one creator and of all.
	rounds, calm, rush int
	idle               time.Duration
	output             string
	logs, profiles     string
}

func (o *options) addFlags(flags *flag.FlagSet) {
	flags.IntVar(&o.vmis, "vmis", 10000, "VMIs in the fleet, at least 10")
	flags.IntVar(&o.namespaces, "namespaces", 200, "namespaces that they are in")
	flags.IntVar(&o.patches, "patches", 50, fmt.Sprintf("patches: %d ClusterDomainPatches, the rest DomainPatches; at least %d", clusterPatches, leastPatches))
	flags.IntVar(&o.creators, "creators", 50, "clients that create VMIs at the same time")
	flags.IntVar(&o.rounds, "rounds", 8, "turns that each pair of webhooks gets, in each of the three races")
	flags.IntVar(&o.calm, "calm", 30, "VMIs that one client creates in a turn")
	flags.IntVar(&o.rush, "rush", 500, "VMIs that the creators create in a turn under load")
	flags.DurationVar(&o.idle, "idle", 5*time.Minute, "how long to watch while nothing changes")
	flags.StringVar(&o.output, "o", "markdown", "markdown or json")
	flags.StringVar(&o.logs, "logs", "out/fleet", "`folder` for the logs of the processes, the audit log among them")
	flags.StringVar(&o.profiles, "profiles", "", "`folder` for profiles of the manager; none are taken if empty")
}

func (o *options) validate() error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: there are flags only", flag.Arg(0))
	case o.output != "markdown" && o.output != "json":
		return fmt.Errorf("-o %s is neither markdown nor json", o.output)
	case o.vmis < steps || o.namespaces < 1 || o.creators < 1 || o.rounds < 1 || o.calm < 1 || o.rush < o.creators:
		return errors.New("-vmis must be at least 10, -rush at least -creators, and all other numbers at least 1")
	case o.patches < leastPatches:
		return fmt.Errorf("-patches must be at least %d", leastPatches)
	}
	return nil
}

// run measures and prints. It fails where something cannot be measured, or is not met.
func run(ctx context.Context, w io.Writer, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if o.output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		err = r.markdown(w)
	}
	if missed := r.missed(); missed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d targets missed", missed, len(r.Targets)))
	}
	return err
}

// progress tells whoever waits what happens.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
