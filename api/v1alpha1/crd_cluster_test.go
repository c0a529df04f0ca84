// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

func testClusterKinds(t *testing.T, c client.Client) {
	allow := func(n int) string {
		return "spec: {allow: [" + strings.TrimSuffix(strings.Repeat("{path: /a},", n), ",") + "]}"
	}
	cases := map[string]struct{ reason, kind, spec, want string }{
		"EmptyPatch": {"an empty patch does nothing", "ClusterDomainPatch", `spec: {}`, ""},
		"WholePatch": {"it has all that a DomainPatch has", "ClusterDomainPatch", `
spec:
  selector: {}
  namespaceSelector: {matchLabels: {team: a}}
  order: 1
  failurePolicy: Ignore
  matchConditions: [{name: c, expression: "true"}]
  variables: [{name: v, expression: "1"}]
  pvc: {name: ovmf, volumePath: /ovmf, sharedComputePath: /var/run/domainpatch/ovmf}
  domain: [{op: set, path: /domain/os/loader, value: /var/run/domainpatch/ovmf/code.fd}]
  cloudInit: [{target: userData, op: remove, path: /a}]`, ""},
		"PatchRules":       {"the rules of DomainPatch hold", "ClusterDomainPatch", rules(33, 32), "a patch holds at most 64 rules"},
		"PatchRule":        {"the rules of its rules hold", "ClusterDomainPatch", `spec: {domain: [{op: set, path: /a}]}`, "op set takes exactly one of"},
		"PatchName":        {"the name is the name of a label", "ClusterDomainPatch", `spec: {}`, "the name must have at most 63 characters"},
		"PatchNoSpec":      {"a patch has a spec", "ClusterDomainPatch", `{}`, "spec: Required value"},
		"PatchUnknown":     {"a misspelt field must not be dropped", "ClusterDomainPatch", `spec: {pvcs: {}}`, `unknown field "spec.pvcs"`},
		"TenantsPVC":       {"a volume is the admin's to give", "DomainPatch", `spec: {pvc: {name: a, volumePath: /a, sharedComputePath: /var/run/domainpatch/a}}`, `unknown field "spec.pvc"`},
		"TenantsNamespace": {"a DomainPatch is of its namespace", "DomainPatch", `spec: {namespaceSelector: {}}`, `unknown field "spec.namespaceSelector"`},
		"EmptyPolicy":      {"an empty policy allows nothing", "DomainPatchPolicy", `spec: {}`, ""},
		"Policy":           {"paths, with or without a reason", "DomainPatchPolicy", `spec: {namespaceSelector: {}, allow: [{path: /domain/clock, reason: in the guest}, {path: /domain/cpu/model}]}`, ""},
		"LargePolicy":      {"256 paths are the limit", "DomainPatchPolicy", allow(256), ""},
		"TooLargePolicy":   {"256 paths are the limit", "DomainPatchPolicy", allow(257), "Too many: 257"},
		"PolicyNoPath":     {"what is allowed is a path", "DomainPatchPolicy", `spec: {allow: [{reason: x}]}`, "spec.allow[0].path: Required value"},
		"PolicyEmptyPath":  {"an empty path selects nothing", "DomainPatchPolicy", `spec: {allow: [{path: ""}]}`, "spec.allow[0].path: Invalid value"},
		"PolicyLongPath":   {"paths are bounded", "DomainPatchPolicy", `spec: {allow: [{path: ` + strings.Repeat("x", 1025) + `}]}`, "Too long"},
		"PolicyLongReason": {"texts are bounded", "DomainPatchPolicy", `spec: {allow: [{path: /a, reason: ` + strings.Repeat("x", 1025) + `}]}`, "Too long"},
		"PolicyUnknown":    {"a misspelt field must not be dropped", "DomainPatchPolicy", `spec: {deny: []}`, `unknown field "spec.deny"`},
		"PolicyName":       {"names are bounded", "DomainPatchPolicy", `spec: {}`, "the name must have at most 63 characters"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := "name"
			if strings.HasSuffix(name, "Name") {
				object = strings.Repeat("n", 64)
			}
			checkCreated(t, createKind(t, c, tc.kind, object, tc.spec), tc.want, tc.reason)
		})
	}
}

