// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/patch"
)

func TestConditions(t *testing.T) {
	installed := func(gates ...string) []kubevirt.KubeVirt {
		k := kubevirt.KubeVirt{ObjectMeta: metav1.ObjectMeta{Namespace: "kv", Name: "kubevirt"}}
		k.Spec.Configuration.DeveloperConfiguration.FeatureGates = gates
		return []kubevirt.KubeVirt{k}
	}
	broken := errors.Join(
		&patch.Error{Patch: "DomainPatch vms/a", Field: "spec.domain[0].path", Err: errors.New("bad path")},
		&patch.Error{Patch: "DomainPatch vms/a", Field: "spec.domain[1].xml", Rule: "r", Err: errors.New("bad xml")})
	cases := map[string]struct {
		reason    string
		err       error
		installed []kubevirt.KubeVirt
		accepted  string // reason and message
		ready     string
	}{
		"Ready": {"all is well", nil, installed("Snapshot", "Sidecar"), "Accepted: the patch compiles", "Ready: VMs that bind the patch get it when they start"},
		"Invalid": {"the user's error, all of it", broken, installed("Sidecar"),
			"Invalid: spec.domain[0].path: bad path; spec.domain[1].xml (r): bad xml", "NotAccepted: the patch is not accepted: correct what condition Accepted lists"},
		"InvalidFirst": {"what the user can change comes first", broken, nil,
			"Invalid: spec.domain[0].path: bad path; spec.domain[1].xml (r): bad xml", "NotAccepted: the patch is not accepted: correct what condition Accepted lists"},
		"GateOff": {"what to do, and where", nil, installed("sidecar"), "Accepted: the patch compiles",
			"SidecarGateOff: KubeVirt's feature gate Sidecar is off: add it to spec.configuration.developerConfiguration.featureGates of KubeVirt kv/kubevirt"},
		"NoKubeVirt": {"what to do", nil, nil, "Accepted: the patch compiles", "KubeVirtNotFound: the cluster has no KubeVirt object: install KubeVirt"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := conditions(tc.err, tc.installed)
			for i, want := range []string{tc.accepted, tc.ready} {
				if text := got[i].Reason + ": " + got[i].Message; text != want {
					t.Errorf("condition %s is %q, want %q: %s", got[i].Type, text, want, tc.reason)
				}
				if isTrue := got[i].Reason == got[i].Type; isTrue != (got[i].Status == metav1.ConditionTrue) {
					t.Errorf("condition %s is %s for reason %s", got[i].Type, got[i].Status, got[i].Reason)
				}
			}
		})
	}
}

func TestConditionsBounded(t *testing.T) {
	var errs []error
	for i := range 100 {
		errs = append(errs, &patch.Error{Field: fmt.Sprintf("spec.domain[%d]", i), Err: errors.New(strings.Repeat("é", 1000))})
	}
	if n := utf8.RuneCountInString(conditions(errors.Join(errs...), nil)[0].Message); n != 32768 {
		t.Errorf("the message has %d characters, want the 32768 that the API allows", n)
	}
}
