// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package kubevirt

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VirtualMachineInstance is a VM that runs, or is about to. What Slim leaves of it in the
// cache is enough for the methods here.
//
// +kubebuilder:object:root=true
type VirtualMachineInstance struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              VirtualMachineInstanceSpec   `json:"spec"`
	Status            VirtualMachineInstanceStatus `json:"status,omitempty"`
}

// VirtualMachineInstanceList is a list of VirtualMachineInstances.
//
// +kubebuilder:object:root=true
type VirtualMachineInstanceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VirtualMachineInstance `json:"items"`
}

// VirtualMachineInstanceSpec is what the VM is to be.
type VirtualMachineInstanceSpec struct {
	Volumes []Volume `json:"volumes,omitempty"`
}

// Volume is a volume of a VM; which kind of volume it is, is known for cloud-init alone.
type Volume struct {
	Name        string   `json:"name"`
	NoCloud     *Present `json:"cloudInitNoCloud,omitempty"`
	ConfigDrive *Present `json:"cloudInitConfigDrive,omitempty"`
}

// Present is an object of which nothing is read but that it is there.
type Present struct{}

// VirtualMachineInstanceStatus is what KubeVirt found.
type VirtualMachineInstanceStatus struct {
	Phase      string      `json:"phase,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
}

// Condition is a condition of a VirtualMachineInstance.
type Condition struct {
	Type    string                 `json:"type"`
	Status  metav1.ConditionStatus `json:"status"`
	Reason  string                 `json:"reason,omitempty"`
	Message string                 `json:"message,omitempty"`
}

// Phases of a VirtualMachineInstance that has ended.
const (
	PhaseSucceeded = "Succeeded"
	PhaseFailed    = "Failed"
)

// ConditionSynchronized is False, with the reason in its message, where a VM could not be
// started. KubeVirt does not replace the message while the condition's reason stays the
// same (pkg/controller/conditions.go, CheckFailure).
const ConditionSynchronized = "Synchronized"

// Reasons of ConditionSynchronized for a container whose image cannot be pulled (pkg/controller/controller.go).
const (
	ReasonErrImagePull     = "ErrImagePull"
	ReasonImagePullBackOff = "ImagePullBackOff"
)

// EventSyncFailed is the reason of the events on a VirtualMachineInstance that say why it
// could not be started, each time anew (pkg/virt-handler/vm.go).
const EventSyncFailed = "SyncFailed"

// HasEnded tells whether the VM has ended, or is being deleted.
func (v *VirtualMachineInstance) HasEnded() bool {
	return v.DeletionTimestamp != nil || v.Status.Phase == PhaseSucceeded || v.Status.Phase == PhaseFailed
}

// HasCloudInit tells whether it has a volume of kind cloudInitNoCloud or cloudInitConfigDrive.
func (v *VirtualMachineInstance) HasCloudInit() bool {
	for _, volume := range v.Spec.Volumes {
		if volume.NoCloud != nil || volume.ConfigDrive != nil {
			return true
		}
	}
	return false
}

// SyncFailure is the condition that says why the VM could not be started; the zero one where
// there is none.
func (v *VirtualMachineInstance) SyncFailure() Condition {
	for _, c := range v.Status.Conditions {
		if c.Type == ConditionSynchronized && c.Status == metav1.ConditionFalse {
			return c
		}
	}
	return Condition{}
}
