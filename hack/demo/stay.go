// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// stay runs a cluster for the user's own patches and VMs until ctx ends, which is no error.
func stay(ctx context.Context, out string, w io.Writer) error {
	c, err := start(ctx, out, cluster.Options{
		RestartManagers: true,
		Controllers:     []string{"garbage-collector-controller", "namespace-controller"},
	}, w)
	if err != nil {
		if ctx.Err() != nil { // Ctrl-C, during the start
			return nil
		}
		return err
	}
	kubeconfig := filepath.Join(out, "kubeconfig")
	err = c.WriteKubeconfig(kubeconfig)
	if err == nil {
		fmt.Fprintf(w, howToGoOn, kubeconfig)
		err = c.Play(ctx, filepath.Join(out, "vms"), func(p cluster.Played) { tellStart(ctx, w, p, out) })
	}
	if ctx.Err() != nil {
		fmt.Fprintln(w, "\nThe cluster stops.")
	}
	stopErr := c.Stop()
	if errors.Is(stopErr, context.Canceled) {
		stopErr = nil
	}
	return errors.Join(err, stopErr, os.Remove(kubeconfig))
}

const howToGoOn = `
The cluster is up until Ctrl-C. It has no kubelet and no libvirt: a VM gets its VMI and its
virt-launcher Pod from KubeVirt, its hooks are run once, and what they change is shown here.
In another terminal:

  export KUBECONFIG=%s PATH="$PWD/bin/controlplane:$PWD/bin:$PATH"
  kubectl apply -k config/samples     # three patches and a VM; or your own
  kubectl domainpatch status          # the plugin is of make build
  kubectl delete vmi --all            # the VMs start again, with what binds now

`

// tellStart tells how the start of a VM went.
func tellStart(ctx context.Context, w io.Writer, p cluster.Played, out string) {
	if ctx.Err() != nil {
		return
	}
	fmt.Fprintf(w, "VM %s starts:\n", p.VM)
	if p.Node != nil && p.Node.Shortcoming != "" {
		fmt.Fprintln(w, p.Node.Shortcoming)
	}
	if p.With != nil {
		tellCalls(w, p.With.Calls)
	}
	err := p.Err
	folder := filepath.Join(out, "vms", p.VM.Namespace, p.VM.Name)
	if err == nil {
		err = showChanges(w, p.Without, p.With, folder)
	}
	if err != nil {
		fmt.Fprintf(w, "VM %s did not start: %v\n\n", p.VM, err)
		return
	}
	fmt.Fprintf(w, "VM %s would run; what went in and out of its hooks is in %s\n\n", p.VM, relative(folder))
}
