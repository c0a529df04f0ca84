// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Reasons of events on VirtualMachines.
const (
	// EventRendered (Normal): the template was written; the patches apply when the VM starts the next time.
	EventRendered = "DomainPatchesRendered"
	// EventNotRendered (Warning): the patches that bind cannot be rendered. The template is
	// left as it is.
	EventNotRendered = "DomainPatchesNotRendered"
	// EventAnnotationTaken (Warning): another manager owns the annotations. They are left as they are.
	EventAnnotationTaken = v1alpha1.ReasonAnnotationTaken
)

// Reconciler renders into the template of one VirtualMachine at a time.
type Reconciler struct {
	// Client reads from the cache, and writes.
	Client   client.Client
	Bundles  *bundles.Store
	Compiler render.Compiler
	Image    render.Image
	Events   events.EventRecorder

	memory memory
	ask    func(Request) // puts a request into the queue; set by SetupWithManager
}

// renderVM renders what binds a VM, and writes its template if that differs.
func (r *Reconciler) renderVM(ctx context.Context, name types.NamespacedName) error {
	vm := kubevirt.VirtualMachine{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	if err := r.Client.Get(ctx, name, &vm); err != nil {
		if apierrors.IsNotFound(err) {
			r.remember(&vm, trouble{})
		}
		return client.IgnoreNotFound(err)
	}
	namespace, objects, err := r.read(ctx, vm.Namespace)
	if err != nil || vm.DeletionTimestamp != nil || vm.Spec.Template == nil || namespace.Labels[v1alpha1.InjectLabel] == v1alpha1.InjectDisabled {
		return err
	}
	bindings, bundle, err := r.render(ctx, &vm, namespace, objects)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // the user's: a change of what it names comes back here
		r.remember(&vm, trouble{reason: EventNotRendered, text: render.Line(err)})
		return nil
	}
	owned, err := r.write(ctx, &vm, bundle)
	if err != nil {
		return err
	}
	found := trouble{}
	if owned != nil {
		found = trouble{reason: EventAnnotationTaken, text: render.Line(owned)}
		for _, b := range bindings {
			found.taken = append(found.taken, requestFor(b.Patch))
		}
	}
	r.remember(&vm, found)
	return nil
}

// remember keeps what was found, and tells of it if that is new.
func (r *Reconciler) remember(vm *kubevirt.VirtualMachine, found trouble) {
	news, patches := r.memory.set(client.ObjectKeyFromObject(vm), found)
	if news && found.reason != "" {
		r.Events.Eventf(vm, nil, corev1.EventTypeWarning, found.reason, "Render", "%.1000s", found.text)
	}
	for _, patch := range patches {
		r.ask(patch)
	}
}

// render finds out which patches bind the VM and builds their bundle.
func (r *Reconciler) render(ctx context.Context, vm *kubevirt.VirtualMachine, namespace render.Namespace, objects render.Objects) ([]render.Binding, *render.Bundle, error) {
	instance, err := vm.Instance()
	if err != nil {
		return nil, nil, err
	}
	vmi, err := render.ParseVMI(instance)
	if err != nil {
		return nil, nil, err
	}
	bindings, err := render.Bindings(vmi.Labels, namespace, objects.Patches)
	if err != nil {
		return nil, nil, err
	}
	bundle, err := render.Build(ctx, vmi, bindings, render.Policies(namespace, objects.Policies), r.Compiler)
	return bindings, bundle, err
}

// read reads what decides about the VMs of a namespace.
func (r *Reconciler) read(ctx context.Context, name string) (render.Namespace, render.Objects, error) {
	var namespace corev1.Namespace
	if err := r.Client.Get(ctx, client.ObjectKey{Name: name}, &namespace); err != nil {
		return render.Namespace{}, render.Objects{}, err
	}
	objects, err := bundles.Objects(ctx, r.Client, name)
	return render.Namespace{Name: name, Labels: namespace.Labels}, objects, err
}

// write makes the template's annotations those of the bundle. Where they are another
// manager's it leaves them, and says whose they are in the first error.
func (r *Reconciler) write(ctx context.Context, vm *kubevirt.VirtualMachine, bundle *render.Bundle) (owned, err error) {
	if bundle.Verify(vm.Spec.Template.Metadata.Annotations, r.Image) == nil {
		return nil, nil // another tag of our image is no reason to write all templates
	}
	var wanted map[string]string
	if bundle.Applies() {
		if wanted, err = bundle.Annotations(nil, r.Image); err != nil {
			return nil, err
		}
		if err := r.Bundles.Ensure(ctx, bundles.ConfigMap(bundle, vm.Namespace)); err != nil {
			return nil, err
		}
	}
	stored, err := r.apply(ctx, vm, wanted)
	switch {
	case apierrors.IsConflict(err):
		return fmt.Errorf("%w: remove the annotation from where the VM is kept, or let webhooks render", err), nil
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot write the template of VirtualMachine %s/%s: %w", vm.Namespace, vm.Name, err)
	}
	if err := bundle.Verify(stored, r.Image); err != nil {
		return err, nil
	}
	r.Events.Eventf(vm, nil, corev1.EventTypeNormal, EventRendered, "Render", "the template has the patches that bind now: restart the VM to apply what changed")
	return nil, nil
}

// apply makes these annotations of the template ours, those that were ours and are no longer
// wanted go, and returns all that the template has then. An owner of the same annotation with
// another value is a conflict; so is a VM that was deleted and created again.
func (r *Reconciler) apply(ctx context.Context, vm *kubevirt.VirtualMachine, annotations map[string]string) (map[string]string, error) {
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"namespace": vm.Namespace, "name": vm.Name, "uid": string(vm.UID),
	}}}
	object.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("VirtualMachine"))
	if len(annotations) > 0 {
		if err := unstructured.SetNestedStringMap(object.Object, annotations, "spec", "template", "metadata", "annotations"); err != nil {
			return nil, err
		}
	}
	if err := r.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(v1alpha1.FieldOwner)); err != nil {
		return nil, err
	}
	stored, _, err := unstructured.NestedStringMap(object.Object, "spec", "template", "metadata", "annotations")
	return stored, err
}
