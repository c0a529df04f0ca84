// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// answerTime is how long the API server waits for a webhook at most. config/webhook gives it a third of that, of which a busy
// machine takes more than half for the most of what is asked here.
const answerTime = 30 * time.Second

// TestHostile asks for what nobody should ask for.
func TestHostile(t *testing.T) {
	s := start(t)
	s.waitLonger(t)
	t.Run("LargePatches", func(t *testing.T) { testLargePatches(t, s) })
	t.Run("Names", func(t *testing.T) { testNames(t, s) })
	t.Run("Annotations", func(t *testing.T) { testAnnotations(t, s) })
	t.Run("Depth", func(t *testing.T) { testDepth(t, s) })
	t.Run("ManyPatches", func(t *testing.T) { testManyPatches(t, s) })
}

// waitLonger lets the API server wait for each webhook as long as it may.
func (s *suite) waitLonger(t *testing.T) {
	t.Helper()
	var mutating admissionregistrationv1.MutatingWebhookConfigurationList
	var validating admissionregistrationv1.ValidatingWebhookConfigurationList
	if err := errors.Join(s.List(t.Context(), &mutating), s.List(t.Context(), &validating)); err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, c := range mutating.Items {
		for i := range c.Webhooks {
			c.Webhooks[i].TimeoutSeconds = new(int32(answerTime / time.Second))
		}
		errs = append(errs, s.Update(t.Context(), &c))
	}
	for _, c := range validating.Items {
		for i := range c.Webhooks {
			c.Webhooks[i].TimeoutSeconds = new(int32(answerTime / time.Second))
		}
		errs = append(errs, s.Update(t.Context(), &c))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// create creates an object, and wants an answer in time.
func (s *suite) create(t *testing.T, object *unstructured.Unstructured) error {
	t.Helper()
	started := time.Now()
	err := s.Client.Create(t.Context(), object)
	took := time.Since(started)
	t.Logf("%s: %s: %.160v", object.GetName(), took.Round(time.Millisecond), err)
	if took > answerTime || apierrors.IsInternalError(err) || apierrors.IsTimeout(err) {
		t.Errorf("%s: an answer after %s: %v", object.GetName(), took, err)
	}
	return err
}

// testLargePatches creates patches as large as the API server takes, and larger ones.
func testLargePatches(t *testing.T, s *suite) {
	ns := s.Namespace(t, "large")
	rules := func(rule string, size, n int) func(*v1alpha1.DomainPatch) {
		return func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Domain = nil
			for range n {
				value := strings.Repeat("x", size)
				r := v1alpha1.DomainRule{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &value}
				if rule == "xml" {
					r = v1alpha1.DomainRule{Op: v1alpha1.DomainOpAdd, Path: "/domain/metadata", XML: "<a>" + strings.Repeat("<b/>", size/20) + "</a>"} // a < is six bytes in JSON
				}
				if rule == "cel" {
					r.Value, r.Expression = nil, "'"+strings.Repeat("x", 6)+"'"+strings.Repeat("+'a'", size/4)
				}
				dp.Spec.Domain = append(dp.Spec.Domain, r)
			}
		}
	}
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.DomainPatch)
		err    []string
	}{
		"fits":      {"under the limit of a bundle", rules("value", 65_000, 7), nil},
		"mib":       {"over the limit of a bundle", rules("value", 65_000, 16), []string{"over the limit of 524288"}},
		"too-large": {"over the limit of the API server", rules("value", 65_000, 64), []string{"limit"}},
		"xml":       {"many elements", rules("xml", 65_000, 7), nil},
		"cel":       {"long expressions", rules("cel", 4_000, 64), []string{"expressions"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := s.create(t, untyped(t, domainPatch(ns, name, tc.change)))
			wantError(t, err, tc.err, tc.reason)
			if err == nil {
				wantError(t, s.create(t, vmi(ns, name, ref+name, "true")), nil, "what is accepted applies")
			}
		})
	}
}

