// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// allElseGoesOn does what owners, admins and KubeVirt do all day.
func (s *scene) allElseGoesOn(t *testing.T) {
	t.Run("VMWithoutAnnotations", func(t *testing.T) { s.vmStarts(t, "later") })
	t.Run("VMWithPatch", s.patchedVMStarts)
	t.Run("TemplateWithoutMetadata", s.templateWithoutMetadata)
	t.Run("VMOfBefore", s.vmOfBefore)
	t.Run("StatusByKubeVirt", func(t *testing.T) { s.statusByKubeVirt(t, "patched") })
	t.Run("BundleRewritten", s.bundleRewritten)
	t.Run("BundleDeleted", s.bundleDeleted)
	t.Run("NamespaceEnds", s.namespaceEnds)
	t.Run("ClusterAdmin", s.clusterAdmin)
}

func (s *scene) vmStarts(t *testing.T, name string) {
	must(t, s.as(t, owner).Create(s.ctx, running(s.vm(name, nil))))
	_, err := s.AwaitPod(s.ctx, s.key(name))
	must(t, err)
}

// patchedVMStarts starts a VM whose VMI gets an entry of ours.
func (s *scene) patchedVMStarts(t *testing.T) {
	vm := running(s.vm("patched-too", nil))
	must(t, unstructured.SetNestedField(vm.Object, "patched", "spec", "template", "metadata", "labels", "vm"))
	must(t, s.as(t, owner).Create(s.ctx, vm))
	started, err := s.AwaitPod(s.ctx, s.key("patched-too"))
	must(t, err)
	if image := started.Pod.Spec.Containers[1].Image; image != shimImage {
		t.Errorf("the second container has image %s, want the shim's", image)
	}
}

// templateWithoutMetadata writes what clients write that do not care for metadata.
func (s *scene) templateWithoutMetadata(t *testing.T) {
	labelled := map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}}
	for name, metadata := range map[string]map[string]any{"none": nil, "empty": {}, "time": {"creationTimestamp": nil}} {
		vm := s.vm("metadata-"+name, nil)
		if metadata == nil {
			unstructured.RemoveNestedField(vm.Object, "spec", "template", "metadata")
		} else {
			must(t, unstructured.SetNestedField(vm.Object, metadata, "spec", "template", "metadata"))
		}
		must(t, s.as(t, owner).Create(s.ctx, vm))
		must(t, merge("VirtualMachine", vm.GetName(), labelled)(s, s.as(t, owner)))
	}
}

// vmOfBefore has a sidecar of others and runs: it may be changed elsewhere, loses the sidecar, and ends.
func (s *scene) vmOfBefore(t *testing.T) {
	vm, u := s.vm("old", nil), s.as(t, owner)
	must(t, merge("VirtualMachine", "old", map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}})(s, u))
	must(t, merge("VirtualMachine", "old", map[string]any{"spec": map[string]any{"template": map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{v1alpha1.HookSidecarsAnnotation: nil}}}}})(s, u))
	must(t, u.Delete(s.ctx, vm))
	must(t, s.Until(s.ctx, "the VM has ended", func(ctx context.Context) error {
		for _, object := range []*unstructured.Unstructured{s.vm("old", nil), s.vmi("old", nil)} {
			if err := s.Get(ctx, s.key("old"), object); !apierrors.IsNotFound(err) {
				return errors.Join(err, errors.New(object.GetKind()+" is still there"))
			}
		}
		return nil
	}))
}

// statusByKubeVirt writes what virt-controller and virt-handler write of a VMI at a migration.
func (s *scene) statusByKubeVirt(t *testing.T, name string) {
	const node = "node-of-the-test"
	must(t, merge("VirtualMachineInstance", name, map[string]any{"status": map[string]any{"nodeName": node,
		"migrationState": map[string]any{"targetNode": "other", "targetPod": "p", "sourceNode": node}}})(s, s.as(t, controller)))
	must(t, merge("VirtualMachineInstance", name, map[string]any{"status": map[string]any{
		"migrationState": map[string]any{"targetNodeDomainReadyTimestamp": "2026-01-01T00:00:00Z"}}})(s, s.onNode(t, node)))
}

// onNode is virt-handler on a node.
func (s *scene) onNode(t *testing.T, node string) *user {
	t.Helper()
	u := s.as(t, handler)
	u.config.Impersonate.Extra = map[string][]string{"authentication.kubernetes.io/node-name": {node}}
	var err error
	u.Client, err = client.New(u.config, client.Options{Scheme: s.Scheme()})
	must(t, err)
	return u
}

// bundleRewritten writes a bundle as it is, as a migration of the storage version does, and without its
// managed fields, as some controllers do.
func (s *scene) bundleRewritten(t *testing.T) {
	bundle, u := s.bundle(), s.as(t, admin)
	must(t, s.Get(s.ctx, client.ObjectKeyFromObject(bundle), bundle))
	must(t, u.Update(s.ctx, bundle.DeepCopy()))
	bundle.ManagedFields = []metav1.ManagedFieldsEntry{{}} // clears them
	must(t, u.Update(s.ctx, bundle))
}

