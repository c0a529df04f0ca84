// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package template_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/program"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/template"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// suite is a cluster in which the reconciler runs.
type suite struct {
	*testcluster.Cluster
	events *events.FakeRecorder
}

// TestTemplate asks a real API server, which merges what several managers apply.
func TestTemplate(t *testing.T) {
	s := &suite{Cluster: testcluster.Start(t, testcluster.Options{}), events: events.NewFakeRecorder(100)}
	s.run(t)
	t.Run("Life", func(t *testing.T) { testLife(t, s) })
	t.Run("Taken", func(t *testing.T) { testTaken(t, s) })
	t.Run("Cluster", func(t *testing.T) { testCluster(t, s) })
	t.Run("OutOfReach", func(t *testing.T) { testOutOfReach(t, s) })
}

func (s *suite) run(t *testing.T) {
	t.Helper()
	mgr, err := ctrl.NewManager(s.Env.Config, ctrl.Options{Scheme: testcluster.Scheme(t), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}}) // the tests may run more than once
	if err != nil {
		t.Fatal(err)
	}
	store := &bundles.Store{Reader: mgr.GetAPIReader(), Writer: mgr.GetClient()}
	r := &template.Reconciler{Client: mgr.GetClient(), Bundles: store, Compiler: program.NewCache().Compiler(),
		Image: render.Image{Name: "example/shim:v2"}, Events: s.events}
	if err := r.SetupWithManager(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// testLife follows a VM: a patch binds it, changes, is missing, and is no longer referred to.
func testLife(t *testing.T, s *suite) {
	ns := s.Namespace(t, "life")
	patch := domainPatch(ns, "a", "one")
	vm := virtualMachine(ns, "vm", map[string]any{v1alpha1.DomainPatchReferencePrefix + "a": "true"}, map[string]any{"kept": "as it is"})
	s.Add(t, patch, vm)
	var first map[string]string
	s.until(t, "the template has the patch", func(ctx context.Context) (err error) {
		first, err = s.rendered(ctx, vm)
		return err
	})
	if first["kept"] != "as it is" {
		t.Errorf("annotations %v, want those of others kept", first)
	}
	id := first[v1alpha1.BundleAnnotation][:v1alpha1.BundleIDLength]
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: v1alpha1.BundleConfigMapPrefix + id}, &corev1.ConfigMap{}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(first[v1alpha1.HookSidecarsAnnotation], id) {
		t.Errorf("hook sidecars %s, want bundle %s", first[v1alpha1.HookSidecarsAnnotation], id)
	}

	s.wantUser(t, vm, first[v1alpha1.BundleAnnotation])

	two := "two"
	s.update(t, patch, func() { patch.Spec.Domain[0].Value = &two })
	s.until(t, "the template has the changed patch", func(ctx context.Context) error {
		now, err := s.rendered(ctx, vm)
		if err == nil && now[v1alpha1.BundleAnnotation] == first[v1alpha1.BundleAnnotation] {
			err = errors.New("it has the old one")
		}
		return err
	})
	changed, _ := s.rendered(t.Context(), vm)

	if err := s.Delete(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	s.wantEvent(t, template.EventNotRendered, "DomainPatch life/a does not exist")
	if now, err := s.rendered(t.Context(), vm); err != nil || now[v1alpha1.BundleAnnotation] != changed[v1alpha1.BundleAnnotation] {
		t.Errorf("annotations %v (%v) while a demanded patch is missing, want what was there", now, err)
	}
	s.update(t, vm, func() {
		unstructured.RemoveNestedField(vm.Object, "spec", "template", "metadata", "labels")
	})
	s.until(t, "the template has no annotation of ours", func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(vm), vm); err != nil {
			return err
		}
		if now := annotations(vm); len(now) != 1 || now["kept"] != "as it is" {
			return fmt.Errorf("it has %v", now)
		}
		return nil
	})
}

