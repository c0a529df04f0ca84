// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command demo shows the main job on real parts, on one machine and without a hypervisor:
// from the DomainPatches and the VM in config/samples to the domain that libvirt would be
// told to define. It leaves every step in out/demo.
//
// It ends with 0 only if every step happened and the result is what the samples are there for.
package main

import (
	"context"
	"fmt"
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
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	begin := time.Now()
	root, err := cluster.Repository()
	if err != nil {
		return err
	}
	out := filepath.Join(root, "out", "demo")
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	fmt.Println("KubeVirt and Kubernetes are real; the kubelet, virt-launcher and libvirt are played.")
	c, err := cluster.Start(ctx, cluster.Options{
		Logs:     filepath.Join(out, "logs"),
		Progress: func(what string, took time.Duration) { fmt.Printf("%s is up in %.1fs\n", what, took.Seconds()) },
	})
	if err != nil {
		return err
	}
	s := &story{cluster: c, samples: filepath.Join(root, "config", "samples"), out: out}
	err = s.tell(ctx)
	if stopErr := c.Stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return err
	}
	fmt.Printf("\n%s; every step is in %s; %s in all\n", s.sum(), relative(out), since(begin))
	return nil
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
