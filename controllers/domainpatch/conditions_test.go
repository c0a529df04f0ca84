// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/patch"
)

// TestVerdict pins every reason, and which one counts where several hold.
func TestVerdict(t *testing.T) {
	installed := func(gates ...string) []kubevirt.KubeVirt {
		k := kubevirt.KubeVirt{ObjectMeta: metav1.ObjectMeta{Namespace: "kv", Name: "kubevirt"}}
		k.Spec.Configuration.DeveloperConfiguration.FeatureGates = gates
		return []kubevirt.KubeVirt{k}
	}
	broken := errors.Join(
		&patch.Error{Patch: "DomainPatch vms/a", Field: "spec.domain[0].path", Err: errors.New("bad path")},
		&patch.Error{Patch: "DomainPatch vms/a", Field: "spec.domain[1].xml", Rule: "r", Err: errors.New("bad xml")})
	const (
		accepted    = "Accepted True Accepted: the patch compiles"
		invalid     = "Accepted False Invalid: spec.domain[0].path: bad path; spec.domain[1].xml (r): bad xml"
		notAccepted = "Ready False NotAccepted: the patch is not accepted: correct what condition Accepted lists"
		ready       = "Ready True Ready: VMs that bind the patch get it when they start"
		effective   = "Effective True Effective: nothing is known that changes or drops the edits"
		unknown     = "Effective Unknown NotAccepted: the patch is not accepted: correct what condition Accepted lists"
	)
	cases := map[string]struct {
		reason string
		facts  facts
		want   []string
	}{
		"Ready":        {"all is well", facts{kubevirts: installed("Snapshot", "Sidecar")}, []string{accepted, ready, effective}},
		"Invalid":      {"the user's error, all of it", facts{err: broken, kubevirts: installed("Sidecar")}, []string{invalid, notAccepted, unknown}},
		"InvalidFirst": {"what the user can change comes first", facts{err: broken, policiesInvalid: []string{"p"}}, []string{invalid, notAccepted, unknown}},
		"GateOff": {"what to do, and where", facts{kubevirts: installed("sidecar")}, []string{accepted,
			"Ready False SidecarGateOff: KubeVirt's feature gate Sidecar is off: add it to spec.configuration.developerConfiguration.featureGates of KubeVirt kv/kubevirt", effective}},
		"NoKubeVirt": {"what to do", facts{}, []string{accepted, "Ready False KubeVirtNotFound: the cluster has no KubeVirt object: install KubeVirt", effective}},
		"PolicyInvalid": {"a few names, and how many more", facts{policiesInvalid: []string{"a", "b", "c", "d", "e"}, kubevirts: installed()}, []string{accepted,
			"Ready False PolicyNotAccepted: DomainPatchPolicy a, b, c and 2 more of the patch's namespace: not accepted, so that no patch of the namespace is applied: ask the cluster's admin to correct it", effective}},
		"Denied": {"the author of the patch is told first", facts{policies: []string{"default"}, denied: denial{always: []string{"spec.domain[0] changes /domain/vcpu"}}}, []string{accepted,
			"Ready False DeniedByPolicy: denied by DomainPatchPolicy default: spec.domain[0] changes /domain/vcpu, which is not among what is allowed: " +
				"ask the cluster's admin for a policy that allows it, or for a ClusterDomainPatch that does it", effective}},
		"MaybeDenied": {"a rule that may be skipped stops no VM by itself", facts{kubevirts: installed("Sidecar"), policies: []string{"a", "b"}, denied: denial{maybe: []string{"spec.domain[0] (r) changes /domain/vcpu"}}}, []string{accepted, ready,
			"Effective False DeniedByPolicy: denied by DomainPatchPolicy a, b: spec.domain[0] (r) changes /domain/vcpu, which is not among what is allowed: " +
				"ask the cluster's admin for a policy that allows it, or for a ClusterDomainPatch that does it"}},
		"Plugins": {"a warning", facts{kubevirts: installed("Sidecar"), plugins: []string{"p"}, lost: []string{"spec.domain[0]", "spec.domain[2] (r)"}}, []string{accepted, ready,
			"Effective False EditsLostToPlugins: the cluster has KubeVirt Plugins (p), with which KubeVirt drops what its own schema does not hold: " +
				"the edits of spec.domain[0], spec.domain[2] (r) are lost, in whole or in part: remove the Plugins, or do it with one"}},
		"PluginsOnly": {"nothing is lost", facts{kubevirts: installed("Sidecar"), plugins: []string{"p"}}, []string{accepted, ready, effective}},
		"LostOnly":    {"no Plugins", facts{kubevirts: installed("Sidecar"), lost: []string{"spec.domain[0]"}}, []string{accepted, ready, effective}},
		"All": {"several at once: one reason, all messages", facts{kubevirts: installed("Sidecar"), plugins: []string{"p"}, lost: []string{"spec.domain[0]"},
			conflicts: []conflict.Conflict{{With: "DomainPatch vms/b", Place: "/domain/title"}, {With: "DomainPatch vms/c", Place: "/domain/vcpu"}}}, []string{accepted, ready,
			"Effective False EditsLostToPlugins: the cluster has KubeVirt Plugins (p), with which KubeVirt drops what its own schema does not hold: " +
				"the edits of spec.domain[0] are lost, in whole or in part: remove the Plugins, or do it with one; " +
				"conflicting with DomainPatch vms/b on /domain/title, conflicting with DomainPatch vms/c on /domain/vcpu: both bind to the same VMs in the same order and write different values there, " +
				"of which the last by name stays: give them different orders, or leave the place to one of them"}},
		"Policy": {"a policy is enforced with or without KubeVirt", facts{isPolicy: true}, []string{"Accepted True Accepted: the policy compiles",
			"Ready True Ready: the DomainPatches of the selected namespaces are held to the policy when VMs start"}},
		"InvalidPolicy": {"the admin's error", facts{isPolicy: true, err: errors.New("bad")}, []string{"Accepted False Invalid: bad",
			"Ready False NotAccepted: the policy is not accepted: correct what condition Accepted lists"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range tc.facts.verdict() {
				got = append(got, fmt.Sprintf("%s %s %s: %s", c.Type, c.Status, c.Reason, c.Message))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("conditions, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestVerdictBounded(t *testing.T) {
	var errs []error
	for i := range 100 {
		errs = append(errs, &patch.Error{Field: fmt.Sprintf("spec.domain[%d]", i), Err: errors.New(strings.Repeat("é", 1000))})
	}
	f := facts{err: errors.Join(errs...)}
	if n := utf8.RuneCountInString(f.verdict()[0].Message); n != 32768 {
		t.Errorf("the message has %d characters, want the 32768 that the API allows", n)
	}
}
