// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Conditions of patches. Both are positive: True is the state to wait for. Both
// carry the generation that they speak of.
const (
	// ConditionAccepted tells whether the patch compiles: every path, expression and
	// fragment in it is well formed and within the limits. Only an accepted patch applies.
	ConditionAccepted = "Accepted"

	// ConditionReady tells whether a VM that is created now and binds the patch gets it.
	ConditionReady = "Ready"
)

// ConditionRendered exists where the operator renders into the templates of VMs instead of into
// their instances (--render-into=template), on patches that bind VMs whose template it cannot
// write. It is True when that is over.
const ConditionRendered = "Rendered"

// Reasons of ConditionRendered.
const (
	// ReasonRendered (True): every template of a VM that binds the patch has it.
	ReasonRendered = "Rendered"

	// ReasonAnnotationTaken (False): VMs that bind the patch have the annotation of hook sidecars
	// from another owner, which is left alone. They start without the patch until it is removed.
	ReasonAnnotationTaken = "AnnotationTaken"
)

// Reasons of ConditionAccepted.
const (
	// ReasonAccepted (True): the patch compiles.
	ReasonAccepted = "Accepted"

	// ReasonInvalid (False): the patch does not compile. The message lists the errors with
	// their field paths. It stays so until the patch is changed.
	ReasonInvalid = "Invalid"
)

// Reasons of ConditionReady.
const (
	// ReasonReady (True): VMs that bind the patch get it when they start.
	ReasonReady = "Ready"

	// ReasonNotAccepted (False): ConditionAccepted is not True. VMs that bind the patch are
	// refused under failurePolicy Fail, and start without it under Ignore.
	ReasonNotAccepted = "NotAccepted"

	// ReasonSidecarGateOff (False): KubeVirt's feature gate Sidecar is off, so KubeVirt refuses
	// VMs with hook sidecars. It is turned on in the KubeVirt object, in
	// spec.configuration.developerConfiguration.featureGates.
	ReasonSidecarGateOff = "SidecarGateOff"

	// ReasonKubeVirtNotFound (False): the cluster has no KubeVirt object.
	ReasonKubeVirtNotFound = "KubeVirtNotFound"
)
