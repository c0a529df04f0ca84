// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Conditions of patches and policies. All are positive: True is the state to wait for. All
// carry the generation that they speak of.
//
// kstatus, and with it Flux and `kubectl wait`, reads Ready and status.observedGeneration:
// an object is Current when Ready is True and speaks of its newest generation, else it is
// InProgress. It ignores the others.
const (
	// ConditionAccepted tells whether the object compiles: every path, expression and
	// fragment in it is well formed and within the limits. Only an accepted patch applies.
	ConditionAccepted = "Accepted"

	// ConditionReady tells whether a VM that is created now and binds the patch gets it, and
	// of a policy, whether it is enforced. What makes it False stops the whole patch.
	ConditionReady = "Ready"

	// ConditionEffective tells whether the edits of a patch that is applied come out as they
	// are written. What makes it False stops no VM and leaves the rest of the patch in force,
	// so Ready does not tell of it. It is Unknown while the patch is not accepted. Policies
	// do not have it.
	ConditionEffective = "Effective"
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
	// ReasonAccepted (True): the object compiles.
	ReasonAccepted = "Accepted"

	// ReasonInvalid (False): the object does not compile, or has a field that this version
	// does not know. The message lists the errors with their field paths. It stays so until
	// the object is changed.
	ReasonInvalid = "Invalid"
)

// Reasons of ConditionReady. The first one that holds is given, in this order.
const (
	// ReasonNotAccepted (False, and Unknown of ConditionEffective): ConditionAccepted is not
	// True. VMs that bind the patch are refused under failurePolicy Fail, and start without it
	// under Ignore. A policy that is not accepted does the same to all DomainPatches of its
	// namespaces.
	ReasonNotAccepted = "NotAccepted"

	// ReasonPolicyNotAccepted (False): a DomainPatchPolicy that selects the patch's namespace
	// is not accepted, so what the patch may change cannot be told. The message names it.
	ReasonPolicyNotAccepted = "PolicyNotAccepted"

	// ReasonDeniedByPolicy (False, also of ConditionEffective): no policy of the patch's
	// namespace can allow what a rule changes. The message names the policies, the rules and
	// the places. The patch fails wherever such a rule changes anything. Of ConditionReady
	// where it runs on every VM that the patch applies to; of ConditionEffective where it may
	// be skipped. A policy may deny more than can be told before a VM starts.
	ReasonDeniedByPolicy = "DeniedByPolicy"

	// ReasonKubeVirtNotFound (False): the cluster has no KubeVirt object.
	ReasonKubeVirtNotFound = "KubeVirtNotFound"

	// ReasonSidecarGateOff (False): KubeVirt's feature gate Sidecar is off, so KubeVirt refuses
	// VMs with hook sidecars. It is turned on in the KubeVirt object, in
	// spec.configuration.developerConfiguration.featureGates.
	ReasonSidecarGateOff = "SidecarGateOff"

	// ReasonReady (True): VMs that bind the patch get it when they start; the policy is enforced.
	ReasonReady = "Ready"
)

// Reasons of ConditionEffective, besides ReasonNotAccepted and ReasonDeniedByPolicy. Where
// several hold, the first one in this order is given, ReasonDeniedByPolicy behind them, and the
// message tells of all.
const (
	// ReasonEditsLostToPlugins (False): the cluster has KubeVirt Plugin objects, with which
	// KubeVirt rebuilds the domain from its own schema. The message names the rules whose
	// edits that schema does not hold: they are lost.
	ReasonEditsLostToPlugins = "EditsLostToPlugins"

	// ReasonConflicting (False): a patch that binds to the same VMs, of the same kind and
	// order, writes something else to the same place, and only their names decide which of
	// the two stays. The message says which patch and which place.
	ReasonConflicting = "Conflicting"

	// ReasonEffective (True): nothing is known that changes or drops the edits.
	ReasonEffective = "Effective"
)
