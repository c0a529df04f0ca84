// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package kubevirt

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// PluginGroupVersion is KubeVirt's group and version of Plugin.
var PluginGroupVersion = schema.GroupVersion{Group: "plugin.kubevirt.io", Version: "v1alpha1"}

// Plugin is an extension of KubeVirt's for the whole cluster. Where there is any, KubeVirt
// rebuilds every domain from its own structs behind the hook sidecars, whatever the plugin
// does (kubevirt pkg/virt-launcher/virtwrap/plugins, ApplyDomainHooks): only that it exists
// is read. The API server refuses to create one without KubeVirt's feature gate Plugins, and
// KubeVirt releases before 1.9 have no such kind.
//
// +kubebuilder:object:root=true
type Plugin struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
}

// PluginList is a list of Plugins.
//
// +kubebuilder:object:root=true
type PluginList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Plugin `json:"items"`
}
