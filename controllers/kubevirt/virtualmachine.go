// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package kubevirt

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// VirtualMachine is a VM, running or not.
//
// +kubebuilder:object:root=true
type VirtualMachine struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              VirtualMachineSpec `json:"spec"`
}

// VirtualMachineList is a list of VirtualMachines.
//
// +kubebuilder:object:root=true
type VirtualMachineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VirtualMachine `json:"items"`
}

// VirtualMachineSpec is the desired state of a VirtualMachine.
type VirtualMachineSpec struct {
	Template *VirtualMachineInstanceTemplate `json:"template,omitempty"`
}

// VirtualMachineInstanceTemplate is what a VM's VirtualMachineInstances are made from.
type VirtualMachineInstanceTemplate struct {
	Metadata TemplateMeta `json:"metadata,omitempty"`
	// Spec is kept as it is, since conditions of patches may read any of it.
	Spec runtime.RawExtension `json:"spec,omitempty"`
}

// TemplateMeta is the metadata that KubeVirt copies to VirtualMachineInstances.
type TemplateMeta struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Instance is the VirtualMachineInstance that KubeVirt would make of the VM now, as JSON. What
// KubeVirt adds of its own, defaults and the fields of instance types among it, is missing.
func (vm *VirtualMachine) Instance() ([]byte, error) {
	if vm.Spec.Template == nil {
		return nil, fmt.Errorf("VirtualMachine %s/%s has no spec.template", vm.Namespace, vm.Name)
	}
	template := vm.Spec.Template
	return json.Marshal(map[string]any{
		"apiVersion": GroupVersion.String(), "kind": "VirtualMachineInstance",
		"metadata": metav1.ObjectMeta{Namespace: vm.Namespace, Name: vm.Name, Labels: template.Metadata.Labels, Annotations: template.Metadata.Annotations},
		"spec":     template.Spec,
	})
}
