// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The types below are a bundle as far as the tests here write one; the order of the fields is the format's.
// The product's own package cannot be imported: its module requires another Kubernetes.
type (
	bundle struct {
		FormatVersion int          `json:"formatVersion"`
		Patches       []patchRules `json:"patches"`
	}
	patchRules struct {
		Kind          string          `json:"kind"`
		Namespace     string          `json:"namespace"`
		Name          string          `json:"name"`
		FailurePolicy string          `json:"failurePolicy"`
		Domain        []domainRule    `json:"domain,omitempty"`
		CloudInit     []cloudInitRule `json:"cloudInit,omitempty"`
	}
	domainRule struct {
		Name       string `json:"name,omitempty"`
		Op         string `json:"op"`
		Path       string `json:"path,omitempty"`
		Value      string `json:"value,omitempty"`
		Expression string `json:"expression,omitempty"`
		XML        string `json:"xml,omitempty"`
		Expect     string `json:"expect,omitempty"`
		When       string `json:"when,omitempty"`
	}
	cloudInitRule struct {
		Name   string `json:"name,omitempty"`
		Target string `json:"target"`
		Op     string `json:"op"`
		Path   string `json:"path"`
		Value  any    `json:"value,omitempty"`
		When   string `json:"when,omitempty"`
	}
)

// newPatch is a patch with which a VM must not start unpatched.
func newPatch(name string, domain ...domainRule) patchRules {
	return patchRules{Kind: "DomainPatch", Namespace: "vms", Name: name, FailurePolicy: "Fail", Domain: domain}
}

// encodeBundle gives the canonical bytes of a bundle with these patches.
func encodeBundle(t *testing.T, patches ...patchRules) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(bundle{FormatVersion: 1, Patches: patches}); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