// testTaken has a VM with hook sidecars of another owner, before and after that owner lets go.
func testTaken(t *testing.T, s *suite) {
	ns := s.Namespace(t, "taken")
	const theirs = `[{"image":"example/other:v1"}]`
	vm := virtualMachine(ns, "vm", map[string]any{"smbios": "acme"}, map[string]any{v1alpha1.HookSidecarsAnnotation: theirs})
	patch := domainPatch(ns, "a", "one")
	patch.Spec.Selector = &metav1.LabelSelector{}
	s.Add(t, vm, patch)
	s.wantEvent(t, template.EventAnnotationTaken, "remove the annotation")
	s.wantRendered(t, patch, metav1.ConditionFalse, v1alpha1.ReasonAnnotationTaken, "taken/vm")
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(vm), vm); err != nil {
		t.Fatal(err)
	}
	if now := annotations(vm); len(now) != 1 || now[v1alpha1.HookSidecarsAnnotation] != theirs {
		t.Errorf("annotations %v, want the other owner's alone", now)
	}
	s.until(t, "the condition is lost", func(ctx context.Context) error {
		patch.Status.Conditions = nil
		return s.Status().Update(ctx, patch)
	})
	s.wantRendered(t, patch, metav1.ConditionFalse, v1alpha1.ReasonAnnotationTaken, "taken/vm")
	s.update(t, vm, func() {
		unstructured.RemoveNestedField(vm.Object, "spec", "template", "metadata", "annotations", v1alpha1.HookSidecarsAnnotation)
	})
	s.until(t, "the template has the patch", func(ctx context.Context) error {
		_, err := s.rendered(ctx, vm)
		return err
	})
	s.wantRendered(t, patch, metav1.ConditionTrue, v1alpha1.ReasonRendered, "")
	s.update(t, vm, func() {
		_ = unstructured.SetNestedField(vm.Object, theirs, "spec", "template", "metadata", "annotations", v1alpha1.HookSidecarsAnnotation)
	})
	s.wantRendered(t, patch, metav1.ConditionFalse, v1alpha1.ReasonAnnotationTaken, "taken/vm")
	if err := s.Delete(t.Context(), vm); err != nil {
		t.Fatal(err)
	}
	s.wantRendered(t, patch, metav1.ConditionTrue, v1alpha1.ReasonRendered, "")
}

// testCluster has a ClusterDomainPatch for namespaces by their labels, which change.
func testCluster(t *testing.T, s *suite) {
	ns := s.Namespace(t, "tenant")
	vm := virtualMachine(ns, "vm", map[string]any{"x": "y"}, nil)
	one := "one"
	patch := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "c"}}
	patch.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	patch.Spec.Selector = &metav1.LabelSelector{}
	patch.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &one}}
	s.Add(t, vm, patch)
	var namespace corev1.Namespace
	if err := s.Get(t.Context(), client.ObjectKey{Name: ns}, &namespace); err != nil {
		t.Fatal(err)
	}
	s.update(t, &namespace, func() { namespace.Labels["tier"] = "gold" })
	s.until(t, "the template has the patch", func(ctx context.Context) error {
		_, err := s.rendered(ctx, vm)
		return err
	})
	version := vm.GetResourceVersion()
	s.update(t, &namespace, func() { namespace.Labels["other"] = "label" })
	marker := virtualMachine(ns, "marker", map[string]any{"x": "y"}, nil)
	s.Add(t, marker)
	s.until(t, "a later VM has the patch", func(ctx context.Context) error {
		_, err := s.rendered(ctx, marker)
		return err
	})
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(vm), vm); err != nil || vm.GetResourceVersion() != version {
		t.Errorf("the VM was written though nothing changed for it (%v)", err)
	}
}