// testNames creates objects with names of all lengths, and texts in other scripts.
func testNames(t *testing.T, s *suite) {
	ns := s.Namespace(t, strings.Repeat("n", 63))
	long, dotted := strings.Repeat("a", 63), strings.Repeat("a.", 31)+"a"
	text := "Ünïcödé 漢字 \U0001f600 \u202e ' \" <&>"
	unicode := func(dp *v1alpha1.DomainPatch) {
		dp.Spec.Domain[0].Value = &text
		dp.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "c", Expression: "vmi.metadata.annotations['x'] != 'ü漢\U0001f600'"}}
	}
	s.Add(t, domainPatch(ns, long), domainPatch(ns, dotted, unicode), clusterPatch(long), clusterPatch(dotted, unicode), policy(long, nowhere, "/domain/title"))
	for _, object := range []*unstructured.Unstructured{untyped(t, domainPatch(ns, long+"b")), untyped(t, clusterPatch(long+"b")), untyped(t, policy(long+"b", nowhere))} {
		wantError(t, s.create(t, object), []string{"63 characters"}, "no label can refer to it")
	}
	object := vmi(ns, strings.Repeat("v", 63)+"."+strings.Repeat("m.", 94)+"x", ref+long, "true", ref+dotted, "true", clusterRef+long, "true", clusterRef+dotted, "true")
	wantError(t, s.create(t, withAnnotations(object, map[string]string{"x": text})), nil, "all within the limits")
	_, got := s.started(t, object)
	if names := patchNames(got); len(names) != 4 {
		t.Errorf("patches %v, want 4", names)
	}
	for _, p := range got.Patches {
		if p.Name == dotted && *p.Domain[0].Value != text {
			t.Errorf("value %q, want %q", *p.Domain[0].Value, text)
		}
	}
}

