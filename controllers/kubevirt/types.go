// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package kubevirt is the small part of KubeVirt's API (kubevirt.io/v1, kubevirt's
// staging/src/kubevirt.io/api/core/v1) that the controllers read. The rest of an object
// is dropped when it is decoded or cached (Slim), which keeps caches small, so these types are for
// reading only: an object written from them would lose what they lack.
//
// +kubebuilder:object:generate=true
package kubevirt

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is KubeVirt's group and version of the kinds of this package.
var GroupVersion = schema.GroupVersion{Group: "kubevirt.io", Version: "v1"}

// AddToScheme makes the kinds of this package known to a scheme. It never fails; the
// error is what scheme builders expect.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &KubeVirt{}, &KubeVirtList{}, &VirtualMachineInstance{}, &VirtualMachineInstanceList{},
		&VirtualMachine{}, &VirtualMachineList{})
	s.AddKnownTypes(PluginGroupVersion, &Plugin{}, &PluginList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	metav1.AddToGroupVersion(s, PluginGroupVersion)
	return nil
}

// KubeVirt is the object that configures a KubeVirt installation. There is one.
//
// +kubebuilder:object:root=true
type KubeVirt struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              KubeVirtSpec `json:"spec"`
}

// KubeVirtList is a list of KubeVirts.
//
// +kubebuilder:object:root=true
type KubeVirtList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KubeVirt `json:"items"`
}

// KubeVirtSpec is the desired state of a KubeVirt.
type KubeVirtSpec struct {
	Configuration Configuration `json:"configuration,omitempty"`
}

// Configuration is KubeVirt's configuration.
type Configuration struct {
	DeveloperConfiguration DeveloperConfiguration `json:"developerConfiguration,omitempty"`
}

// DeveloperConfiguration holds the feature gates.
type DeveloperConfiguration struct {
	FeatureGates []string `json:"featureGates,omitempty"`
}

// SidecarGate is the feature gate without which KubeVirt refuses VMs with hook sidecars.
const SidecarGate = "Sidecar"

// HasSidecarGate tells whether SidecarGate is on. It is an alpha gate: off unless it is
// listed (kubevirt pkg/virt-config/featuregate).
func (k *KubeVirt) HasSidecarGate() bool {
	return slices.Contains(k.Spec.Configuration.DeveloperConfiguration.FeatureGates, SidecarGate)
}
