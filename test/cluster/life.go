// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ReportRunning writes, as virt-handler does, that the VM runs and may be migrated.
func (n *Node) ReportRunning(ctx context.Context) error {
	return n.cluster.handle(ctx, client.ObjectKeyFromObject(n.vm.VMI), func(vmi *unstructured.Unstructured) error {
		conditions, _, err := unstructured.NestedSlice(vmi.Object, "status", "conditions")
		// With the fields that KubeVirt's type always has: virt-controller compares before it patches.
		conditions = append(conditions, map[string]any{"type": "LiveMigratable", "status": "True", "lastProbeTime": nil, "lastTransitionTime": nil})
		return errors.Join(err, setRunning(vmi),
			unstructured.SetNestedField(vmi.Object, "none", "status", "selinuxContext"), // the target's Pod is not made without one
			unstructured.SetNestedSlice(vmi.Object, conditions, "status", "conditions"))
	})
}

// End writes that the VM has ended, and removes its Pod, as the node does where the VMI is being deleted.
func (n *Node) End(ctx context.Context) error { return n.cluster.end(ctx, n.pod) }