// testAnnotations creates VMIs with annotations of others that are malformed, with and without
// a patch that binds.
func testAnnotations(t *testing.T, s *suite) {
	bare, bound := s.Namespace(t, "bare"), s.Namespace(t, "bound")
	s.Add(t, domainPatch(bound, "a", everyVMI))
	entries := func(n int, entry string) string { return "[" + strings.Repeat(entry+",", n-1) + entry + "]" }
	cases := map[string]struct {
		value string
		err   []string // where a patch binds
	}{
		"brace":      {"{", []string{"not JSON"}},
		"null":       {"null", []string{"not a JSON array"}},
		"string":     {`"x"`, []string{"not a JSON array"}},
		"numbers":    {"[1]", []string{"[0]", "not a JSON object"}},
		"nulls":      {"[null]", []string{"[0]", "not a JSON object"}},
		"types":      {`[{"args":"--bundle"}]`, []string{"[0]"}},
		"twice":      {`[{"image":"a","image":"b"}]`, []string{"occurs twice"}},
		"trailing":   {"[] []", []string{"not JSON"}},
		"nul":        {"[{\"image\":\"\\u0000\"}]", nil},
		"surrogate":  {`[{"image":"\ud800"}]`, nil},
		"unicode":    {`[{"image":"漢字"}]`, nil},
		"script":     {"<script>alert(1)</script>\x1b[31m\r\n", []string{"not JSON"}},
		"deep":       {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), []string{"[0]"}},
		"deeper":     {strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000), []string{"not JSON"}},
		"deep-field": {`[{"x":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "}]", nil},
		"many":       {entries(2_000, `{"image":"x"}`), nil},
		"large":      {entries(1, `{"image":"`+strings.Repeat("x", 200_000)+`"}`), nil},
		"full":       {entries(1, `{"image":"`+strings.Repeat("x", 261_900)+`"}`), []string{"shorten the other entries"}},
		"half-ours":  {entries(1, `{"args":["--bundle","b","--sha256"]}`), nil},
		"ours-many":  {entries(1_000, `{"args":["--bundle","/usr/bin/onDefineDomain","--sha256","x"],"configMap":{"name":"domainpatch-x","key":"bundle.json","hookPath":"/usr/bin/onDefineDomain"}}`), []string{"applies bundle"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]string{v1alpha1.HookSidecarsAnnotation: tc.value}
			without := withAnnotations(vmi(bare, name), annotations)
			if err := s.create(t, without); err != nil && name != "ours-many" {
				t.Errorf("not ours to judge where nothing binds: %v", err)
			} else if got := without.GetAnnotations()[v1alpha1.HookSidecarsAnnotation]; got != tc.value {
				t.Errorf("the annotation changed to %.100q", got)
			}
			with := withAnnotations(vmi(bound, name), annotations)
			err := s.create(t, with)
			wantError(t, err, tc.err, "never overwritten")
			if err != nil {
				if len(err.Error()) > 4000 {
					t.Errorf("a message of %d bytes", len(err.Error()))
				}
				return
			}
			if got, kept := with.GetAnnotations()[v1alpha1.HookSidecarsAnnotation], strings.TrimSuffix(tc.value, "]"); !strings.HasPrefix(got, kept+",") {
				t.Errorf("entries of others changed to %.100q", got)
			}
			s.started(t, with)
		})
	}
}

// testDepth creates objects that are nested as deeply as the API server takes.
func testDepth(t *testing.T, s *suite) {
	ns := s.Namespace(t, "depth")
	s.Add(t, domainPatch(ns, "a", everyVMI, func(dp *v1alpha1.DomainPatch) {
		dp.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "c", Expression: "has(vmi.spec.deep)"}}
	}, cloudInit, ignore))
	for _, depth := range []int{100, 1_000, 5_000, 9_000} {
		deep := any("x")
		for range depth {
			deep = []any{deep}
		}
		object := vmi(ns, fmt.Sprint("vm-", depth))
		object.Object["spec"].(map[string]any)["deep"] = deep
		if err := s.create(t, object); err != nil && !apierrors.IsBadRequest(err) && !apierrors.IsForbidden(err) {
			t.Errorf("depth %d: %v", depth, err)
		}
		text, err := json.Marshal(deep)
		if err != nil {
			t.Fatal(err)
		}
		dp := untyped(t, domainPatch(ns, fmt.Sprint("dp-", depth), func(dp *v1alpha1.DomainPatch) {
			cloudInit(dp)
			dp.Spec.CloudInit[0].Value = v1alpha1.JSON{Raw: text}
		}))
		if err := s.create(t, dp); err != nil && !apierrors.IsBadRequest(err) && !apierrors.IsInvalid(err) {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

// testManyPatches creates VMIs in a namespace with ten thousand patches.
func testManyPatches(t *testing.T, s *suite) {
	const many, creators = 10_000, 20
	ns := s.Namespace(t, "many")
	s.Add(t, domainPatch(ns, "own"))
	bulk := func(i int) *v1alpha1.DomainPatch {
		dp := domainPatch(ns, fmt.Sprintf("bulk-%05d", i))
		dp.Labels = map[string]string{"unchecked": "yes"} // by the webhooks, which would take longer
		binds := "fail"
		if i%2 == 0 {
			binds = "ignore"
			ignore(dp)
		}
		dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"binds": binds}}
		return dp
	}
	s.createUnchecked(t, bulk(0))
	started := time.Now()
	var all sync.WaitGroup
	for c := range creators {
		all.Go(func() {
			for i := 1 + c; i < many; i += creators {
				if err := s.Client.Create(t.Context(), bulk(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d patches after %s", many, time.Since(started))

	wantError(t, s.create(t, vmi(ns, "none")), nil, "nothing binds")
	own := vmi(ns, "own", ref+"own", "true")
	wantError(t, s.create(t, own), nil, "one binds")
	wantError(t, s.create(t, vmi(ns, "fail", "binds", "fail")), []string{"5000 patches, over the limit of 64"}, "they are too many")
	s.take()
	ignoring := vmi(ns, "ignore", "binds", "ignore")
	wantError(t, s.create(t, ignoring), nil, "the first ones apply")
	if _, got := s.started(t, ignoring); len(got.Patches) != bundle.MaxPatches || got.Patches[0].Name != "bulk-00000" {
		t.Errorf("patches %v, want the first 64", patchNames(got))
	}
	if told := s.take(); len(told) != 17 || !strings.Contains(told[16], "4920 more patches") {
		t.Errorf("%d warnings, want 16 and how many more: %q", len(told), told)
	}
	for c := range creators {
		all.Go(func() {
			wantError(t, s.create(t, vmi(ns, fmt.Sprint("at-once-", c), ref+"own", "true")), nil, "many ask at once")
		})
	}
	all.Wait()
}
