// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestConfigMapJSON wants render's ConfigMap, which is printed, to be the one that is written.
func TestConfigMapJSON(t *testing.T) {
	b := rendered(t, domainPatch("vms", "a"))
	printed, err := json.Marshal(b.ConfigMap("vms"))
	mustNot(t, err, "cannot encode")
	written, err := json.Marshal(ConfigMap(b, "vms"))
	mustNot(t, err, "cannot encode")
	if diff := cmp.Diff(string(written), string(printed)); diff != "" {
		t.Errorf("-written +printed:\n%s", diff)
	}
}

// TestSlim gives the cache ConfigMaps whose owners want it to hold much.
func TestSlim(t *testing.T) {
	much, now := strings.Repeat("x", 1<<20), metav1.NewTime(time.Unix(0, 0))
	cases := map[string]struct {
		reason string
		change func(*corev1.ConfigMap)
		want   func(*corev1.ConfigMap)
	}{
		"Bundle": {"kept whole, to be restored", func(*corev1.ConfigMap) {}, func(*corev1.ConfigMap) {}},
		"Junk":   {"not what the hash says", func(cm *corev1.ConfigMap) { cm.Data = map[string]string{v1alpha1.BundleKey: much} }, func(cm *corev1.ConfigMap) { cm.Data = nil }},
		"More":   {"not what the hash says", func(cm *corev1.ConfigMap) { cm.Data["x"] = much }, func(cm *corev1.ConfigMap) { cm.Data = nil }},
		"Binary": {"not what the hash says", func(cm *corev1.ConfigMap) { cm.BinaryData = map[string][]byte{"x": []byte(much)} }, func(cm *corev1.ConfigMap) { cm.Data = nil }},
		"Name":   {"no bundle's name", func(cm *corev1.ConfigMap) { cm.Name = "x" }, func(cm *corev1.ConfigMap) { cm.Name, cm.Data = "x", nil }},
		"Large": {"no bundle is as large", func(cm *corev1.ConfigMap) {
			*cm = *configMap("vms", strings.Repeat("x", bundle.MaxBytes+1))
			cm.UID, cm.ResourceVersion = "u", "1"
		}, func(cm *corev1.ConfigMap) {
			cm.Name, cm.Data = configMap("vms", strings.Repeat("x", bundle.MaxBytes+1)).Name, nil
		}},
		"Owners": {"what others wrote", func(cm *corev1.ConfigMap) {
			cm.Labels["x"], cm.Annotations = "y", map[string]string{"x": much}
			cm.OwnerReferences, cm.ManagedFields = []metav1.OwnerReference{{Name: "x"}}, []metav1.ManagedFieldsEntry{{Manager: "x"}}
		}, func(*corev1.ConfigMap) {}},
		"Marked": {"that there is a mark is enough", func(cm *corev1.ConfigMap) { cm.Annotations = map[string]string{v1alpha1.UnusedSinceAnnotation: much} },
			func(cm *corev1.ConfigMap) { cm.Annotations = map[string]string{v1alpha1.UnusedSinceAnnotation: ""} }},
		"Held": {"that there is one is enough", func(cm *corev1.ConfigMap) { cm.DeletionTimestamp, cm.Finalizers = &now, []string{"a", "b"} },
			func(cm *corev1.ConfigMap) { cm.DeletionTimestamp, cm.Finalizers = &now, []string{"a"} }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cm := aBundle(t, "vms", "a")
			cm.UID, cm.ResourceVersion = "u", "1"
			want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: cm.Name, UID: "u", ResourceVersion: "1",
				Labels: map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}}, Data: cm.Data}
			tc.want(want)
			if want.Data != nil {
				want.Data = map[string]string{v1alpha1.BundleKey: want.Data[v1alpha1.BundleKey]}
			}
			tc.change(cm)
			got, err := slim(cm)
			mustNot(t, err, "cannot slim")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			again, err := slim(got)
			mustNot(t, err, "cannot slim")
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("not idempotent (-want +got):\n%s", diff)
			}
		})
	}
	tombstone := toolscache.DeletedFinalStateUnknown{Key: "vms/x"}
	if got, err := slim(tombstone); got != any(tombstone) || err != nil {
		t.Errorf("%v, error %v, want the tombstone", got, err)
	}
}

// TestConfigMapName gives annotations that anybody can write.
func TestConfigMapName(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for value, want := range map[string]string{
		hash: "domainpatch-" + hash[:32], "": "", hash[1:]: "", hash + "0": "", strings.ToUpper(hash): "", "../" + hash[3:]: "", hash[:63] + "\n": "",
	} {
		if got, ok := configMapName(value); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", value, got, ok, want)
		}
	}
}
