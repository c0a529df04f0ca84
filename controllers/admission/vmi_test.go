// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

const ref = v1alpha1.DomainPatchReferencePrefix

// testBinding creates VMIs in a namespace with patches of all sorts.
func testBinding(t *testing.T, s *suite) {
	ns := s.Namespace(t, "binding")
	linux := func(dp *v1alpha1.DomainPatch) {
		dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"os": "linux"}}
	}
	s.Add(t, domainPatch(ns, "a"), domainPatch(ns, "b"), domainPatch(ns, "linux", linux), domainPatch(ns, "disk", cloudInit))
	s.createUnchecked(t, domainPatch(ns, "broken", broken))
	s.createUnchecked(t, domainPatch(ns, "broken-ignored", broken, ignore))
	const foreign = `{"image": "example/other"}`
	cases := map[string]struct {
		reason   string
		vmi      *unstructured.Unstructured
		want     []string // patches in the bundle
		hooks    string
		before   string // what stands before our entry
		warnings []string
		err      []string
	}{
		"none":       {"nothing binds", vmi(ns, "none"), nil, "", "", nil, nil},
		"demanded":   {"by reference", vmi(ns, "demanded", ref+"a", "true"), []string{"a"}, "OnDefineDomain", "[", nil, nil},
		"two":        {"in order", vmi(ns, "two", ref+"b", "true", ref+"a", "optional"), []string{"a", "b"}, "OnDefineDomain", "[", nil, nil},
		"selected":   {"by selector", vmi(ns, "selected", "os", "linux"), []string{"linux"}, "OnDefineDomain", "[", nil, nil},
		"cloud-init": {"with both hooks", withCloudInit(vmi(ns, "cloud-init", ref+"disk", "true")), []string{"disk"}, "OnDefineDomain,PreCloudInitIso", "[", nil, nil},
		"foreign": {"entries of others are kept", withAnnotations(vmi(ns, "foreign", ref+"a", "true"), map[string]string{v1alpha1.HookSidecarsAnnotation: "[" + foreign + "]", "other": "kept"}),
			[]string{"a"}, "OnDefineDomain", "[" + foreign + ",", nil, nil},
		"optional-missing": {"nothing is demanded", vmi(ns, "optional-missing", ref+"none", "optional"), nil, "", "", nil, nil},
		"ignored":          {"a warning", vmi(ns, "ignored", ref+"broken-ignored", "optional", ref+"a", "true"), []string{"a"}, "OnDefineDomain", "[", []string{"DomainPatch binding/broken-ignored is not accepted"}, nil},
		"missing":          {"a demand", vmi(ns, "missing", ref+"none", "true"), nil, "", "", nil, []string{"DomainPatch binding/none does not exist"}},
		"cluster":          {"a demand", vmi(ns, "cluster", "clusterdomainpatch.kubevirt.io/a", "true"), nil, "", "", nil, []string{"ClusterDomainPatch a does not exist"}},
		"bad-value":        {"a label that means nothing", vmi(ns, "bad-value", ref+"a", "True"), nil, "", "", nil, []string{ref + "a", `"True"`}},
		"broken":           {"under Fail", vmi(ns, "broken", ref+"broken", "optional"), nil, "", "", nil, []string{"DomainPatch binding/broken is not accepted", "spec.domain[0].path"}},
		"no-volume":        {"nothing to edit", vmi(ns, "no-volume", ref+"disk", "true"), nil, "", "", nil, []string{"DomainPatch binding/disk cannot apply", "cloudInitNoCloud"}},
		"malformed": {"never overwritten", withAnnotations(vmi(ns, "malformed", ref+"a", "true"), map[string]string{v1alpha1.HookSidecarsAnnotation: "{"}),
			nil, "", "", nil, []string{v1alpha1.HookSidecarsAnnotation, "not JSON"}},
		"stale-mark": {"a copy of a running VMI", withAnnotations(vmi(ns, "stale-mark"), map[string]string{v1alpha1.BundleAnnotation: "0a"}), nil, "", "", nil, []string{v1alpha1.BundleAnnotation, "0a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.vmi.DeepCopy()
			s.take()
			err := s.Client.Create(t.Context(), tc.vmi)
			wantError(t, err, tc.err, tc.reason)
			if err != nil {
				if !apierrors.IsForbidden(err) {
					t.Errorf("reason %s, want Forbidden", apierrors.ReasonForError(err))
				}
				return
			}
			s.wantWarnings(t, tc.warnings, tc.reason)
			if tc.want == nil {
				if diff := cmp.Diff(before.GetAnnotations(), tc.vmi.GetAnnotations()); diff != "" {
					t.Errorf("annotations changed (-want +got):\n%s", diff)
				}
				return
			}
			entry, started := s.started(t, tc.vmi)
			if diff := cmp.Diff(tc.want, patchNames(started)); diff != "" {
				t.Errorf("patches, %s (-want +got):\n%s", tc.reason, diff)
			}
			if got := entry.Args[len(entry.Args)-1]; got != tc.hooks {
				t.Errorf("hooks %s, want %s: %s", got, tc.hooks, tc.reason)
			}
			if got := tc.vmi.GetAnnotations()[v1alpha1.HookSidecarsAnnotation]; !strings.HasPrefix(got, tc.before+`{"image":"example/shim:v2"`) {
				t.Errorf("the annotation does not start with %s and our entry: %s", tc.before, got)
			}
			wantRestKept(t, before, tc.vmi)
		})
	}
}

