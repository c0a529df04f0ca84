// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group of all kinds of this package.
const Group = "domainpatch.kubevirt.io"

// GroupVersion is the group and version of all kinds of this package.
var GroupVersion = schema.GroupVersion{Group: Group, Version: "v1alpha1"}

// AddToScheme makes the kinds of this package known to a scheme. It never fails;
// the error is what scheme builders expect.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&DomainPatch{}, &DomainPatchList{},
		&ClusterDomainPatch{}, &ClusterDomainPatchList{},
		&DomainPatchPolicy{}, &DomainPatchPolicyList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
