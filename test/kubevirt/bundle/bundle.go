// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package bundle writes bundles as far as the tests and the benchmark of this module need them. The product's own
// package cannot be imported: its module requires another Kubernetes.
package bundle

import (
	"bytes"
	"encoding/json"
)

// The order of the fields is the format's (patch/bundle), their meaning is docs/rules.md's.
type (
	// Patch is one patch of a bundle.
	Patch struct {
		Kind          string          `json:"kind"`
		Namespace     string          `json:"namespace"`
		Name          string          `json:"name"`
		FailurePolicy string          `json:"failurePolicy"`
		Domain        []DomainRule    `json:"domain,omitempty"`
		CloudInit     []CloudInitRule `json:"cloudInit,omitempty"`
	}
	// DomainRule is a rule for the domain.
	DomainRule struct {
		Name       string `json:"name,omitempty"`
		Op         string `json:"op"`
		Path       string `json:"path,omitempty"`
		Value      string `json:"value,omitempty"`
		Expression string `json:"expression,omitempty"`
		XML        string `json:"xml,omitempty"`
		Expect     string `json:"expect,omitempty"`
		When       string `json:"when,omitempty"`
	}
	// CloudInitRule is a rule for the cloud-init data.
	CloudInitRule struct {
		Name   string `json:"name,omitempty"`
		Target string `json:"target"`
		Op     string `json:"op"`
		Path   string `json:"path"`
		Value  any    `json:"value,omitempty"`
		When   string `json:"when,omitempty"`
	}
)

// NewPatch makes a DomainPatch of the namespace vms, without which no VM starts.
func NewPatch(name string, domain ...DomainRule) Patch {
	return Patch{Kind: "DomainPatch", Namespace: "vms", Name: name, FailurePolicy: "Fail", Domain: domain}
}

// Encode gives the canonical bytes of a bundle with these patches.
func Encode(patches ...Patch) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		FormatVersion int     `json:"formatVersion"`
		Patches       []Patch `json:"patches"`
	}{1, patches})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