// wantRestKept wants all to be as it was that is not ours to write.
func wantRestKept(t *testing.T, before, after *unstructured.Unstructured) {
	t.Helper()
	if diff := cmp.Diff(before.Object["spec"], after.Object["spec"]); diff != "" {
		t.Errorf("the spec changed (-want +got):\n%s", diff)
	}
	for key, want := range before.GetAnnotations() {
		if got := after.GetAnnotations()[key]; got != want && key != v1alpha1.HookSidecarsAnnotation {
			t.Errorf("annotation %s is %q, want %q", key, got, want)
		}
	}
}

func (s *suite) wantWarnings(t *testing.T, want []string, reason string) {
	t.Helper()
	got := s.take()
	if len(got) != len(want) {
		t.Fatalf("warnings %q, want %q: %s", got, want, reason)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("warning %q, want %q: %s", got[i], want[i], reason)
		}
		if event := <-s.events.Events; !strings.Contains(event, "LeftOut") || !strings.Contains(event, want[i]) {
			t.Errorf("event %q, want %q: %s", event, want[i], reason)
		}
	}
}

// started reads what KubeVirt and the shim read when a VMI starts: our entry, which must be the
// last, and the bundle in the ConfigMap that it mounts.
func (s *suite) started(t *testing.T, object *unstructured.Unstructured) (v1alpha1.HookSidecar, *bundle.Bundle) {
	t.Helper()
	var list []v1alpha1.HookSidecar
	annotations := object.GetAnnotations()
	if err := json.Unmarshal([]byte(annotations[v1alpha1.HookSidecarsAnnotation]), &list); err != nil || len(list) == 0 {
		t.Fatalf("annotations %v hold no hook sidecars: %v", annotations, err)
	}
	entry := list[len(list)-1]
	var cm corev1.ConfigMap
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: object.GetNamespace(), Name: entry.ConfigMap.Name}, &cm); err != nil {
		t.Fatal(err)
	}
	text := []byte(cm.Data[entry.ConfigMap.Key])
	decoded, err := bundle.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if sha, ok := entry.BundleSHA256(); !ok || sha != bundle.Sum(text) || sha != annotations[v1alpha1.BundleAnnotation] {
		t.Errorf("hash %s in the entry, %s in the annotation, %s of the bundle", sha, annotations[v1alpha1.BundleAnnotation], bundle.Sum(text))
	}
	return entry, decoded
}

func patchNames(b *bundle.Bundle) []string {
	var names []string
	for _, p := range b.Patches {
		names = append(names, p.Name)
	}
	return names
}

// testReinvocation has another webhook change the VMI after ours ran.
func testReinvocation(t *testing.T, s *suite) {
	ns := s.Namespace(t, "reinvocation")
	s.Add(t, domainPatch(ns, "early"), domainPatch(ns, "late"))
	object := vmi(ns, "vm", ref+"early", "true", "zz-label", "yes")
	s.Add(t, object)
	if _, got := s.started(t, object); !cmp.Equal(patchNames(got), []string{"early", "late"}) {
		t.Errorf("patches %v, want both: the webhook is called again", got)
	}
}

