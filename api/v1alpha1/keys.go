// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels and annotations, and what else names things across programs. The
// controller, the webhooks, the command line tool and users' manifests share
// these; no other file spells them.
//
// Three spaces have to stay apart. On VMIs, every label below the two reference
// prefixes is the name of a patch, whatever the name is: a patch may be called
// "bundle" or "inject". So a VMI carries no label of ours that is not a reference
// (BundleAnnotation is an annotation, InjectLabel is a label of namespaces), and
// the labels of bundle ConfigMaps have a prefix of their own, so that a label that
// is copied from one object to another never turns into a reference.

const (
	// HookSidecarsAnnotation is KubeVirt's annotation of VMIs and VM templates that
	// lists hook sidecars (kubevirt pkg/hooks/hooks.go). See ParseHookSidecars.
	HookSidecarsAnnotation = "hooks.kubevirt.io/hookSidecars"

	// BundleAnnotation is the annotation of VMIs that holds the SHA-256 of the bundle
	// that the VMI was created with, as 64 lower-case hex digits.
	BundleAnnotation = "domainpatch.kubevirt.io/bundle"

	// InjectLabel is the label of namespaces that takes them out of the webhooks' reach
	// when its value is InjectDisabled: the break-glass of the cluster's admin.
	InjectLabel = "domainpatch.kubevirt.io/inject"
	// InjectDisabled is the one value of InjectLabel that means anything.
	InjectDisabled = "disabled"
)

// LintAnnotationPrefix begins the annotations of patches and policies that silence a warning of
// lint for the object: the warning's code follows, and the value is the reason.
const LintAnnotationPrefix = "lint.domainpatch.kubevirt.io/"

// Reference labels, on VM templates and VMIs: a prefix, followed by a patch's name.
const (
	// DomainPatchReferencePrefix begins the label that refers to a DomainPatch of the VMI's namespace.
	DomainPatchReferencePrefix = "domainpatch.kubevirt.io/"
	// ClusterDomainPatchReferencePrefix begins the label that refers to a ClusterDomainPatch.
	ClusterDomainPatchReferencePrefix = "clusterdomainpatch.kubevirt.io/"

	// ReferenceDemanded is the label value of a demand: the VMI is refused while the patch is missing or not accepted.
	ReferenceDemanded = "true"
	// ReferenceOptional is the label value of a reference that applies if the patch is there.
	ReferenceOptional = "optional"
	// ReferenceNone is the label value that means no reference, as if the label were absent.
	ReferenceNone = "false"
)

// Bundle ConfigMaps.
const (
	// BundleConfigMapPrefix begins the name of a bundle's ConfigMap; its bundle ID follows.
	BundleConfigMapPrefix = "domainpatch-"
	// BundleIDLength is the length of a bundle ID: the first hex digits of the SHA-256 of the bundle.
	BundleIDLength = 32
	// BundleKey is the key of the ConfigMap's data, and of the file that the shim reads.
	BundleKey = "bundle.json"

	// BundleIDLabel is the label of bundle ConfigMaps; its value is the bundle ID, since the
	// whole hash is longer than the 63 characters of a label value.
	BundleIDLabel = "bundle.domainpatch.kubevirt.io/id"
	// UnusedSinceAnnotation marks a bundle that nothing names any more: it is deleted some time
	// later. Its value, the time in RFC 3339, is for people to read.
	UnusedSinceAnnotation = "bundle.domainpatch.kubevirt.io/unused-since"
	// ManagedByLabel is Kubernetes' recommended label of that name, on every object that the controller creates.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedByValue is the value of ManagedByLabel.
	ManagedByValue = "domainpatch"
)

// FieldOwner is the name under which the controller owns fields in server-side apply.
const FieldOwner = "domainpatch"
