// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package kubevirt_test

import (
	"encoding/json"
	"reflect"
	"testing"

	kubevirtv1 "kubevirt.io/api/core/v1"
	pluginv1alpha1 "kubevirt.io/api/plugin/v1alpha1"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// recode writes an object of KubeVirt's own types and reads it as ours.
func recode(t *testing.T, from, into any) {
	t.Helper()
	data, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// TestKubeVirtsTypes holds our part of the API to kubevirt.io/api.
func TestKubeVirtsTypes(t *testing.T) {
	if got, want := kubevirt.GroupVersion.String(), kubevirtv1.GroupVersion.String(); got != want {
		t.Errorf("group and version %s, KubeVirt's are %s", got, want)
	}
	if got, want := kubevirt.PluginGroupVersion.String(), pluginv1alpha1.SchemeGroupVersion.String(); got != want {
		t.Errorf("group and version of Plugin %s, KubeVirt's are %s", got, want)
	}
	if got, want := reflect.TypeFor[kubevirt.Plugin]().Name(), reflect.TypeFor[pluginv1alpha1.Plugin]().Name(); got != want {
		t.Errorf("kind %s, KubeVirt's is %s", got, want)
	}
	for _, gates := range [][]string{nil, {"Sidecar"}, {"Other", "Sidecar"}, {"Other"}} {
		theirs := kubevirtv1.KubeVirt{Spec: kubevirtv1.KubeVirtSpec{Configuration: kubevirtv1.KubeVirtConfiguration{
			DeveloperConfiguration: &kubevirtv1.DeveloperConfiguration{FeatureGates: gates},
		}}}
		var ours kubevirt.KubeVirt
		recode(t, &theirs, &ours)
		want := len(gates) > 0 && gates[len(gates)-1] == "Sidecar"
		if got := ours.HasSidecarGate(); got != want {
			t.Errorf("gates %v: HasSidecarGate is %t", gates, got)
		}
	}
}
