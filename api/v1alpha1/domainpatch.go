// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DomainPatch holds rules that edit the libvirt domain XML and the cloud-init data
// of the VMs of its namespace, just before they start. It applies to the VMs that
// refer to it by label, and to those that its selector matches. A running VM is
// never touched: a change takes effect when the VM starts the next time.
//
// Its name has at most 63 characters, since VMs refer to it by a label of that name.
// What it holds is not secret: bundles are ConfigMaps.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,shortName=dp
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Effective",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Effective")].status`
// +kubebuilder:printcolumn:name="Matched",type=integer,JSONPath=`.status.matched`
// +kubebuilder:printcolumn:name="Current",type=integer,JSONPath=`.status.current`
// +kubebuilder:printcolumn:name="Outdated",type=integer,JSONPath=`.status.outdated`
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name must have at most 63 characters, since VMs refer to it by a label",fieldPath=".metadata"
type DomainPatch struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what to patch, and where. It is required.
	Spec DomainPatchSpec `json:"spec"`
	// status is what the controller found. Before it looked, observedGeneration is -1.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DomainPatchStatus `json:"status,omitzero"`
}

// DomainPatchList is a list of DomainPatches.
//
// +kubebuilder:object:root=true
type DomainPatchList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []DomainPatch `json:"items"`
}

// DomainPatchSpec is what to patch, and where. Domain and cloud-init rules are at
// most 64 together, and their names are unique among both.
//
// The rules run hook by hook, in order; in each hook a patch applies whole or not at all.
//
// +kubebuilder:validation:XValidation:rule="(has(self.domain) ? size(self.domain) : 0) + (has(self.cloudInit) ? size(self.cloudInit) : 0) <= 64",message="a patch holds at most 64 rules, domain and cloudInit rules together"
// +kubebuilder:validation:XValidation:rule="!has(self.domain) || self.domain.all(r, !has(r.name) || self.domain.exists_one(s, has(s.name) && s.name == r.name))",message="rule names must be unique in the patch",fieldPath=".domain"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudInit) || self.cloudInit.all(r, !has(r.name) || self.cloudInit.exists_one(s, has(s.name) && s.name == r.name))",message="rule names must be unique in the patch",fieldPath=".cloudInit"
// +kubebuilder:validation:XValidation:rule="!has(self.domain) || !has(self.cloudInit) || self.cloudInit.all(r, !has(r.name) || !self.domain.exists(s, has(s.name) && s.name == r.name))",message="rule names must be unique in the patch, domain and cloudInit rules together",fieldPath=".cloudInit"
type DomainPatchSpec struct {
	// selector picks, by the labels of the VM template, the VMIs that get this patch
	// without referring to it. An empty selector picks all of the namespace (of a
	// ClusterDomainPatch: of its namespaces); an absent one picks none: the patch then
	// applies by reference only. It binds VMIs that are created after it.
	//
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// order places this patch among the patches of its kind that a VM gets: ascending, and
	// by name where it is equal. Every ClusterDomainPatch runs after all DomainPatches.
	//
	// +optional
	Order int32 `json:"order,omitempty"`

	// failurePolicy says what becomes of a VM when this patch fails. Fail, the default,
	// stops the VM start; Ignore starts the VM without this patch.
	//
	// +optional
	// +kubebuilder:default=Fail
	FailurePolicy FailurePolicy `json:"failurePolicy,omitempty"`

	// matchConditions are CEL conditions on the VMI. Where one of them is false, the
	// patch is skipped for that VM. An error in one counts as a failure of the patch.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	MatchConditions []MatchCondition `json:"matchConditions,omitempty"`

	// variables are CEL values that rules, and variables further down, read as
	// variables.NAME. They are evaluated in order.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Variables []Variable `json:"variables,omitempty"`

	// domain are the edits of the libvirt domain XML, in order.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Domain []DomainRule `json:"domain,omitempty"`

	// cloudInit are the edits of the cloud-init data, in order. With such rules a VM
	// without a cloud-init volume counts as a failure of the patch, unless
	// matchConditions leave that VM out.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	CloudInit []CloudInitRule `json:"cloudInit,omitempty"`
}

// FailurePolicy says what becomes of a VM when a patch fails.
//
// +kubebuilder:validation:Enum=Fail;Ignore
type FailurePolicy string

// Failure policies; the empty one means FailurePolicyFail.
const (
	// FailurePolicyFail stops the VM start, and refuses a VMI that the patch cannot apply to.
	FailurePolicyFail FailurePolicy = "Fail"
	// FailurePolicyIgnore lets the VM start without the patch, with an event that says so.
	FailurePolicyIgnore FailurePolicy = "Ignore"
)

// MatchCondition is a condition on the VMI.
type MatchCondition struct {
	// name identifies the condition in messages: a DNS label, unique among the conditions.
	//
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// expression is CEL that gives a bool. It reads vmi (the VMI without its status) and
	// nothing else. At most 4096 characters.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression"`
}

