// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
)

// testInject creates VMIs, and injects the same ones with the same patches offline: the annotations and the
// ConfigMaps must be the same, but for the label by which the operator knows its own.
func testInject(t *testing.T, s *suite) {
	ns := s.Namespace(t, "inject")
	patches := []client.Object{domainPatch(ns, "a"), domainPatch(ns, "b"), domainPatch(ns, "disk", cloudInit)}
	s.Add(t, patches...)
	const foreign = `[{"image": "example/other"}]`
	for name, object := range map[string]*unstructured.Unstructured{
		"one":        vmi(ns, "one", ref+"a", "true"),
		"two":        vmi(ns, "two", ref+"b", "true", ref+"a", "optional"),
		"cloud-init": withCloudInit(vmi(ns, "cloud-init", ref+"disk", "true", ref+"a", "true")),
		"foreign":    withAnnotations(vmi(ns, "foreign", ref+"a", "true"), map[string]string{v1alpha1.HookSidecarsAnnotation: foreign, "other": "kept"}),
	} {
		t.Run(name, func(t *testing.T) {
			injected := s.inject(t, append([]client.Object{object}, patches...))
			if err := s.Client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			var offline unstructured.Unstructured
			if err := yaml.Unmarshal(injected.Workloads[0].YAML, &offline.Object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(object.GetAnnotations(), offline.GetAnnotations()); diff != "" {
				t.Errorf("annotations (-webhook +inject):\n%s", diff)
			}
			if len(injected.ConfigMaps) != 1 {
				t.Fatalf("%d ConfigMaps, want one", len(injected.ConfigMaps))
			}
			got := injected.ConfigMaps[0]
			var want corev1.ConfigMap
			if err := s.Get(t.Context(), client.ObjectKey{Namespace: got.Namespace, Name: got.Name}, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Data, got.Data); diff != "" || len(want.BinaryData) > 0 {
				t.Errorf("data (-webhook +inject):\n%s", diff)
			}
			if diff := cmp.Diff(want.Immutable, &got.Immutable); diff != "" {
				t.Errorf("immutable (-webhook +inject):\n%s", diff)
			}
			labels := maps.Clone(want.Labels)
			delete(labels, v1alpha1.ManagedByLabel)
			if len(labels) == len(want.Labels) {
				t.Errorf("labels %v of the webhook's ConfigMap: want it to be the operator's", want.Labels)
			}
			if diff := cmp.Diff(labels, got.Labels); diff != "" {
				t.Errorf("labels (-webhook's but one +inject's):\n%s", diff)
			}
		})
	}
}

// inject does so with objects, and with the cluster's policies, from a file.
func (s *suite) inject(t *testing.T, objects []client.Object) *offline.Injected {
	t.Helper()
	var policies v1alpha1.DomainPatchPolicyList
	if err := s.List(t.Context(), &policies); err != nil {
		t.Fatal(err)
	}
	for i := range policies.Items {
		objects = append(objects, &policies.Items[i])
	}
	var text bytes.Buffer
	for _, object := range objects {
		one, err := yaml.Marshal(untyped(t, object).Object)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n" + string(one))
	}
	file := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	read, _, err := offline.Files{}.Objects([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	injected, err := offline.Inject(t.Context(), read, false, s.webhooks.Image)
	if err != nil {
		t.Fatal(err)
	}
	return injected
}
