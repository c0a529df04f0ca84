// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestAbsent pins which annotations and labels a VMI is told to lack.
func TestAbsent(t *testing.T) {
	const vmi = `{"metadata":{"name":"web","labels":{"tier":"web"},"annotations":{"there":"7"}},"spec":{}}`
	variable := func(expression string) bundle.Patch {
		return bundle.Patch{Variables: []bundle.Variable{{Name: "v", Expression: expression}}}
	}
	setting := func(when, expression string) bundle.Patch {
		return bundle.Patch{Domain: []bundle.DomainRule{{Op: bundle.OpSet, Path: "/domain/title", When: when, Expression: expression}}}
	}
	parsed, err := patch.ParseVMI([]byte(vmi))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long.", 50) + "example/key"
	cases := map[string]struct {
		reason string
		patch  bundle.Patch
		want   *patch.Absent
	}{
		"Annotation":   {"in brackets", variable("vmi.metadata.annotations['acme/a']"), &patch.Absent{Field: "spec.variables[0].expression", Of: "annotation", Key: "acme/a"}},
		"Label":        {"as a field", variable("'x' + vmi.metadata.labels.rack"), &patch.Absent{Field: "spec.variables[0].expression", Of: "label", Key: "rack"}},
		"Long":         {"longer than what messages quote", variable("vmi.metadata.annotations['" + long + "']"), &patch.Absent{Field: "spec.variables[0].expression", Of: "annotation", Key: long}},
		"OtherMap":     {"the label of that name is another one", variable("vmi.metadata.annotations.tier"), &patch.Absent{Field: "spec.variables[0].expression", Of: "annotation", Key: "tier"}},
		"There":        {"it is there", variable("vmi.metadata.annotations.there"), nil},
		"Guarded":      {"by in", variable("'a' in vmi.metadata.annotations ? vmi.metadata.annotations['a'] : ''"), nil},
		"Optional":     {"by an optional", variable("vmi.metadata.annotations[?'a'].orValue('')"), nil},
		"NoAnnotation": {"fields of the spec come by KubeVirt's defaults", variable("vmi.spec.domain.cpu.cores"), nil},
		"OtherFailure": {"it is no number, which is not told here", variable("int(vmi.metadata.labels.tier)"), nil},
		"Condition": {"the VM does not start", bundle.Patch{MatchConditions: []bundle.MatchCondition{{Name: "c", Expression: "vmi.metadata.annotations.a == 'x'"}}},
			&patch.Absent{Field: "spec.matchConditions[0].expression", Of: "annotation", Key: "a"}},
		"Unmet": {"the patch is left out", bundle.Patch{MatchConditions: []bundle.MatchCondition{{Name: "c", Expression: "'a' in vmi.metadata.annotations"}},
			Variables: []bundle.Variable{{Name: "v", Expression: "vmi.metadata.annotations['a']"}}}, nil},
		"Rule":      {"its value", setting("", "vmi.metadata.annotations.a"), &patch.Absent{Field: "spec.domain[0].expression", Of: "annotation", Key: "a"}},
		"When":      {"its condition", setting("vmi.metadata.annotations.a == 'x'", "'x'"), &patch.Absent{Field: "spec.domain[0].when", Of: "annotation", Key: "a"}},
		"WhenFalse": {"the rule is left out", setting("'a' in vmi.metadata.annotations", "vmi.metadata.annotations.a"), nil},
		"Document":  {"nobody knows the domain", setting("xpath('/domain/name')[0] == 'a'", "vmi.metadata.annotations.a"), nil},
		"Unknown": {"the condition of a rule depends on the domain, that of the next one does not", bundle.Patch{Domain: []bundle.DomainRule{
			{Op: bundle.OpSet, Path: "/domain/title", When: "xpath('/domain/name')[0] == 'a'", Expression: "'x'"},
			setting("", "vmi.metadata.labels.a").Domain[0],
		}}, &patch.Absent{Field: "spec.domain[1].expression", Of: "label", Key: "a"}},
		"Both": {"with the first one there, the next one of the expression is told of", variable("vmi.metadata.labels.a + vmi.metadata.labels.b"),
			&patch.Absent{Field: "spec.variables[0].expression", Of: "label", Key: "a"}},
		"Namesakes": {"the next expression lacks the label of that name", bundle.Patch{Variables: []bundle.Variable{
			{Name: "v", Expression: "vmi.metadata.annotations.a"}, {Name: "w", Expression: "vmi.metadata.labels.a"}}},
			&patch.Absent{Field: "spec.variables[0].expression", Of: "annotation", Key: "a"}},
		"NoElement": {"nobody knows whether the domain has it", setting("size(xpath('/domain/title')) == 0", "vmi.metadata.annotations.a"), nil},
		"Fallback":  {"the domain may have it", setting("", "xpath('/domain/title').exists(t, t == 'a') ? 'x' : vmi.metadata.annotations.a"), nil},
		"CloudInit": {"of cloud-init, too", bundle.Patch{CloudInit: []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/a", Expression: "vmi.metadata.labels.a"}}},
			&patch.Absent{Field: "spec.cloudInit[0].expression", Of: "label", Key: "a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.patch.Kind, tc.patch.Name, tc.patch.FailurePolicy = bundle.KindClusterDomainPatch, "p", bundle.Fail
			if len(tc.patch.Domain)+len(tc.patch.CloudInit) == 0 {
				tc.patch.Domain = setting("", "'x'").Domain
			}
			program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{tc.patch}})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second call finds the VMI as it was
				if diff := cmp.Diff(tc.want, program.Absent(t.Context(), parsed)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
				}
			}
		})
	}
}
