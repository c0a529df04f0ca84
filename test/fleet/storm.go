// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// attempts is how often the creation of a VMI is tried, as virt-controller would.
const attempts = 5

// sample is the manager when the fleet has reached a size.
type sample struct {
	VMIs  int
	usage usage
}

// storm creates the VMIs that stay, all creators at once, each VMI followed by its status.
func (m *measurement) storm(ctx context.Context) error {
	progress("boot storm: %d clients create %d VMIs in %d namespaces", m.options.creators, len(m.fleet.vmis), len(m.fleet.namespaces))
	samples := make([]sample, steps+1)
	begin, empty, err := m.now()
	if err != nil {
		return err
	}
	samples[0] = sample{usage: empty}
	stop := m.profile.cpu(ctx, "cpu-storm")
	refused, err := m.createAll(ctx, samples)
	if err != nil {
		return err
	}
	end := time.Now()
	s, err := m.awaitCounts(ctx, end, m.fleet.wide(), m.fleet.expected(m.fleet.vmis))
	if err != nil {
		return err
	}
	progress("created in %.0f s; counts right after %s", end.Sub(begin).Seconds(), s)
	if err := errors.Join(stop(), m.quiet(ctx)); err != nil {
		return err
	}
	requests, err := m.requests(begin)
	if err != nil {
		return err
	}
	m.report.add("boot storm", requests)
	m.report.growth(samples, m.audit)
	m.report.Storm = stormReport{Seconds: end.Sub(begin).Seconds(), Failed: refused, Counts: s}
	bundles, err := m.bundles(ctx)
	m.report.storm(requests, bundles)
	return errors.Join(err, m.profile.heap(ctx, "heap-storm"))
}

// createAll creates the VMIs, and takes a sample at each step. It tells how often a creation failed and was tried again.
func (m *measurement) createAll(ctx context.Context, samples []sample) (failed int64, err error) {
	var failures, created, next atomic.Int64
	all := m.fleet.vmis
	group, ctx := errgroup.WithContext(ctx)
	for range m.options.creators {
		group.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				stored, err := m.boot(ctx, all[i], &failures)
				if err != nil {
					return err
				}
				if n := int(created.Add(1)); n%(len(all)/steps) == 0 && n/(len(all)/steps) <= steps {
					if err := m.sample(samples, n, stored); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return failures.Load(), err
}

// boot creates a VMI and writes its status.
func (m *measurement) boot(ctx context.Context, v vmi, failures *atomic.Int64) ([]byte, error) {
	var err error
	for range attempts {
		if _, _, err = m.creator.create(ctx, v); err == nil {
			return m.creator.run(ctx, v)
		}
		if failures.Add(1) == 1 {
			progress("%v", err)
		}
		if err := wait(ctx, time.Second); err != nil { // KubeVirt waits longer
			return nil, err
		}
	}
	return nil, err
}

func (m *measurement) sample(samples []sample, n int, stored []byte) (err error) {
	u, err := m.usage()
	if err != nil {
		return err
	}
	samples[n/(len(m.fleet.vmis)/steps)] = sample{n, u}
	m.report.VMI.Bytes, m.report.VMI.Stored, err = sizeOf(stored)
	progress("%d VMIs: RSS %.0f MiB, peak %.0f MiB, %.0f s of CPU", n, mib(u.RSS), mib(u.Peak), u.CPU.Seconds())
	return err
}

// bundles is what the VMIs of the fleet came to.
type bundles struct {
	// named are the distinct ones that VMIs name, missing those of them that do not exist, left
	// those that exist and that no VMI names, unpatched the VMIs without any that must have one.
	named, missing, left, unpatched int
}

func (m *measurement) bundles(ctx context.Context) (b bundles, err error) {
	exists, err := m.configMaps(ctx)
	if err != nil {
		return b, err
	}
	var vmis metav1.PartialObjectMetadataList
	vmis.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("VirtualMachineInstanceList"))
	if err := m.cluster.List(ctx, &vmis); err != nil {
		return b, err
	}
	if len(vmis.Items) != len(m.fleet.vmis) {
		return b, fmt.Errorf("there are %d VMIs instead of %d", len(vmis.Items), len(m.fleet.vmis))
	}
	named := map[client.ObjectKey]bool{}
	for _, v := range vmis.Items {
		hash := v.Annotations[v1alpha1.BundleAnnotation]
		if len(hash) < v1alpha1.BundleIDLength { // all of them match the patch that is everywhere
			b.unpatched++
			continue
		}
		named[client.ObjectKey{Namespace: v.Namespace, Name: v1alpha1.BundleConfigMapPrefix + hash[:v1alpha1.BundleIDLength]}] = true
	}
	b.named = len(named)
	for key := range named {
		if !exists[key] {
			b.missing++
		}
	}
	b.left = len(exists) - (b.named - b.missing)
	return b, nil
}

func (m *measurement) configMaps(ctx context.Context) (map[client.ObjectKey]bool, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := m.cluster.List(ctx, &list, client.MatchingLabels{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}); err != nil {
		return nil, err
	}
	exists := map[client.ObjectKey]bool{}
	for _, c := range list.Items {
		exists[client.ObjectKeyFromObject(&c)] = true
	}
	return exists, nil
}
