// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// Namespace is that of all VMs.
const Namespace = "guests"

// Pair is a VM with its patches and without.
type Pair struct {
	With, Without Machine
	// Calls says how the hooks were called, a line each.
	Calls []string
}

// Chain is what leads from patches and VMs to domains: a cluster, and nodes that are played as far as the hooks go.
type Chain struct {
	*cluster.Cluster
	out string // folder
}

// NewChain applies the patches of all scenes and what their VMs need to a cluster. What goes in and out of the hooks
// is left in the folder out.
func NewChain(ctx context.Context, c *cluster.Cluster, scenes []*Scene, out string) (*Chain, error) {
	ch := &Chain{c, out}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if err := c.Create(ctx, namespace); err != nil {
		return nil, err
	}
	for _, file := range []string{"policy.yaml", "volumes.yaml"} {
		if err := ch.apply(ctx, filepath.Join(scenes[0].folder, "..", file)); err != nil {
			return nil, err
		}
	}
	applied := map[string]bool{}
	for _, s := range scenes {
		for _, file := range s.patches {
			if applied[file] {
				continue
			}
			applied[file] = true
			if err := ch.apply(ctx, file); err != nil {
				return nil, err
			}
		}
	}
	return ch, nil
}

// apply applies a file in the namespace of the VMs.
func (ch *Chain) apply(ctx context.Context, file string) error {
	objects, err := cluster.ReadManifest(file)
	if err != nil {
		return err
	}
	for _, object := range objects {
		namespaced, err := ch.IsObjectNamespaced(object)
		if err != nil {
			return err
		}
		if namespaced {
			object.SetNamespace(Namespace)
		}
	}
	return ch.Apply(ctx, objects...)
}

// Boot applies the VM of a scene and starts it: KubeVirt makes VMI and Pod, the operator the bundle, and KubeVirt's
// hooks client calls the shim.
func (ch *Chain) Boot(ctx context.Context, s *Scene) (*Pair, error) {
	if err := ch.apply(ctx, s.vm); err != nil {
		return nil, err
	}
	vm, err := ch.AwaitPod(ctx, client.ObjectKey{Namespace: Namespace, Name: s.Name})
	if err != nil {
		return nil, err
	}
	node, err := ch.RunPod(ctx, vm)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(ch.out, s.Name)
	with, err := node.Boot(ctx, filepath.Join(folder, "with"))
	if err != nil {
		return nil, fmt.Errorf("VM %s: %w", s.Name, err)
	}
	without, err := ch.BootUnpatched(ctx, vm, filepath.Join(folder, "without"))
	if err != nil {
		return nil, fmt.Errorf("VM %s without patches: %w", s.Name, err)
	}
	vmi, err := vm.VMI.MarshalJSON()
	if err != nil {
		return nil, err
	}
	machine := func(boot *cluster.Boot, part string) Machine {
		m := Machine{Name: fmt.Sprintf("VM %s %s patches", s.Name, part), Domain: boot.Domain, VMI: vmi, Formats: s.Formats}
		if boot.CloudInit != nil {
			m.CloudInit = filepath.Join(folder, part, "cloud-init.after.json")
		}
		return m
	}
	pair := &Pair{With: machine(with, "with"), Without: machine(without, "without"), Calls: with.Calls}
	return pair, os.WriteFile(filepath.Join(folder, "vmi.json"), vmi, 0o644)
}
