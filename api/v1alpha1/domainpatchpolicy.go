// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DomainPatchPolicy lists what the DomainPatches of namespaces may change in the domain
// XML. Where any policy selects a namespace, its patches may change what one of these
// policies allows, and nothing else. Where none does, they may change anything.
//
// What a patch made of the document is judged, not how its rules are written. Cloud-init
// rules are not limited, and neither are ClusterDomainPatches. A change takes effect when
// VMs start the next time.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=domainpatchpolicies,singular=domainpatchpolicy,shortName=dpp
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name must have at most 63 characters",fieldPath=".metadata"
type DomainPatchPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what is allowed, and where. It is required.
	Spec DomainPatchPolicySpec `json:"spec"`
	// status is what the controller found. Before it looked, observedGeneration is -1.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DomainPatchPolicyStatus `json:"status,omitzero"`
}

// DomainPatchPolicyList is a list of DomainPatchPolicies.
//
// +kubebuilder:object:root=true
type DomainPatchPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []DomainPatchPolicy `json:"items"`
}

// DomainPatchPolicySpec is what is allowed, and where.
type DomainPatchPolicySpec struct {
	// namespaceSelector picks, by their labels, the namespaces whose DomainPatches this
	// policy limits. An absent or empty one picks every namespace.
	//
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// allow lists what patches may change. An empty list allows nothing.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Allow []AllowedPath `json:"allow,omitempty"`
}

// AllowedPath is a part of the domain that patches may change.
type AllowedPath struct {
	// path is an absolute XPath 1.0 location path in the dialect of domain rules. What it
	// selects may be changed, added and removed: an element with all that is in it, an
	// attribute, or a text. It is evaluated before and after a patch, so its predicates
	// should read what patches cannot change, or what the path itself selects. At most 1024
	// bytes; the API server counts characters, and admission bytes.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`

	// reason tells readers of the policy why the path is allowed. At most 1024 characters.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// DomainPatchPolicyStatus is what the controller found.
type DomainPatchPolicyStatus struct {
	// observedGeneration is the generation of the spec that the status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Accepted (every path compiles) and Ready (it is enforced). While a policy that selects a namespace
	// is not accepted, the namespace's patches are not applied: under failurePolicy Fail
	// the VMI is refused, under Ignore it starts without those that it does not demand.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