// Variable is a value that is computed once per VM and hook.
type Variable struct {
	// name is a CEL identifier, unique among the variables, of at most 63 characters.
	//
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z_][a-zA-Z0-9_]*$`
	Name string `json:"name"`

	// expression is CEL that gives the value. It reads vmi and the variables above it.
	// At most 4096 characters.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression"`

	// pattern is a regular expression (RE2) that the whole of the value has to match, which
	// then must be text; a value that does not match is a failure of the patch. At most
	// 1024 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Pattern string `json:"pattern,omitempty"`
}

// DomainPatchStatus is what the controller found. The counts are of VMIs in the
// patch's namespace, or in those that a ClusterDomainPatch selects, and are written at
// most every ten seconds. A VMI that has ended (phase Succeeded or Failed) or is being
// deleted is not counted.
type DomainPatchStatus struct {
	// observedGeneration is the generation of the spec that the status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Accepted (the patch compiles), Ready (VMs that bind it get it) and
	// Effective (its edits come out as they are written).
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// matched counts the VMIs that would bind this patch if they were created now.
	//
	// +optional
	// +kubebuilder:default=0
	Matched int32 `json:"matched"`

	// current counts the matched VMIs that run with the very patches that they would get now.
	//
	// +optional
	// +kubebuilder:default=0
	Current int32 `json:"current"`

	// outdated counts the VMIs that run with other patches than would bind now: matched ones
	// that are not current, be it for another patch than this one, and those that run with
	// this patch although it no longer binds them. They become current when they are
	// restarted. A changed DomainPatchPolicy alone makes no VMI outdated.
	//
	// +optional
	// +kubebuilder:default=0
	Outdated int32 `json:"outdated"`

	// failed counts the VMIs whose start failed in a hook of DomainPatch, for a reason that
	// names this patch or none of theirs, and those whose node cannot pull the image of the
	// hook sidecar. They are counted as current or outdated, too.
	//
	// +optional
	// +kubebuilder:default=0
	Failed int32 `json:"failed"`

	// outdatedVMIs are the VMIs that outdated counts: the first ten, by namespace and name.
	// Restart their VMs; others take their place in the list.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	OutdatedVMIs []VMIReference `json:"outdatedVMIs,omitempty"`

	// failures are the VMIs that failed counts, with the reasons: the first five, by
	// namespace and name.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Failures []VMIFailure `json:"failures,omitempty"`
}

// Limits of the lists in a DomainPatchStatus.
const (
	// MaxOutdatedVMIs is how many VMIs DomainPatchStatus.OutdatedVMIs lists.
	MaxOutdatedVMIs = 10
	// MaxFailures is how many VMIs DomainPatchStatus.Failures lists.
	MaxFailures = 5
	// MaxFailureMessage is how long VMIFailure.Message may be, in characters.
	MaxFailureMessage = 512
)

// VMIReference names a VirtualMachineInstance.
type VMIReference struct {
	// namespace of the VMI.
	//
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`

	// name of the VMI, which is that of its VM, if it has one.
	//
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// VMIFailure is a VirtualMachineInstance that could not be started, and why.
type VMIFailure struct {
	VMIReference `json:",inline"`

	// message is the reason, as it stands in the VMI's condition Synchronized or in an event
	// on the VMI, cut after 512 characters.
	//
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message"`
}
