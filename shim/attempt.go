// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import "github.com/domainpatch/domainpatch/patch"

// attempt is what the shim remembers of KubeVirt's present try to start the VM. KubeVirt calls
// OnDefineDomain one to three times per attempt and tells nobody which call it is. The zero value
// is the state before any call.
type attempt struct {
	cloudInit bool // the latest PreCloudInitIso was answered
	answered  bool // the latest OnDefineDomain was answered, and opened and first are its attempt's
	opened    fingerprint
	first     *patch.Report // what the first call returned
}

// fingerprint stands for the bytes that a call brought. Equal bytes have equal fingerprints; that
// others have the same is as likely as to guess a number of 64 bits.
type fingerprint struct{ domain, vmi uint64 }

// begin classifies an OnDefineDomain call: nil means that it is the first of an attempt, else
// it repeats the call that returned this report. The attempt counts as unanswered until succeed.
//
// A repeat must never be taken for a first call: it could fail for an expectation when KubeVirt
// has defined the VM already, which then starts as the call before left it. The other mistake costs
// expectations alone. So only what is certain makes a first call:
//
//   - No answer before it, or none to the call before it: KubeVirt starts over.
//   - Another VMI. All calls of an attempt carry one and the same object, which KubeVirt does not change
//     between them (SyncVMI and allocateHotplugPorts in virtwrap/manager.go; read in releases from v1.0 to v1.9). What
//     virt-handler sends for a retry has another resourceVersion as soon as anything about the VMI is new,
//     the failure itself for one.
//   - The domain that the attempt began with: the same input has the same result.
//   - Placeholder interfaces, see patch.HasPlaceholders.
//
// What stays open is a retry with the same VMI and yet another domain, as by an earlier sidecar that
// writes the time into it: a repeat to us. An <address> below <devices> would not tell it from one.
// KubeVirt writes some itself (SCSI disks, pciAddress, devices on the root complex), and
// where a VM gets root ports but no placeholders, libvirt is not asked for addresses between the calls, so that
// the second has none either (four NICs are such a VM).
func (a *attempt) begin(doc []byte, got fingerprint) *patch.Report {
	repeat := a.answered && got.vmi == a.opened.vmi && got.domain != a.opened.domain && !patch.HasPlaceholders(doc)
	a.answered = false
	if !repeat {
		return nil
	}
	return a.first
}

// succeed records that the call which begin classified was answered.
func (a *attempt) succeed(got fingerprint, first, report *patch.Report) {
	a.answered = true
	if first == nil {
		a.opened, a.first = got, report
	}
}
