// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestPatchLosesNothing fills every field of a spec with a value of its own, converts it, and
// compares the JSON of both sides: every field but those that decide about binding must
// arrive, under the same name.
func TestPatchLosesNothing(t *testing.T) {
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "a"}}
	n := 0
	fill(t, reflect.ValueOf(&dp.Spec).Elem(), &n)
	want, got := fields(t, dp.Spec), fields(t, render.DomainPatch(dp).InBundle())
	for _, binding := range []string{"selector", "order"} {
		if _, ok := want[binding]; !ok {
			t.Fatalf("the test did not fill spec.%s", binding)
		}
		delete(want, binding)
	}
	for name, value := range map[string]string{"kind": "DomainPatch", "namespace": "vms", "name": "a"} {
		want[name] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON of the bundle's patch (-spec +bundle):\n%s", diff)
	}
	cdp := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	fill(t, reflect.ValueOf(&cdp.Spec).Elem(), &n)
	cdp.Spec.DomainPatchSpec = dp.Spec
	want["kind"] = "ClusterDomainPatch"
	delete(want, "namespace")
	if diff := cmp.Diff(want, fields(t, render.ClusterDomainPatch(cdp).InBundle())); diff != "" {
		t.Errorf("JSON of the bundle's cluster patch (-spec +bundle):\n%s", diff)
	}
	want["namespace"] = "vms"
	// Nothing new in the bundle's types may stay unfilled, either.
	var typed bundle.Patch
	m := 0
	fill(t, reflect.ValueOf(&typed).Elem(), &m)
	for name := range fields(t, typed) {
		if _, ok := got[name]; !ok {
			t.Errorf("no field of a DomainPatch fills %q of the bundle's patch", name)
		}
	}
}

// fill gives every field a value that no other has.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	if raw, ok := v.Addr().Interface().(*v1alpha1.JSON); ok {
		raw.Raw = fmt.Appendf(nil, "{\"v\":%d,\"none\":null}", *n)
		return
	}
	if raw, ok := v.Addr().Interface().(*json.RawMessage); ok {
		*raw = fmt.Appendf(nil, "{\"v\":%d}", *n)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": fmt.Sprint(*n)}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	default:
		t.Fatalf("the test cannot fill a %s", v.Kind())
	}
}

func fields(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPatchDefault(t *testing.T) {
	if got := render.DomainPatch(&v1alpha1.DomainPatch{}).InBundle().FailurePolicy; got != bundle.Fail {
		t.Errorf("failurePolicy %q, want Fail: a patch from a file has no default from the API server", got)
	}
}

func TestCompile(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.DomainPatch)
		want   []string // in Reasons
	}{
		"Good": {"a patch that compiles", func(*v1alpha1.DomainPatch) {}, nil},
		"Path": {"the field path is that of the object", func(dp *v1alpha1.DomainPatch) { dp.Spec.Domain[0].Path = "/domain[" },
			[]string{"spec.domain[0].path"}},
		"Selector": {"the API server does not check selectors", func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
		}, []string{"spec.selector"}},
		"Both": {"all errors at once", func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "not a value!"}}
			dp.Spec.Domain[0].Path = "/domain["
		}, []string{"spec.selector", "spec.domain[0].path"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dp := domainPatch("a")
			tc.change(&dp)
			program, err := render.Compile(render.DomainPatch(&dp))
			if (err == nil) != (program != nil) || (err == nil) != (tc.want == nil) {
				t.Fatalf("Compile: program %v, error %v: %s", program, err, tc.reason)
			}
			for _, want := range tc.want {
				if got := render.Reasons(err, 9); !strings.Contains(got, want+": ") || strings.Contains(got, "\n") {
					t.Errorf("Reasons: %q, want one line with %q: %s", got, want, tc.reason)
				}
			}
		})
	}
}

func TestCompileCluster(t *testing.T) {
	wrong := clusterPatch("c")
	wrong.Spec.Domain[0].Path = "/domain["
	wrong.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "not a value!"}}
	wrong.Spec.PVC = &v1alpha1.SharedPVC{Name: "A", VolumePath: "/a", SharedComputePath: "/usr/bin"}
	_, err := render.Compile(render.ClusterDomainPatch(&wrong))
	checkError(t, err, []string{"ClusterDomainPatch c: spec.namespaceSelector: ", "ClusterDomainPatch c: spec.pvc: name: ", "; sharedComputePath: ", "spec.domain[0].path: "}, "all errors at once")
	right := clusterPatch("c")
	right.Spec.PVC = &v1alpha1.SharedPVC{Name: "a", VolumePath: "/a", SharedComputePath: "/var/run/domainpatch/a"}
	_, err = render.Compile(render.ClusterDomainPatch(&right))
	checkError(t, err, nil, "a patch that compiles")
}

func TestReasons(t *testing.T) {
	dp := domainPatch("a")
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: "set"}, {Op: "set"}, {Op: "set"}, {Op: "set"}}
	_, err := render.Compile(render.DomainPatch(&dp))
	got := render.Reasons(err, 1)
	if !strings.HasPrefix(got, "spec.domain[0]") || !strings.Contains(got, "; and ") || !strings.HasSuffix(got, " more") {
		t.Errorf("Reasons: %q, want the first and how many more", got)
	}
	if got := render.Reasons(errors.New("a\nb"), 1); got != "a; b" {
		t.Errorf("Reasons of another error: %q", got)
	}
}

// domainPatch is a patch that compiles and binds by reference only.
func domainPatch(name string, changes ...func(*v1alpha1.DomainPatch)) v1alpha1.DomainPatch {
	value := name
	dp := v1alpha1.DomainPatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name},
		Spec: v1alpha1.DomainPatchSpec{
			FailurePolicy: v1alpha1.FailurePolicyFail,
			Domain:        []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/description", Value: &value}},
		},
	}
	for _, change := range changes {
		change(&dp)
	}
	return dp
}

func ignore(dp *v1alpha1.DomainPatch)   { dp.Spec.FailurePolicy = v1alpha1.FailurePolicyIgnore }
func broken(dp *v1alpha1.DomainPatch)   { dp.Spec.Domain[0].Path = "/domain[" }
func everyVMI(dp *v1alpha1.DomainPatch) { dp.Spec.Selector = &metav1.LabelSelector{} }

func order(n int32) func(*v1alpha1.DomainPatch) {
	return func(dp *v1alpha1.DomainPatch) { dp.Spec.Order = n }
}

// cloudInit adds a rule for cloud-init, which applies where a condition holds, if one is given.
func cloudInit(conditions ...string) func(*v1alpha1.DomainPatch) {
	return func(dp *v1alpha1.DomainPatch) {
		dp.Spec.CloudInit = []v1alpha1.CloudInitRule{{Target: v1alpha1.CloudInitTargetUserData, Op: v1alpha1.CloudInitOpAdd,
			Path: "/package_update", Value: v1alpha1.JSON{Raw: []byte("true")}}}
		for i, c := range conditions {
			dp.Spec.MatchConditions = append(dp.Spec.MatchConditions, v1alpha1.MatchCondition{Name: fmt.Sprint("c", i), Expression: c})
		}
	}
}