// bundleDeleted lets the namespace's admin delete a bundle in the way that needs the garbage collector,
// who then takes the finalizer away.
func (s *scene) bundleDeleted(t *testing.T) {
	bundle := s.bundle()
	must(t, s.Get(s.ctx, client.ObjectKeyFromObject(bundle), bundle))
	must(t, s.as(t, admin).Delete(s.ctx, bundle, client.PropagationPolicy(metav1.DeletePropagationForeground)))
	must(t, s.Until(s.ctx, "the bundle is gone", func(ctx context.Context) error {
		var left corev1.ConfigMap
		err := s.Get(ctx, client.ObjectKeyFromObject(bundle), &left)
		if apierrors.IsNotFound(err) || err == nil && left.UID != bundle.UID { // the operator restores it, for a VM names it
			return nil
		}
		return errors.Join(err, fmt.Errorf("its finalizers are %q", left.Finalizers))
	}))
}

// clusterAdmin does what is refused to others, but for the writing of bundles.
func (s *scene) clusterAdmin(t *testing.T) {
	u := &user{Client: s.Client, config: s.Config(), warnings: &warnings{}}
	if err := connect("exec")(s, u); err == nil || strings.Contains(err.Error(), "lockdown") {
		t.Errorf("exec: %v, want that there is no kubelet", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.spare()}}
	must(t, u.Patch(s.ctx, namespace, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"domainpatch.kubevirt.io/inject":"disabled"}}}`))))
	vm := s.vm("break-glass", hooks(foreign))
	vm.SetNamespace(s.spare())
	must(t, s.Until(s.ctx, "the namespace is out of reach", func(ctx context.Context) error { return s.as(t, owner).Create(ctx, vm.DeepCopy()) }))
}

// namespaceEnds deletes a namespace with a VM that has a patch. The garbage collector and the
// namespace controller are Kubernetes' own.
func (s *scene) namespaceEnds(t *testing.T) {
	const name = "ends"
	must(t, s.Create(s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	patch, vm := s.patch(), running(s.vm("patched", nil))
	patch.Namespace = name
	vm.SetNamespace(name)
	must(t, s.Create(s.ctx, patch))
	must(t, s.Create(s.ctx, vm))
	_, err := s.AwaitPod(s.ctx, client.ObjectKey{Namespace: name, Name: "patched"})
	must(t, err)
	var bundles corev1.ConfigMapList
	must(t, s.List(s.ctx, &bundles, client.InNamespace(name), client.HasLabels{v1alpha1.BundleIDLabel}))
	if len(bundles.Items) != 1 {
		t.Errorf("%d bundles, want one", len(bundles.Items))
	}
	must(t, s.Delete(s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	must(t, s.Until(s.ctx, "the namespace has ended", func(ctx context.Context) error {
		var namespace corev1.Namespace
		if err := s.Get(ctx, client.ObjectKey{Name: name}, &namespace); !apierrors.IsNotFound(err) {
			return errors.Join(err, fmt.Errorf("it is %+v", namespace.Status))
		}
		return nil
	}))
}

// goesOnWithoutOperator does the same without any replica of the operator, with what must go on then.
func (s *scene) goesOnWithoutOperator(t *testing.T) {
	// The VMI of one that has started long ago: virt-controller gives one up now and then in its first moments, and
	// cannot make another now.
	const name = "later"
	s.server.Close()
	must(t, s.KillManager(0))
	t.Run("VMIChanged", func(t *testing.T) { // between its creation and its pod, say
		change := map[string]any{"metadata": map[string]any{"annotations": hooks(foreign)}}
		if err := merge("VirtualMachineInstance", name, change)(s, s.as(t, owner)); err == nil || !strings.Contains(err.Error(), "update.vmi.domainpatch.kubevirt.io") {
			t.Errorf("error %v, want one of the webhook", err)
		}
	})
	t.Run("StatusByKubeVirt", func(t *testing.T) { s.statusByKubeVirt(t, name) })
	t.Run("TemplateOfOthersKept", func(t *testing.T) {
		must(t, merge("VirtualMachine", "stopped", map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}})(s, s.as(t, owner)))
	})
	t.Run("VMWithoutAnnotations", func(t *testing.T) { must(t, s.as(t, owner).Create(s.ctx, s.vm("while-down", nil))) })
	t.Run("VMWithSidecar", func(t *testing.T) {
		if err := s.as(t, owner).Create(s.ctx, s.vm("sidecar-while-down", hooks(foreign))); err == nil || !strings.Contains(err.Error(), "template.lockdown.domainpatch.kubevirt.io") {
			t.Errorf("error %v, want one of the webhook", err)
		}
	})
}