func checkCreated(t *testing.T, err error, want, reason string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("\n%s\nCreate(): %v", reason, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("\n%s\nCreate(): %v\nwant an error with: %s", reason, err, want)
	}
}

// testSharedPVC has the API server and Validate judge the same claims: they must agree.
func testSharedPVC(t *testing.T, c client.Client) {
	const compute = "/var/run/domainpatch/a"
	cases := map[string]struct{ reason, name, volumePath, computePath, field string }{
		"Good":             {"an image shared with the compute container", "ovmf-1", "/ovmf", compute + "/b_c.d", ""},
		"SamePath":         {"one path for both", "a", compute, compute, ""},
		"UpperCase":        {"a DNS label", "A", "/a", compute, "name"},
		"Dot":              {"the pod's volume has this name", "a.b", "/a", compute, "name"},
		"EmptyName":        {"a claim has a name", `""`, "/a", compute, "name"},
		"LongName":         {"a DNS label", strings.Repeat("a", 64), "/a", compute, "name"},
		"LongestName":      {"a DNS label", strings.Repeat("a", 63), "/a", compute, ""},
		"RelativeVolume":   {"paths are absolute", "a", "a", compute, "volumePath"},
		"RootVolume":       {"it would cover the sidecar", "a", "/", compute, "volumePath"},
		"VolumeOverBundle": {"it would cover the bundle", "a", "/usr/bin", compute, "volumePath"},
		"VolumeOverUsr":    {"it would cover the bundle", "a", "/usr", compute, "volumePath"},
		"VolumeLikeUsr":    {"another directory", "a", "/usr1", compute, ""},
		"VolumeOverSocket": {"it would cover the socket", "a", "/var/run/kubevirt-hooks", compute, "volumePath"},
		"VolumeUp":         {"no way up", "a", "/a/../usr", compute, "volumePath"},
		"LongVolume":       {"paths are bounded", "a", "/" + strings.Repeat("a", 256), compute, "volumePath"},
		"ElsewhereCompute": {"it would replace what runs there", "a", "/a", "/usr/bin", "sharedComputePath"},
		"RootCompute":      {"the directory is shared by nobody else", "a", "/a", "/var/run/domainpatch", "sharedComputePath"},
		"SlashCompute":     {"the directory is shared by nobody else", "a", "/a", "/var/run/domainpatch/", "sharedComputePath"},
		"SiblingCompute":   {"a prefix is no directory", "a", "/a", "/var/run/domainpatches/a", "sharedComputePath"},
		"ComputeUp":        {"no way up", "a", "/a", "/var/run/domainpatch/../kubevirt", "sharedComputePath"},
		"ComputeUpLast":    {"no way up", "a", "/a", "/var/run/domainpatch/a/..", "sharedComputePath"},
		"ComputeTwice":     {"one spelling of a path", "a", "/a", "/var/run/domainpatch//a", "sharedComputePath"},
		"ComputeNewline":   {"a pattern ends at the end", "a", "/a", `"/var/run/domainpatch/a\n"`, "sharedComputePath"},
		"EmptyCompute":     {"without it nothing is shared", "a", "/a", `""`, "sharedComputePath"},
		"LongCompute":      {"paths are bounded", "a", "/a", compute + strings.Repeat("a", 256), "sharedComputePath"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := createKind(t, c, "ClusterDomainPatch", "pvc",
				fmt.Sprintf("spec: {pvc: {name: %s, volumePath: %s, sharedComputePath: %s}}", tc.name, tc.volumePath, tc.computePath))
			want := ""
			if tc.field != "" {
				want = "spec.pvc." + tc.field + ": "
			}
			checkCreated(t, err, want, "API server: "+tc.reason)
			unquote := strings.NewReplacer(`"`, "", `\n`, "\n").Replace
			err = (&v1alpha1.SharedPVC{Name: unquote(tc.name), VolumePath: unquote(tc.volumePath), SharedComputePath: unquote(tc.computePath)}).Validate()
			if want != "" {
				want = tc.field + ": "
			}
			checkCreated(t, err, want, "Validate: "+tc.reason)
		})
	}
}
