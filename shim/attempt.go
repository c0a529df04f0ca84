// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"crypto/sha256"
	"regexp"

	"github.com/domainpatch/domainpatch/patch"
)

// attempt is what the shim remembers of KubeVirt's present try to start the VM. KubeVirt calls
// OnDefineDomain one to three times per attempt and tells nobody which call it is. The zero value
// is the state before any call.
type attempt struct {
	cloudInit bool // the latest PreCloudInitIso was answered
	answered  bool // the latest OnDefineDomain was answered, and first and input are its attempt's
	input     [sha256.Size]byte
	first     *patch.Report // what the first call returned
}

// begin classifies an OnDefineDomain call: nil means that it is the first of an attempt, else
// it repeats the call that returned this report. The attempt counts as unanswered until succeed.
func (a *attempt) begin(doc []byte) *patch.Report {
	repeat := a.answered && sha256.Sum256(doc) != a.input && !hasPlaceholders(doc)
	a.answered = false
	if !repeat {
		return nil
	}
	return a.first
}

// succeed records that the call which begin classified was answered.
func (a *attempt) succeed(doc []byte, first, report *patch.Report) {
	a.answered = true
	if first == nil {
		a.input, a.first = sha256.Sum256(doc), report
	}
}

// placeholder is the alias that KubeVirt (AppendPlaceholderInterfacesToTheDomain in
// virtwrap/network/nichotplug.go) gives the interfaces of the first of several calls, and of that
// one alone. Aliases of users start with "ua-", so nothing else carries one; a comment that quotes
// it only makes a repeat a first call, on which the same rules give the same result and are checked
// more strictly.
var placeholder = regexp.MustCompile(`<alias\s+name\s*=\s*["']placeholder-[0-9]+["']`)

func hasPlaceholders(doc []byte) bool { return placeholder.Match(doc) }
