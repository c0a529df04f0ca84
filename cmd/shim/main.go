// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command shim is the container that runs beside a VM's virt-launcher and applies the VM's patches.
// It ends with 0 when KubeVirt or a signal tells it to, with 1 when it cannot serve, and with 2
// on wrong flags. Package shim does the work.
//
// Build it with -tags grpcnotrace: the pages of gRPC's tracing pull in text/template, whose calls by name
// keep the linker from dropping methods that nobody uses, 5 MB of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/domainpatch/domainpatch/shim"
)

// How Go collects garbage here. The shim works for milliseconds per VM start and then idles, and package shim gives all
// memory back soon after; a collection during a call only makes the call slower. With the default of 100 percent,
// collections are some 40 % of the CPU time of calls that come one after another.
const (
	garbagePercent = 400
	// memoryLimit is soft, in bytes. KubeVirt gives sidecars of VMs with dedicated CPUs 64 MB, and up to 14 MB of the
	// program itself come on top of Go's memory; so does what is in use over the limit, up to 10 MB where four calls at
	// all limits come at once. Usual calls stay far below it.
	memoryLimit = 32 << 20
)

func main() {
	debug.SetGCPercent(garbagePercent)
	debug.SetMemoryLimit(memoryLimit)
	opts, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "domainpatch:", err)
		os.Exit(2)
	}
	opts.Container = os.Getenv("CONTAINER_NAME")
	surviveBrokenLog()
	log := slog.New(slog.NewJSONHandler(shim.NewLogWriter(os.Stderr), &slog.HandlerOptions{Level: opts.level}))
	if err := run(opts.Config, log); err != nil {
		log.Error("domainpatch: cannot serve", "error", err.Error())
		os.Exit(1)
	}
}

func run(cfg shim.Config, log *slog.Logger) error {
	// SIGQUIT stays Go's: it prints what every goroutine does, which tells why a shim hangs.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	server, err := shim.Listen(cfg, log)
	if err != nil {
		return err
	}
	return server.Serve(ctx)
}

// surviveBrokenLog keeps a program whose log was closed at the other end alive: Go ends one that writes to a broken
// standard error, unless it wants to know of SIGPIPE. To ignore the signal would do, but programs that are
// started from here would inherit that.
func surviveBrokenLog() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
