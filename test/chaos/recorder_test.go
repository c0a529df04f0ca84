// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// Kinds in a history.
const (
	kindVM           = "VirtualMachine"
	kindVMI          = "VirtualMachineInstance"
	kindPod          = "Pod"
	kindConfigMap    = "ConfigMap"
	kindPatch        = "DomainPatch"
	kindClusterPatch = "ClusterDomainPatch"
)

// instance is what counts of a VMI.
type instance struct{ bundle, sidecars string }

// stateOf gives what counts of an object of each kind: of a VM why it was refused, of a VMI its
// annotations, of a Pod its spec as it was created, of a ConfigMap its bundle, of a patch its spec.
var stateOf = map[string]func(*unstructured.Unstructured) (any, error){
	kindVM: func(o *unstructured.Unstructured) (any, error) { return failure(o), nil },
	kindVMI: func(o *unstructured.Unstructured) (any, error) {
		annotations := o.GetAnnotations()
		return instance{annotations[v1alpha1.BundleAnnotation], annotations[v1alpha1.HookSidecarsAnnotation]}, nil
	},
	kindPod: func(o *unstructured.Unstructured) (any, error) {
		var pod corev1.Pod
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &pod)
		pod.Spec.NodeName, pod.Spec.Tolerations = "", nil
		return pod.Spec, err
	},
	kindConfigMap: func(o *unstructured.Unstructured) (any, error) {
		text, _, err := unstructured.NestedString(o.Object, "data", v1alpha1.BundleKey)
		return text, err
	},
	kindPatch:        specOf,
	kindClusterPatch: specOf,
}

func specOf(o *unstructured.Unstructured) (any, error) {
	var patch v1alpha1.ClusterDomainPatch // a DomainPatch is one without some fields
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &patch)
	return patch.Spec, err
}

// failure is why virt-controller could not create a VM's VMI; empty if it did.
func failure(vm *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(vm.Object, "status", "conditions")
	for _, condition := range conditions {
		if c, ok := condition.(map[string]any); ok && c["type"] == "Failure" && c["status"] == "True" {
			return fmt.Sprint(c["message"])
		}
	}
	return ""
}

func kindOf(name string) schema.GroupVersionKind {
	switch name {
	case kindVM, kindVMI:
		return kubevirt.GroupVersion.WithKind(name)
	case kindPatch, kindClusterPatch:
		return v1alpha1.GroupVersion.WithKind(name)
	}
	return corev1.SchemeGroupVersion.WithKind(name)
}

func newList(kind string) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	gvk := kindOf(kind)
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	return list
}

func newObject(kind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kindOf(kind))
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// record starts to keep the history of all kinds, until ctx ends.
func (h *history) record(ctx context.Context, c client.WithWatch) error {
	for kind := range stateOf {
		list := newList(kind)
		if err := c.List(ctx, list); err != nil {
			return err
		}
		for i := range list.Items {
			if err := h.take(kind, watch.Event{Type: watch.Added, Object: &list.Items[i]}); err != nil {
				return err
			}
		}
		watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), kindWatcher{c, kind})
		if err != nil {
			return err
		}
		go func() {
			for event := range watcher.ResultChan() {
				if err := h.take(kind, event); err != nil {
					h.fail(err)
				}
			}
			if ctx.Err() == nil {
				h.fail(fmt.Errorf("the watch of kind %s has ended", kind))
			}
		}()
	}
	return nil
}

func (h *history) take(kind string, event watch.Event) error {
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok || event.Type == watch.Error {
		return fmt.Errorf("the watch of kind %s: %w", kind, apierrors.FromObject(event.Object))
	}
	if event.Type == watch.Bookmark {
		return nil
	}
	value, err := stateOf[kind](object)
	if err != nil {
		return err
	}
	return h.add(kind, event.Type, object, value)
}

// kindWatcher watches one kind in all namespaces.
type kindWatcher struct {
	client client.WithWatch
	kind   string
}

func (w kindWatcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return w.client.Watch(ctx, newList(w.kind), &client.ListOptions{Raw: &options})
}

// isComplete fails unless the history holds what the API server has now, and nothing was lost.
func (h *history) isComplete(ctx context.Context, c client.Reader) error {
	h.mutex.Lock()
	err := h.err
	h.mutex.Unlock()
	if err != nil {
		return err
	}
	for kind := range stateOf {
		list := newList(kind)
		if err := c.List(ctx, list); err != nil {
			return err
		}
		living := h.living(kind)
		if len(living) != len(list.Items) {
			return fmt.Errorf("%d objects of kind %s are stored, %d are in the history", len(list.Items), kind, len(living))
		}
		for i := range list.Items {
			if !slices.ContainsFunc(living, func(r *record) bool { return r.uid == list.Items[i].GetUID() }) {
				return errors.New("the history lacks " + kind + " " + list.Items[i].GetName())
			}
		}
	}
	return nil
}