// testTampering has another webhook, or the user, write our annotations.
func testTampering(t *testing.T, s *suite) {
	ns := s.Namespace(t, "tampering")
	s.Add(t, domainPatch(ns, "a"), domainPatch(ns, "b"))
	a, b := vmi(ns, "a", ref+"a", "true"), vmi(ns, "b", ref+"b", "true")
	s.Add(t, a, b)
	hashA, hashB := a.GetAnnotations()[v1alpha1.BundleAnnotation], b.GetAnnotations()[v1alpha1.BundleAnnotation]

	err := s.Client.Create(t.Context(), vmi(ns, "by-webhook", ref+"a", "true", "zz-tamper", "yes"))
	wantError(t, err, []string{"create.vmi.domainpatch.kubevirt.io", hashA, "arguments"}, "the last word is the validating webhook's")

	copied := map[string]string{v1alpha1.HookSidecarsAnnotation: b.GetAnnotations()[v1alpha1.HookSidecarsAnnotation]}
	err = s.Client.Create(t.Context(), withAnnotations(vmi(ns, "by-user", ref+"a", "true"), copied))
	wantError(t, err, []string{hashA, hashB}, "an entry of another bundle is not silently removed")

	copied[v1alpha1.BundleAnnotation] = hashB
	object := withAnnotations(vmi(ns, "copy", ref+"a", "true"), copied)
	s.Add(t, object)
	if _, got := s.started(t, object); !cmp.Equal(patchNames(got), []string{"a"}) {
		t.Errorf("patches %v of a VMI that was copied from one with other patches, want a", got)
	}
}

// testUpdate changes VMIs that exist.
func testUpdate(t *testing.T, s *suite) {
	ns := s.Namespace(t, "update")
	s.Add(t, domainPatch(ns, "a"))
	patched, bare := vmi(ns, "patched", ref+"a", "true"), vmi(ns, "bare")
	s.Add(t, patched, bare)
	annotate := func(key, value string) string {
		text, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	cases := map[string]struct {
		reason string
		object *unstructured.Unstructured
		patch  string
		err    []string
	}{
		"status":       {"KubeVirt writes it all the time", patched, `{"status":{"phase":"Running"}}`, nil},
		"bare-status":  {"a VMI without annotations", bare, `{"status":{"phase":"Running"}}`, nil},
		"label":        {"no annotation", patched, `{"metadata":{"labels":{"x":"y"}}}`, nil},
		"other":        {"an annotation of others", patched, annotate("other", "x"), nil},
		"bare-other":   {"an annotation of others", bare, annotate("other", "x"), nil},
		"sidecars":     {"another program", patched, annotate(v1alpha1.HookSidecarsAnnotation, "[]"), []string{v1alpha1.HookSidecarsAnnotation, "must not change"}},
		"remove":       {"no program", patched, `{"metadata":{"annotations":{"hooks.kubevirt.io/hookSidecars":null}}}`, []string{v1alpha1.HookSidecarsAnnotation}},
		"remove-all":   {"no annotation", patched, `{"metadata":{"annotations":null}}`, []string{v1alpha1.HookSidecarsAnnotation}},
		"bundle":       {"another bundle", patched, annotate(v1alpha1.BundleAnnotation, "0a"), []string{v1alpha1.BundleAnnotation, "must not change"}},
		"bare-add":     {"the first annotation", bare, annotate(v1alpha1.HookSidecarsAnnotation, "[]"), []string{v1alpha1.HookSidecarsAnnotation}},
		"bare-add-nil": {"an empty one", bare, annotate(v1alpha1.HookSidecarsAnnotation, ""), []string{v1alpha1.HookSidecarsAnnotation}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := tc.object.DeepCopy()
			err := s.Client.Patch(t.Context(), object, client.RawPatch("application/merge-patch+json", []byte(tc.patch)))
			wantError(t, err, tc.err, tc.reason)
		})
	}
}

