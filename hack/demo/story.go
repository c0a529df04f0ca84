// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/cluster/appliance"
)

// tellStory goes from the samples to the patched domain of their VM.
func tellStory(ctx context.Context, out string, w io.Writer) error {
	root, err := cluster.Repository()
	if err != nil {
		return err
	}
	begin := time.Now()
	c, err := start(ctx, out, cluster.Options{}, w)
	if err != nil {
		return err
	}
	s := &story{cluster: c, samples: filepath.Join(root, "config", "samples"), out: out, w: w}
	err = s.tell(ctx)
	if stopErr := c.Stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s; every step is in %s; %s in all\n", s.sum(), relative(out), since(begin))
	return nil
}

// story is the samples' way through the cluster.
type story struct {
	cluster *cluster.Cluster
	samples string // folder
	out     string // folder
	w       io.Writer

	applied       time.Time
	vm            *cluster.VM
	node          *cluster.Node
	without, with *cluster.Boot
}

func (s *story) key() client.ObjectKey {
	return client.ObjectKey{Namespace: appliance.Namespace, Name: appliance.Name}
}

// tell goes through all steps.
func (s *story) tell(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.apply, s.awaitPod, s.awaitPatches, s.saveBundle, s.startSidecar, s.boot, s.bootUnpatched, s.show, s.check,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// apply is kubectl apply -k config/samples.
func (s *story) apply(ctx context.Context) error {
	objects, err := cluster.ReadKustomization(s.samples)
	if err != nil {
		return err
	}
	s.applied = time.Now()
	return s.cluster.Apply(ctx, objects...)
}

// awaitPod waits for what KubeVirt makes of the VM.
func (s *story) awaitPod(ctx context.Context) (err error) {
	if s.vm, err = s.cluster.AwaitPod(ctx, s.key()); err != nil {
		return err
	}
	fmt.Fprintf(s.w, "%s applied: VM %s, its VMI and Pod %s there after %s\n", relative(s.samples), s.key(), s.vm.Pod.Name, since(s.applied))
	return nil
}

// awaitPatches waits for the operator's opinion, which the VM did not have to wait for.
func (s *story) awaitPatches(ctx context.Context) error {
	var patches []client.Object
	for _, name := range appliance.Patches() {
		key := client.ObjectKey{Namespace: appliance.Namespace, Name: name}
		patch, err := s.cluster.AwaitReady(ctx, key, metav1.ConditionTrue, v1alpha1.ReasonReady)
		if err != nil {
			return err
		}
		patches = append(patches, patch)
	}
	fmt.Fprintf(s.w, "%d DomainPatches say that they are ready after %s\n", len(patches), since(s.applied))
	return s.saveYAML("patch.yaml", patches...)
}

// saveBundle finds the ConfigMap that the VMI's annotation names by its hash.
func (s *story) saveBundle(ctx context.Context) error {
	hash := s.vm.VMI.GetAnnotations()[v1alpha1.BundleAnnotation]
	if len(hash) < v1alpha1.BundleIDLength {
		return fmt.Errorf("VMI %s: annotation %s is %q", s.key(), v1alpha1.BundleAnnotation, hash)
	}
	var configMap corev1.ConfigMap
	key := client.ObjectKey{Namespace: appliance.Namespace, Name: v1alpha1.BundleConfigMapPrefix + hash[:v1alpha1.BundleIDLength]}
	if err := s.cluster.Get(ctx, key, &configMap); err != nil {
		return err
	}
	bundle := configMap.Data[v1alpha1.BundleKey]
	fmt.Fprintf(s.w, "ConfigMap %s holds the bundle: %d bytes\n", configMap.Name, len(bundle))
	return os.WriteFile(filepath.Join(s.out, "bundle.json"), []byte(bundle), 0o644)
}

// startSidecar starts what the Pod has beside virt-launcher: the shim.
func (s *story) startSidecar(ctx context.Context) (err error) {
	if s.node, err = s.cluster.RunPod(ctx, s.vm); err != nil {
		return err
	}
	fmt.Fprintln(s.w, cmp.Or(s.node.Shortcoming, "shim started as the Pod says, in a container with nothing else in it"))
	return errors.Join(s.saveYAML("vm.yaml", s.vm.VM), s.saveYAML("vmi.yaml", s.vm.VMI), s.saveYAML("pod.yaml", s.vm.Pod))
}

// boot starts the VM, as far as the hooks go.
func (s *story) boot(ctx context.Context) (err error) {
	s.with, err = s.node.Boot(ctx, filepath.Join(s.out, "hooks"))
	if s.with != nil {
		tellCalls(s.w, s.with.Calls)
	}
	return err
}

// bootUnpatched starts it once more, without the sidecar, to compare.
func (s *story) bootUnpatched(ctx context.Context) (err error) {
	s.without, err = s.cluster.BootUnpatched(ctx, s.vm, filepath.Join(s.out, "hooks-unpatched"))
	return err
}

func (s *story) check(context.Context) error { return appliance.Check(s.without, s.with) }

// sum tells in a sentence what has been shown.
func (s *story) sum() string {
	domain := appliance.ChangedLines(s.without.Domain, s.with.Domain)
	network := appliance.ChangedLines([]byte(s.without.CloudInit.NetworkData), []byte(s.with.CloudInit.NetworkData))
	return fmt.Sprintf("VM %s would boot with its %d patches: %d lines of the domain and %d of the cloud-init data differ, as wanted, and no other",
		s.key(), len(appliance.Patches()), len(domain), len(network))
}
