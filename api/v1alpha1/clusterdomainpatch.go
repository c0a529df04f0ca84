// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterDomainPatch is a DomainPatch of the cluster's admin: it applies to VMs of any
// namespace, or of those that it selects, runs after all DomainPatches, so that nobody can
// undo it, and no DomainPatchPolicy limits it.
//
// Its name has at most 63 characters, since VMs refer to it by a label of that name.
// What it holds is not secret: bundles are ConfigMaps.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=cdp
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
type ClusterDomainPatch struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what to patch, and where. It is required.
	Spec ClusterDomainPatchSpec `json:"spec"`
	// status is what the controller found. Before it looked, observedGeneration is -1.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DomainPatchStatus `json:"status,omitzero"`
}

// ClusterDomainPatchList is a list of ClusterDomainPatches.
//
// +kubebuilder:object:root=true
type ClusterDomainPatchList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ClusterDomainPatch `json:"items"`
}

// ClusterDomainPatchSpec is what to patch, and where: all that a DomainPatch has, the
// namespaces, and a volume for the VM's pod. Domain and cloud-init rules are at most 64
// together, and their names are unique among both.
//
// The rules run hook by hook, in order; in each hook a patch applies whole or not at all.
type ClusterDomainPatchSpec struct {
	DomainPatchSpec `json:",inline"`

	// namespaceSelector picks, by their labels, the namespaces whose VMIs may get this
	// patch, by selector or by reference. An absent or empty one picks every namespace.
	//
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// pvc is a volume that the VM's pod gets with this patch, for a file that the patched
	// domain names, such as a firmware image. The pod gets it where the patch binds, whatever
	// matchConditions say: they are evaluated later. A VM gets at most one: where a second
	// patch with a pvc binds, the VMI is refused.
	//
	// +optional
	PVC *SharedPVC `json:"pvc,omitempty"`
}

// SharedPVC is a PersistentVolumeClaim of the VM's namespace, mounted in the hook sidecar
// and in the compute container. Who owns the claim owns its content.
type SharedPVC struct {
	// name is the name of the claim, a DNS label. The pod's volume has this name, too: where
	// a volume of the VM or another hook sidecar uses it, the VMI is refused.
	//
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// volumePath is where KubeVirt mounts the volume in the hook sidecar, which does not read
	// it: an absolute path outside the directories that the sidecar needs. At most 256
	// characters.
	//
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/var/run/domainpatch/') || !self.matches('^/(bin|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var)(/|$)')",message="the sidecar needs that directory: use a path such as /var/run/domainpatch/NAME"
	VolumePath string `json:"volumePath"`

	// sharedComputePath is where the volume is mounted in the compute container, for the
	// domain to name files in it: a path under /var/run/domainpatch/. Elsewhere it would
	// replace what that container runs. At most 256 characters.
	//
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^/var/run/domainpatch(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`
	SharedComputePath string `json:"sharedComputePath"`
}

// What the markers on SharedPVC say, for objects from files, which no API server checks.
const (
	maxPVCName        = 63
	maxPVCPath        = 256
	sharedComputeRoot = "/var/run/domainpatch/"
)

var (
	pvcName       = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	pvcPath       = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`)
	pvcSystemPath = regexp.MustCompile(`^/(bin|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var)(/|$)`)
)

// Validate checks the rules that the API server checks through the CRD. All errors come
// at once, each with its field.
func (v *SharedPVC) Validate() error {
	var errs []error
	require := func(ok bool, field, rule string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", field, rule))
		}
	}
	isPath := func(path string) bool { return len(path) <= maxPVCPath && pvcPath.MatchString(path) }
	const plain = "is no absolute path of plain names: letters, digits, - _ and ., no name begins with a ., at most 256 characters"
	require(len(v.Name) <= maxPVCName && pvcName.MatchString(v.Name), "name",
		fmt.Sprintf("%q is not a DNS label: lower-case letters, digits and -, at most 63", v.Name))
	require(isPath(v.VolumePath), "volumePath", fmt.Sprintf("%q %s", v.VolumePath, plain))
	require(strings.HasPrefix(v.VolumePath, sharedComputeRoot) || !pvcSystemPath.MatchString(v.VolumePath), "volumePath",
		fmt.Sprintf("%q: the sidecar needs that directory: use a path such as /var/run/domainpatch/NAME", v.VolumePath))
	require(isPath(v.SharedComputePath), "sharedComputePath", fmt.Sprintf("%q %s", v.SharedComputePath, plain))
	require(strings.HasPrefix(v.SharedComputePath, sharedComputeRoot), "sharedComputePath",
		fmt.Sprintf("%q is not under %s: elsewhere it would replace what the compute container runs", v.SharedComputePath, sharedComputeRoot))
	return errors.Join(errs...)
}
