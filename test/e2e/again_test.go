// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"errors"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/cluster/appliance"
)

// changedPatchWaitsForRestart goes through the life of a VM whose patch changes: the target of a migration has the
// sidecar that the VM was started with, and a restart takes the patch as it is then.
func (s *scene) changedPatchWaitsForRestart() {
	const namespace = "again"
	s.namespace(namespace)
	patch := s.limit(namespace, "500")
	vm := s.vm(namespace, patch.Name)
	s.must(unstructured.SetNestedField(vm.Object, "Haswell", "spec", "template", "spec", "domain", "cpu", "model")) // the host's model would take labels of the Node
	s.must(s.Apply(s.ctx, vm))
	before, node := s.started(namespace)
	s.mustLimit(node, "500")
	s.must(node.ReportRunning(s.ctx))

	later, old := "700", patch.DeepCopy()
	patch.Spec.Domain[0].Value = &later
	s.must(s.Patch(s.ctx, patch, client.MergeFrom(old))) // its status has changed, too
	_, err := s.AwaitReady(s.ctx, client.ObjectKeyFromObject(patch), metav1.ConditionTrue, v1alpha1.ReasonReady)
	s.must(err)
	target := s.migrationTarget(before)
	if diff := cmp.Diff(container(before.Pod, "hook-sidecar-0"), container(target, "hook-sidecar-0")); diff != "" {
		s.Errorf("the target of a migration has another sidecar (-source +target):\n%s", diff)
	}

	s.must(s.Delete(s.ctx, before.VMI.DeepCopy())) // what virtctl restart comes to
	s.must(client.IgnoreNotFound(s.Delete(s.ctx, target, client.GracePeriodSeconds(0))))
	s.must(node.End(s.ctx))
	s.must(s.Until(s.ctx, "the VM has another VMI", func(ctx context.Context) error {
		vmi := before.VMI.DeepCopy()
		if err := s.Get(ctx, client.ObjectKeyFromObject(vmi), vmi); err != nil {
			return err
		}
		if vmi.GetUID() == before.VMI.GetUID() {
			return errors.New("it has the same")
		}
		return nil
	}))
	_, node = s.started(namespace)
	s.mustLimit(node, later)
}

// limit creates a patch that limits the VM's first disk.
func (s *scene) limit(namespace, iops string) *v1alpha1.DomainPatch {
	s.Helper()
	patch := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "limit"}}
	patch.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/devices/disk[1]/iotune/total_iops_sec", Value: &iops}}
	s.must(s.Create(s.ctx, patch))
	return patch
}

// mustLimit starts the VM and looks for its disk's limit.
func (s *scene) mustLimit(node *cluster.Node, iops string) {
	s.Helper()
	boot, err := node.Boot(s.ctx, s.TempDir())
	s.must(err)
	if want := "<total_iops_sec>" + iops + "</total_iops_sec>"; !strings.Contains(string(boot.Domain), want) {
		s.Fatalf("the domain has no %s:\n%s", want, boot.Domain)
	}
}

// migrationTarget migrates the VM, and waits for virt-controller's Pod for the target.
func (s *scene) migrationTarget(vm *cluster.VM) *corev1.Pod {
	s.Helper()
	s.must(s.Create(s.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: vm.Pod.Spec.NodeName}})) // virt-controller reads its labels
	migration := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"vmiName": vm.VMI.GetName()}}}
	migration.SetAPIVersion("kubevirt.io/v1")
	migration.SetKind("VirtualMachineInstanceMigration")
	migration.SetNamespace(vm.VMI.GetNamespace())
	migration.SetName("away")
	s.must(s.Create(s.ctx, migration))
	var target corev1.Pod
	s.must(s.Until(s.ctx, "the migration has a Pod for its target", func(ctx context.Context) error {
		var pods corev1.PodList
		if err := s.List(ctx, &pods, client.InNamespace(migration.GetNamespace()), client.MatchingLabels{"kubevirt.io/migrationJobUID": string(migration.GetUID())}); err != nil {
			return err
		}
		if len(pods.Items) == 0 {
			return errors.New("it has none")
		}
		target = pods.Items[0]
		return nil
	}))
	return &target
}

// vmiAlone is a VMI that nobody made a VirtualMachine for: it is refused without the patch that it demands, and
// patched with it.
func (s *scene) vmiAlone() {
	const namespace = "alone"
	s.namespace(namespace)
	vmi := &unstructured.Unstructured{}
	template, _, err := unstructured.NestedMap(s.vm(namespace, "limit").Object, "spec", "template")
	s.must(err)
	vmi.Object = template
	vmi.SetAPIVersion("kubevirt.io/v1")
	vmi.SetKind("VirtualMachineInstance")
	vmi.SetNamespace(namespace)
	vmi.SetName(appliance.Name)
	if err := s.Create(s.ctx, vmi.DeepCopy()); err == nil || !strings.Contains(err.Error(), "DomainPatch alone/limit does not exist") {
		s.Fatalf("a VMI that demands a missing patch: got error %v, want one that names it", err)
	}

	s.limit(namespace, "500")
	s.must(s.Create(s.ctx, vmi))
	sidecars, err := v1alpha1.ParseHookSidecars(vmi.GetAnnotations()[v1alpha1.HookSidecarsAnnotation])
	s.must(err)
	if sidecars.Len() != 1 {
		s.Errorf("the VMI has %d sidecars in its annotation, want 1", sidecars.Len())
	}
	_, node := s.started(namespace)
	s.mustLimit(node, "500")
}
