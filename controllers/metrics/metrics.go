// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package metrics holds the operator's own metrics, all of them, so that they can be read in
// one place: docs/operations.md repeats them. Their labels have few values, none of which
// names an object. What controller-runtime measures (webhook latency, work queues, requests
// to the API server) is not measured again.
//
// Gauges are set by the leader alone; other replicas do not have them.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The metrics. The values of labels are in the comments.
var (
	// Admissions counts answers of the webhooks. webhook is mutate-vmi, validate-vmi-create,
	// validate-vmi-update, validate-patch, validate-policy or lockdown; result is allowed,
	// refused (what was asked for is wrong) or error (it could not be found out).
	Admissions = counter("domainpatch_admissions_total", "Answers of the webhooks.", "webhook", "result")

	// LeftOut counts VMIs that started without a patch that binds them, under failurePolicy Ignore.
	LeftOut = counter("domainpatch_left_out_total", "VMIs created without a patch that binds them, as its failurePolicy Ignore says.")

	// LockdownViolations counts what lockdown refused, or would refuse. mode is audit or
	// enforce; resource is a resource of KubeVirt's, such as virtualmachines.
	LockdownViolations = counter("domainpatch_lockdown_violations_total", "Requests that lockdown refuses, or in mode audit would refuse.", "mode", "resource")

	// BundleWrites counts writes of bundles' ConfigMaps. operation is create, replace, mark,
	// unmark, sweep or restore.
	BundleWrites = counter("domainpatch_bundle_writes_total", "Writes of ConfigMaps that hold bundles.", "operation")

	// StatusWrites counts writes of the status of patches and policies. kind is the object's.
	StatusWrites = counter("domainpatch_status_writes_total", "Writes of the status of patches and policies.", "kind")

	// Bundles is the number of bundles. state is used (a VMI names it), unused (it waits to be
	// swept) or lost (a VMI names it and it does not exist).
	Bundles = gauge("domainpatch_bundles", "Bundles that VMIs name, that none names, and that are missing.", "state")

	// Patches is the number of patches. kind is DomainPatch or ClusterDomainPatch; ready is
	// the status of condition Ready.
	Patches = gauge("domainpatch_patches", "Patches by the status of their condition Ready.", "kind", "ready")

	// VMIs is the number of VMIs that patches match. state is current, outdated or failed; a
	// failed one is counted as current or outdated, too.
	VMIs = gauge("domainpatch_vmis", "VMIs that patches match, by how they fare with them.", "state")

	// Plugins is the number of KubeVirt's Plugin objects, which make KubeVirt drop edits outside of its own schema.
	Plugins = gauge("domainpatch_kubevirt_plugins", "KubeVirt Plugin objects, which make KubeVirt drop edits outside of its schema.")
)

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	metrics.Registry.MustRegister(c)
	return c
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	metrics.Registry.MustRegister(g)
	return g
}
