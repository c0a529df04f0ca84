// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package metrics holds the operator's own metrics, all of them, so that they can be read in
// one place: docs/operations.md repeats them. Their labels have few values, none of which
// names an object. What controller-runtime measures (webhook latency, work queues, requests
// to the API server) is not measured again.
//
// Gauges are set by the leader alone; other replicas do not have them. The one of the
// certificate is an exception: every replica serves the webhooks. Counters start at 0 for all
// values of their labels, so that the first count is an increase, too.
package metrics

// The metrics.
var (
	// Admissions counts answers of the webhooks. A request is refused where what was asked for
	// is wrong, and an error where that could not be found out.
	Admissions = counter("domainpatch_admissions_total", "Answers of the webhooks.",
		label{"webhook", []string{"mutate-vmi", "validate-vmi-create", "validate-vmi-update", "validate-patch", "validate-policy", "lockdown"}},
		label{"result", []string{"allowed", "refused", "error"}})

	// LeftOut counts VMIs that started without a patch that binds them, under failurePolicy Ignore.
	LeftOut = counter("domainpatch_left_out_total", "VMIs created without a patch that binds them, as its failurePolicy Ignore says.")

	// LockdownViolations counts what lockdown refused, or would refuse. The resources are KubeVirt's.
	LockdownViolations = counter("domainpatch_lockdown_violations_total", "Requests that lockdown refuses, or in mode audit would refuse.",
		label{"mode", []string{"audit", "enforce"}},
		label{"resource", []string{"virtualmachines", "virtualmachineinstances", "virtualmachineinstancereplicasets", "virtualmachinepools",
			"virtualmachineinstancetypes", "virtualmachineclusterinstancetypes", "virtualmachinepreferences", "virtualmachineclusterpreferences"}})

	// BundleWrites counts writes of bundles' ConfigMaps.
	BundleWrites = counter("domainpatch_bundle_writes_total", "Writes of ConfigMaps that hold bundles.",
		label{"operation", []string{"create", "replace", "mark", "unmark", "sweep", "restore"}})

	// StatusWrites counts writes of the status of patches and policies, by their kinds.
	StatusWrites = counter("domainpatch_status_writes_total", "Writes of the status of patches and policies.",
		label{"kind", []string{"DomainPatch", "ClusterDomainPatch", "DomainPatchPolicy"}})

	// Bundles is the number of bundles. A VMI names a used one, an unused one waits to be
	// swept, and a lost one is named by a VMI and does not exist.
	Bundles = gauge("domainpatch_bundles", "Bundles that VMIs name, that none names, and that are missing.",
		label{"state", []string{"used", "unused", "lost"}})

	// Patches is the number of patches by the status of their condition Ready.
	Patches = gauge("domainpatch_patches", "Patches by the status of their condition Ready.",
		label{"kind", []string{"DomainPatch", "ClusterDomainPatch"}},
		label{"ready", []string{"True", "False"}})

	// VMIs is the number of VMIs that patches match. A failed one is counted as current or outdated, too.
	VMIs = gauge("domainpatch_vmis", "VMIs that patches match, by how they fare with them.",
		label{"state", []string{"current", "outdated", "failed"}})

	// Plugins is the number of KubeVirt's Plugin objects, which make KubeVirt drop edits outside of its own schema.
	Plugins = gauge("domainpatch_kubevirt_plugins", "KubeVirt Plugin objects, which make KubeVirt drop edits outside of its schema.")

	certificateExpiry = describe("domainpatch_certificate_expiry_timestamp_seconds", "When the certificate of the webhooks expires, in seconds since 1970.", "gauge")
)
