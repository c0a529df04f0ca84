// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Users are the VirtualMachines whose templates name bundles. A stopped VM needs its bundle, too:
// nothing writes the template again when it starts. They implement bundles.Users.
type Users struct {
	// Reader reads from the API server.
	Reader client.Reader
}

// Object implements bundles.Users.
func (Users) Object() client.Object { return &kubevirt.VirtualMachine{} }

// Bundle implements bundles.Users.
func (Users) Bundle(object client.Object) string {
	vm, ok := object.(*kubevirt.VirtualMachine)
	if !ok || vm.Spec.Template == nil {
		return ""
	}
	return vm.Spec.Template.Metadata.Annotations[v1alpha1.BundleAnnotation]
}

// Named implements bundles.Users.
func (u Users) Named(ctx context.Context, namespace string, found func(configMap string)) error {
	list := &kubevirt.VirtualMachineList{}
	return bundles.EachPage(ctx, u.Reader, list, namespace, func() {
		for i := range list.Items {
			if template := list.Items[i].Spec.Template; template != nil {
				bundles.FindNames(template.Metadata.Annotations, found)
			}
		}
	})
}

// Load implements bundles.Users.
func (u Users) Load(ctx context.Context, key client.ObjectKey) (render.VMI, error) {
	var vm kubevirt.VirtualMachine
	if err := u.Reader.Get(ctx, key, &vm); err != nil {
		return render.VMI{}, err
	}
	instance, err := vm.Instance()
	if err != nil {
		return render.VMI{}, err
	}
	return render.ParseVMI(instance)
}