// testOutOfReach has a namespace that the admin took out of reach.
func testOutOfReach(t *testing.T, s *suite) {
	out, in := s.Namespace(t, "out", v1alpha1.InjectLabel, v1alpha1.InjectDisabled), s.Namespace(t, "in")
	var vms []*unstructured.Unstructured
	for _, ns := range []string{out, in} {
		patch := domainPatch(ns, "a", "one")
		patch.Spec.Selector = &metav1.LabelSelector{}
		vm := virtualMachine(ns, "vm", map[string]any{"x": "y"}, nil)
		vms = append(vms, vm)
		s.Add(t, patch, vm)
	}
	s.until(t, "the VM in reach has the patch", func(ctx context.Context) error {
		_, err := s.rendered(ctx, vms[1])
		return err
	})
	if now, err := s.rendered(t.Context(), vms[0]); err == nil {
		t.Errorf("a VM out of reach was rendered: %v", now)
	}
}

// wantUser wants the VM to keep its bundle, started or not.
func (s *suite) wantUser(t *testing.T, vm *unstructured.Unstructured, bundle string) {
	t.Helper()
	users := template.Users{Reader: s.Client}
	key := client.ObjectKeyFromObject(vm)
	cached := users.Object()
	if err := s.Get(t.Context(), key, cached); err != nil || users.Bundle(cached) != bundle {
		t.Errorf("the VM names bundle %q (%v), want %q", users.Bundle(cached), err, bundle)
	}
	var found []string
	err := users.Named(t.Context(), key.Namespace, func(name string) { found = append(found, name) })
	if name := v1alpha1.BundleConfigMapPrefix + bundle[:v1alpha1.BundleIDLength]; err != nil || !slices.Contains(found, name) {
		t.Errorf("the VMs name %v (%v), want %s", found, err, name)
	}
	vmi, err := users.Load(t.Context(), key)
	if err != nil || vmi.Labels[v1alpha1.DomainPatchReferencePrefix+"a"] != "true" || !strings.Contains(string(vmi.JSON), `"VirtualMachineInstance"`) {
		t.Errorf("the instance of the VM is %s (%v)", vmi.JSON, err)
	}
}

// rendered gives a template's annotations, if ours are among them.
func (s *suite) rendered(ctx context.Context, vm *unstructured.Unstructured) (map[string]string, error) {
	if err := s.Get(ctx, client.ObjectKeyFromObject(vm), vm); err != nil {
		return nil, err
	}
	now := annotations(vm)
	if now[v1alpha1.BundleAnnotation] == "" || !strings.Contains(now[v1alpha1.HookSidecarsAnnotation], now[v1alpha1.BundleAnnotation]) {
		return nil, fmt.Errorf("annotations %v", now)
	}
	return now, nil
}

func (s *suite) wantRendered(t *testing.T, patch *v1alpha1.DomainPatch, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	s.until(t, "condition Rendered of "+patch.Name, func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(patch), patch); err != nil {
			return err
		}
		c := meta.FindStatusCondition(patch.Status.Conditions, v1alpha1.ConditionRendered)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, message) {
			return fmt.Errorf("condition %+v, want %s (%s): %s", c, status, reason, message)
		}
		return nil
	})
}

// wantEvent waits for an event, and drops those before it.
func (s *suite) wantEvent(t *testing.T, reason, text string) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case event := <-s.events.Events:
			if strings.Contains(event, reason) && strings.Contains(event, text) {
				return
			}
		case <-timeout:
			t.Fatalf("no event %s with %q", reason, text)
		}
	}
}

// update changes an object as it is stored now.
func (s *suite) update(t *testing.T, object client.Object, change func()) {
	t.Helper()
	s.until(t, "the object is updated", func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change()
		return s.Update(ctx, object)
	})
}

func (s *suite) until(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v", what, last)
	}
}

func annotations(vm *unstructured.Unstructured) map[string]string {
	all, _, _ := unstructured.NestedStringMap(vm.Object, "spec", "template", "metadata", "annotations")
	return all
}

func virtualMachine(namespace, name string, labels, annotations map[string]any) *unstructured.Unstructured {
	metadata := map[string]any{"labels": labels}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec":     map[string]any{"template": map[string]any{"metadata": metadata, "spec": map[string]any{"domain": map[string]any{}}}},
	}}
}

func domainPatch(namespace, name, title string) *v1alpha1.DomainPatch {
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &title}}
	return dp
}
