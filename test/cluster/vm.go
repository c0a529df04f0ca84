// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// VM is a VirtualMachine with what KubeVirt made of it, each as it is stored. VM is empty for a VMI without one.
type VM struct {
	VM, VMI *unstructured.Unstructured
	Pod     *corev1.Pod
}

// AwaitPod waits until a VirtualMachine, or a VMI without one, has a virt-launcher Pod.
func (c *Cluster) AwaitPod(ctx context.Context, key client.ObjectKey) (*VM, error) {
	vm := &VM{VM: kubeVirtKind("VirtualMachine"), VMI: kubeVirtKind("VirtualMachineInstance")}
	err := c.Until(ctx, fmt.Sprintf("VM %s has a Pod", key), func(ctx context.Context) error {
		if err := c.read(ctx, key, vm); err != nil {
			return fmt.Errorf("%w; VM: %s", err, strings.Join(Messages(vm.VM), "; "))
		}
		var pods corev1.PodList
		label := client.MatchingLabels{"kubevirt.io/created-by": string(vm.VMI.GetUID())}
		if err := c.List(ctx, &pods, client.InNamespace(key.Namespace), label); err != nil {
			return err
		}
		if len(pods.Items) == 0 {
			return fmt.Errorf("it has none; VMI: %s", strings.Join(Messages(vm.VMI), "; "))
		}
		vm.Pod = &pods.Items[0]
		return nil
	})
	return vm, err
}

// read gets a VM and its VMI.
func (c *Cluster) read(ctx context.Context, key client.ObjectKey, vm *VM) error {
	return errors.Join(client.IgnoreNotFound(c.Get(ctx, key, vm.VM)), c.Get(ctx, key, vm.VMI))
}

func kubeVirtKind(kind string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kubevirt.GroupVersion.WithKind(kind))
	return object
}

// Messages are those of an object's conditions.
func Messages(object *unstructured.Unstructured) []string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var messages []string
	for _, condition := range conditions {
		if condition, ok := condition.(map[string]any); ok && condition["message"] != nil {
			messages = append(messages, fmt.Sprint(condition["message"]))
		}
	}
	return messages
}

// AwaitReady waits until a DomainPatch's condition Ready, for what its spec is now, has a
// status and a reason.
func (c *Cluster) AwaitReady(ctx context.Context, key client.ObjectKey, status metav1.ConditionStatus, reason string) (*v1alpha1.DomainPatch, error) {
	patch := &v1alpha1.DomainPatch{}
	what := fmt.Sprintf("DomainPatch %s is Ready=%s (%s)", key, status, reason)
	err := c.Until(ctx, what, func(ctx context.Context) error {
		if err := c.Get(ctx, key, patch); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(patch.Status.Conditions, v1alpha1.ConditionReady)
		if condition == nil || condition.ObservedGeneration != patch.Generation {
			return errors.New("it has no condition yet")
		}
		if condition.Status != status || condition.Reason != reason {
			return fmt.Errorf("it is Ready=%s (%s): %s", condition.Status, condition.Reason, condition.Message)
		}
		return nil
	})
	return patch, err
}
