// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command demo shows the main job on real parts, on one machine and without a hypervisor:
// from the DomainPatches and the VM in config/samples to the domain that libvirt would be
// told to define. It leaves every step in out/demo.
//
// It ends with 0 only if every step happened and the result is what the samples are there for.
//
// With -stay it applies nothing: the cluster stays until Ctrl-C, for the user's own patches and
// VMs, and shows of each VM that starts what its patches change. See out/cluster then.
//
// With -guest it goes on to a hypervisor, and shows what guests say of more samples: see the package test/guest. Its
// steps are in out/demo-guest.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/domainpatch/domainpatch/test/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	staying := flag.Bool("stay", false, "leave the cluster to the user, until Ctrl-C")
	withGuests := flag.Bool("guest", false, "go on to guests that tell what they see")
	flag.Parse()
	if err := run(ctx, *staying, *withGuests); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, staying, withGuests bool) error {
	root, err := cluster.Repository()
	if err != nil {
		return err
	}
	name, tell := "demo", tellStory
	switch {
	case staying:
		name, tell = "cluster", stay
	case withGuests:
		name, tell = "demo-guest", tellGuests
	}
	out := filepath.Join(root, "out", name)
	held, err := claim(out)
	if err != nil {
		return err
	}
	defer held.Close()
	return tell(ctx, out, os.Stdout)
}

// start starts a cluster that leaves its files in a folder.
func start(ctx context.Context, out string, options cluster.Options, w io.Writer) (*cluster.Cluster, error) {
	fmt.Fprintln(w, "KubeVirt and Kubernetes are real; the kubelet, virt-launcher and, up to the end of the hooks, libvirt are played.")
	options.Logs = filepath.Join(out, "logs")
	options.Progress = func(what string, took time.Duration) { fmt.Fprintf(w, "%s is up in %.1fs\n", what, took.Seconds()) }
	return cluster.Start(ctx, options)
}

// tellCalls tells how the hooks were called.
func tellCalls(w io.Writer, calls []string) {
	for _, call := range calls {
		fmt.Fprintln(w, "virt-launcher:", call)
	}
}

func since(begin time.Time) string { return fmt.Sprintf("%.1fs", time.Since(begin).Seconds()) }

// relative is a path as short as the working directory makes it.
func relative(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(dir, path); err == nil {
			return short
		}
	}
	return path
}