// testOutOfReach creates VMIs that would be refused, where the webhooks are not called.
func testOutOfReach(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason    string
		namespace string
		err       []string
	}{
		"disabled": {"the admin's break-glass", s.Namespace(t, "disabled", v1alpha1.InjectLabel, v1alpha1.InjectDisabled), nil},
		"operator": {"the operator's own", s.Namespace(t, "domainpatch-system"), nil},
		"enabled":  {"other values mean nothing", s.Namespace(t, "enabled", v1alpha1.InjectLabel, "enabled"), []string{"does not exist"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wantError(t, s.Client.Create(t.Context(), vmi(tc.namespace, "vm", ref+"none", "true")), tc.err, tc.reason)
		})
	}
}

// testConfigMap looks at the ConfigMap alone.
func testConfigMap(t *testing.T, s *suite) {
	ns := s.Namespace(t, "configmap")
	s.Add(t, domainPatch(ns, "a"))
	key := func(object *unstructured.Unstructured) client.ObjectKey {
		return client.ObjectKey{Namespace: ns, Name: v1alpha1.BundleConfigMapPrefix + object.GetAnnotations()[v1alpha1.BundleAnnotation][:v1alpha1.BundleIDLength]}
	}
	var cm corev1.ConfigMap

	dry := vmi(ns, "dry", ref+"a", "true")
	if err := s.Client.Create(t.Context(), dry, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if err := s.Get(t.Context(), key(dry), &cm); !apierrors.IsNotFound(err) {
		t.Errorf("a dry run wrote a ConfigMap: %v", err)
	}

	first := vmi(ns, "first", ref+"a", "true")
	s.Add(t, first)
	if err := s.Get(t.Context(), key(first), &cm); err != nil || cm.Immutable == nil || !*cm.Immutable {
		t.Fatalf("ConfigMap immutable %v, error %v: want one that is", cm.Immutable, err)
	}
	second := vmi(ns, "second", ref+"a", "true")
	s.Add(t, second)
	var again corev1.ConfigMap
	if err := s.Get(t.Context(), key(second), &again); err != nil || again.UID != cm.UID || again.ResourceVersion != cm.ResourceVersion {
		t.Errorf("the second VMI did not use the first one's ConfigMap: %v", err)
	}
	testForeign(t, s, &cm)
	testQuota(t, s)
}

// testForeign puts other things in the place of a ConfigMap.
func testForeign(t *testing.T, s *suite, good *corev1.ConfigMap) {
	cases := map[string]struct {
		reason string
		change func(*corev1.ConfigMap)
	}{
		"content":   {"not what the hash says", func(cm *corev1.ConfigMap) { cm.Data = map[string]string{v1alpha1.BundleKey: "{}"} }},
		"mutable":   {"it may change later", func(cm *corev1.ConfigMap) { cm.Immutable = nil }},
		"unlabeled": {"nobody would collect it", func(cm *corev1.ConfigMap) { cm.Labels = nil }},
	}
	for name, tc := range cases {
		t.Run("Foreign "+name, func(t *testing.T) {
			foreign := good.DeepCopy()
			foreign.UID, foreign.ResourceVersion = "", ""
			tc.change(foreign)
			if err := s.Client.Delete(t.Context(), good.DeepCopy()); err != nil {
				t.Fatal(err)
			}
			s.Add(t, foreign)
			s.Add(t, vmi(good.Namespace, "foreign-"+name, ref+"a", "true"))
			var got corev1.ConfigMap
			if err := s.Get(t.Context(), client.ObjectKeyFromObject(good), &got); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(got.Data, good.Data) || !cmp.Equal(got.Immutable, good.Immutable) || !cmp.Equal(got.Labels, good.Labels) {
				t.Errorf("ConfigMap %v, want %v: %s", got, good, tc.reason)
			}
		})
	}
}

// testQuota creates a VMI where no ConfigMap may be created.
func testQuota(t *testing.T, s *suite) {
	ns := s.Namespace(t, "quota")
	s.Add(t, domainPatch(ns, "a"))
	none := corev1.ResourceList{"count/configmaps": resource.MustParse("0")}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: none}}
	s.Add(t, quota)
	quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none} // no quota controller runs here
	if err := s.Client.Status().Update(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	err := s.Client.Create(t.Context(), vmi(ns, "vm", ref+"a", "true"))
	wantError(t, err, []string{"cannot write ConfigMap quota/domainpatch-", "exceeded quota: none"}, "the user can see to it")
}
