// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

func (c *chaos) namespace(name string, set labels.Set) {
	c.Helper()
	c.must(c.Create(c.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: set}}))
	c.namespaces[name] = set
}

// newVMI is a small VMI with labels.
func newVMI(namespace, name string, set map[string]string) *unstructured.Unstructured {
	vmi := newObject(kindVMI, namespace, name)
	vmi.SetLabels(set)
	vmi.Object["spec"] = map[string]any{"domain": map[string]any{
		"devices": map[string]any{}, "memory": map[string]any{"guest": "64Mi"}}}
	return vmi
}

// newVM is a VM that wants such a VMI.
func newVM(namespace, name string, set map[string]string) *unstructured.Unstructured {
	template := newVMI("", "", set).Object
	delete(template, "apiVersion")
	delete(template, "kind")
	vm := newObject(kindVM, namespace, name)
	vm.Object["spec"] = map[string]any{"runStrategy": "Always", "template": template}
	return vm
}

// demand is the label that demands a DomainPatch.
func demand(patch string) string { return v1alpha1.DomainPatchReferencePrefix + patch }

// demandCluster is the label that demands a ClusterDomainPatch.
func demandCluster(patch string) string { return v1alpha1.ClusterDomainPatchReferencePrefix + patch }

// spec is that of a patch whose version is the value of its only rule.
func spec(version string, selector map[string]string) v1alpha1.DomainPatchSpec {
	s := v1alpha1.DomainPatchSpec{Domain: []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/description", Value: &version}}}
	if selector != nil {
		s.Selector = &metav1.LabelSelector{MatchLabels: selector}
	}
	return s
}

func newPatch(namespace, name, version string, selector map[string]string) *v1alpha1.DomainPatch {
	return &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec(version, selector)}
}

// newClusterPatch is one for the namespaces with some labels, or for all.
func newClusterPatch(name, version string, selector, namespaces map[string]string) *v1alpha1.ClusterDomainPatch {
	patch := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: name}}
	patch.Spec.DomainPatchSpec = spec(version, selector)
	if namespaces != nil {
		patch.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: namespaces}
	}
	return patch
}

// create creates an object until it is there.
func (c *chaos) create(ctx context.Context, object client.Object) error {
	return c.retry(ctx, fmt.Sprintf("%T %s is created", object, object.GetName()), func(ctx context.Context) error {
		err := c.Create(ctx, object)
		if apierrors.IsAlreadyExists(err) { // the answer to an earlier request was lost
			return c.Get(ctx, client.ObjectKeyFromObject(object), object)
		}
		return err
	})
}

// awaitPods waits until all VMs and VMIs of a namespace have a Pod. nudge is called now and then
// with those VMs that have no VMI yet.
func (c *chaos) awaitPods(namespace string, want int, nudge func(missing []string)) {
	c.Helper()
	what := fmt.Sprintf("%d VMIs of namespace %s have a Pod", want, namespace)
	c.must(c.UntilWithin(c.ctx, patience, what, func(context.Context) error {
		var vmis, pods int
		has := map[string]bool{}
		for _, r := range c.history.living(kindVMI) {
			if r.key.Namespace == namespace {
				vmis++
				has[r.key.Name] = true
			}
		}
		for _, r := range c.history.living(kindPod) {
			if r.key.Namespace == namespace {
				pods++
			}
		}
		if vmis == want && pods == want {
			return nil
		}
		if nudge != nil {
			nudge(c.without(namespace, has))
		}
		return fmt.Errorf("%d VMIs, %d Pods", vmis, pods)
	}))
}

// without are the VMs of a namespace that have no VMI.
func (c *chaos) without(namespace string, has map[string]bool) []string {
	var missing []string
	for _, r := range c.history.living(kindVM) {
		if r.key.Namespace == namespace && !has[r.key.Name] {
			missing = append(missing, r.key.String())
		}
	}
	return missing
}

// bundles are the ConfigMaps of bundles in the history.
func (c *chaos) bundles() []*record {
	return slices.DeleteFunc(c.history.all(kindConfigMap), func(r *record) bool { return !isBundle(r) })
}

func isBundle(r *record) bool { return strings.HasPrefix(r.key.Name, v1alpha1.BundleConfigMapPrefix) }

// deleteAll deletes the VMs and patches of namespaces.
func (c *chaos) deleteAll(namespaces ...string) {
	c.Helper()
	for _, kind := range []string{kindVM, kindVMI, kindPatch} {
		for _, namespace := range namespaces {
			c.must(c.retry(c.ctx, "all of kind "+kind+" are being deleted", func(ctx context.Context) error { // which may take too long for one request
				return c.DeleteAllOf(ctx, newObject(kind, namespace, ""), client.InNamespace(namespace))
			}))
		}
	}
}

// nothingIsLeft waits until what deleteAll deleted is gone, and what came of it, and that it took
// the bundles along. Then it deletes the namespaces, which have to go, too.
func (c *chaos) nothingIsLeft() {
	namespaces := slices.Sorted(maps.Keys(c.namespaces))
	for _, kind := range []string{kindVM, kindVMI, kindPod, kindPatch, kindClusterPatch, kindConfigMap} {
		c.awaitNone(kind)
	}
	for _, namespace := range namespaces {
		c.must(c.Delete(c.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	}
	for _, namespace := range namespaces {
		c.must(c.Until(c.ctx, "namespace "+namespace+" is gone", func(ctx context.Context) error {
			var left corev1.Namespace
			err := c.Get(ctx, client.ObjectKey{Name: namespace}, &left)
			if err == nil {
				return fmt.Errorf("it is %s: %v", left.Status.Phase, left.Status.Conditions)
			}
			return client.IgnoreNotFound(err)
		}))
	}
	c.printf("left after everything was deleted: 0 VMs, VMIs, Pods, patches, bundles and namespaces of %d\n", len(namespaces))
}

// awaitNone waits until no namespace has objects of a kind; of ConfigMaps, bundles alone.
func (c *chaos) awaitNone(kind string) {
	c.Helper()
	c.must(c.UntilWithin(c.ctx, patience, "no "+kind+" is left", func(ctx context.Context) error {
		list := newList(kind)
		if err := c.List(ctx, list); err != nil {
			return err
		}
		left := slices.DeleteFunc(list.Items, func(o unstructured.Unstructured) bool {
			return kind == kindConfigMap && !strings.HasPrefix(o.GetName(), v1alpha1.BundleConfigMapPrefix)
		})
		if len(left) > 0 {
			return fmt.Errorf("%d are left, among them %s/%s", len(left), left[0].GetNamespace(), left[0].GetName())
		}
		return nil
	}))
}
