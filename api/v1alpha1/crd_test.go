// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// TestCRD asks a real API server: it installs the generated CRDs, which also proves
// that their rules compile and fit the server's cost budgets, and has it judge objects.
func TestCRD(t *testing.T) {
	config := startAPIServer(t)
	c := newClient(t, config)
	t.Run("Accepts", func(t *testing.T) { testAccepts(t, c) })
	t.Run("Refuses", func(t *testing.T) { testRefuses(t, c) })
	t.Run("Limits", func(t *testing.T) { testLimits(t, c) })
	t.Run("Defaults", func(t *testing.T) { testDefaults(t, c) })
	t.Run("KeepsNull", func(t *testing.T) { testKeepsNull(t, c) })
	t.Run("Status", func(t *testing.T) { testStatus(t, c, config) })
	t.Run("ClusterKinds", func(t *testing.T) { testClusterKinds(t, c) })
	t.Run("SharedPVC", func(t *testing.T) { testSharedPVC(t, c) })
}

func startAPIServer(t *testing.T) *rest.Config {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set, so there is no API server to ask: run `make test`, which sets it")
	}
	env := &envtest.Environment{
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
		CRDInstallOptions: envtest.CRDInstallOptions{
			Paths:              []string{"../../config/crd"},
			ErrorIfPathMissing: true,
			MaxTime:            time.Minute,
		},
	}
	config, err := env.Start()
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// newClient is a client that has the API server refuse unknown and repeated fields.
func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, client.FieldValidation(metav1.FieldValidationStrict))
}

// create sends a DomainPatch as its author would, so that what the Go types cannot
// express arrives, too.
func create(t *testing.T, c client.Client, name, spec string) error {
	t.Helper()
	return createKind(t, c, "DomainPatch", name, spec)
}

func createKind(t *testing.T, c client.Client, kind, name, spec string) error {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(spec), &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if kind == "DomainPatch" {
		object.SetNamespace("default")
	}
	object.SetName(name)
	return c.Create(t.Context(), object, client.DryRunAll)
}

func testAccepts(t *testing.T, c client.Client) {
	cases := map[string]struct{ reason, spec string }{
		"Empty":         {"an empty patch does nothing", `spec: {}`},
		"EmptySelector": {"an empty selector selects all", `spec: {selector: {}}`},
		"Whole": {"every field has a place", `
spec:
  selector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}
  order: -5
  failurePolicy: Ignore
  matchConditions: [{name: vendor-given, expression: "true"}, {name: other, expression: "true"}]
  variables: [{name: _vendor1, expression: "'a'", pattern: "[a-z]"}, {name: B, expression: "1"}]
  domain:
  - {name: first, op: set, path: /domain/@a, expression: variables.B, expect: One, when: "true"}
  cloudInit:
  - {name: second, target: userData, op: add, path: /a/-, value: {b: [1, null, "x"]}, when: "true"}`},
		"Set":                {"set takes a value, an empty one too", `spec: {domain: [{op: set, path: /a, value: ""}]}`},
		"SetExpression":      {"set takes an expression", `spec: {domain: [{op: set, path: /a, expression: x}]}`},
		"Add":                {"add takes xml, position and key", `spec: {domain: [{op: add, path: /a, xml: <x/>, position: before, key: "@a"}]}`},
		"Merge":              {"merge needs no path", `spec: {domain: [{op: merge, xml: <domain/>, key: "@a"}]}`},
		"ReplaceValue":       {"replace takes a value", `spec: {domain: [{op: replace, path: /a, value: x}]}`},
		"ReplaceExpression":  {"replace takes an expression", `spec: {domain: [{op: replace, path: /a, expression: x}]}`},
		"ReplaceXML":         {"replace takes xml", `spec: {domain: [{op: replace, path: /a, xml: <x/>}]}`},
		"Remove":             {"remove takes a path alone", `spec: {domain: [{op: remove, path: /a, expect: Any}]}`},
		"Test":               {"test takes a path alone", `spec: {domain: [{op: test, path: /a}]}`},
		"TestValue":          {"test takes a value", `spec: {domain: [{op: test, path: /a, value: x, expect: Some}]}`},
		"CloudInitValue":     {"add takes a value", `spec: {cloudInit: [{target: userData, op: add, path: /a~1b, value: 1}]}`},
		"CloudInitNull":      {"null is a value", `spec: {cloudInit: [{target: userData, op: test, path: /a, value: null}]}`},
		"CloudInitWhole":     {"the whole document is a place", `spec: {cloudInit: [{target: metaData, op: replace, path: "", yaml: "a: b"}]}`},
		"CloudInitMerge":     {"merge needs no path", `spec: {cloudInit: [{target: networkData, op: merge, expression: x}]}`},
		"CloudInitMove":      {"move takes from", `spec: {cloudInit: [{target: userData, op: move, path: /a, from: /b}]}`},
		"CloudInitCopy":      {"copy takes from, be it the whole", `spec: {cloudInit: [{target: userData, op: copy, path: /a, from: ""}]}`},
		"CloudInitRemove":    {"remove takes a path alone", `spec: {cloudInit: [{target: userData, op: remove, path: /a}]}`},
		"UnnamedRules":       {"only given names are unique", `spec: {domain: [{op: remove, path: /a}, {op: remove, path: /a}]}`},
		"EnoughRules":        {"64 rules are the limit", rules(32, 32)},
		"EnoughDomainRules":  {"64 rules of one kind are the limit", rules(64, 0)},
		"EnoughOfCloudRules": {"64 rules of one kind are the limit", rules(0, 64)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := create(t, c, "accepted", tc.spec); err != nil {
				t.Errorf("\n%s\nCreate(): %v", tc.reason, err)
			}
		})
	}
}

// rules is a patch of so many rules, all with names.
func rules(domain, cloudInit int) string {
	text := "spec:\n  domain: []\n  cloudInit: []\n"
	list := func(field, rule string, n int) {
		for i := range n {
			text = strings.Replace(text, field+": []", fmt.Sprintf("%s: []\n  - {name: %s%d, %s}", field, field[:1], i, rule), 1)
		}
		if n > 0 {
			text = strings.Replace(text, field+": []", field+":", 1)
		}
	}
	list("domain", "op: remove, path: /a", domain)
	list("cloudInit", "target: userData, op: remove, path: /a", cloudInit)
	return text
}

func testRefuses(t *testing.T, c client.Client) {
	for name, tc := range refusals() {
		t.Run(name, func(t *testing.T) {
			name := "refused"
			if tc.name != "" {
				name = tc.name
			}
			err := create(t, c, name, tc.spec)
			// Servers before 1.37 put the type of an object where others put nothing.
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `Invalid value: "object": `, "Invalid value: "), tc.want) {
				t.Errorf("\n%s\nCreate(): %v\nwant an error with: %s", tc.reason, err, tc.want)
			}
		})
	}
}

func testLimits(t *testing.T, c client.Client) {
	cases := map[string]struct {
		reason string
		spec   string // %s stands for the text
		limit  int
	}{
		"MatchConditionName": {"a DNS label", `spec: {matchConditions: [{name: %s, expression: x}]}`, 63},
		"MatchCondition":     {"expressions are bounded", `spec: {matchConditions: [{name: x, expression: %s}]}`, 4096},
		"VariableName":       {"names are bounded", `spec: {variables: [{name: %s, expression: x}]}`, 63},
		"Variable":           {"expressions are bounded", `spec: {variables: [{name: x, expression: %s}]}`, 4096},
		"VariablePattern":    {"patterns are bounded", `spec: {variables: [{name: x, expression: x, pattern: %s}]}`, 1024},
		"Name":               {"a DNS label", `spec: {domain: [{name: %s, op: remove, path: x}]}`, 63},
		"Path":               {"paths are bounded", `spec: {domain: [{op: remove, path: %s}]}`, 1024},
		"Value":              {"texts are bounded", `spec: {domain: [{op: set, path: x, value: %s}]}`, 65536},
		"Expression":         {"expressions are bounded", `spec: {domain: [{op: set, path: x, expression: %s}]}`, 4096},
		"XML":                {"fragments are bounded", `spec: {domain: [{op: add, path: x, xml: %s}]}`, 65536},
		"Key":                {"paths are bounded", `spec: {domain: [{op: merge, xml: x, key: %s}]}`, 1024},
		"When":               {"expressions are bounded", `spec: {domain: [{op: remove, path: x, when: %s}]}`, 4096},
		"CloudInitName":      {"a DNS label", `spec: {cloudInit: [{target: userData, name: %s, op: remove, path: /x}]}`, 63},
		"CloudInitPath":      {"pointers are bounded", `spec: {cloudInit: [{target: userData, op: remove, path: /%s}]}`, 1023},
		"CloudInitFrom":      {"pointers are bounded", `spec: {cloudInit: [{target: userData, op: move, path: /x, from: /%s}]}`, 1023},
		"CloudInitYAML":      {"texts are bounded", `spec: {cloudInit: [{target: userData, op: merge, yaml: %s}]}`, 65536},
		"CloudInitCEL":       {"expressions are bounded", `spec: {cloudInit: [{target: userData, op: merge, expression: %s}]}`, 4096},
		"CloudInitWhen":      {"expressions are bounded", `spec: {cloudInit: [{target: userData, op: merge, yaml: x, when: %s}]}`, 4096},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := create(t, c, "limit", fmt.Sprintf(tc.spec, strings.Repeat("x", tc.limit))); err != nil {
				t.Errorf("\n%s\nCreate() at the limit: %v", tc.reason, err)
			}
			err := create(t, c, "limit", fmt.Sprintf(tc.spec, strings.Repeat("x", tc.limit+1)))
			if err == nil || !strings.Contains(err.Error(), "Too long: ") {
				t.Errorf("\n%s\nCreate() over the limit: %v, want an error with: Too long", tc.reason, err)
			}
		})
	}
}

func testDefaults(t *testing.T, c client.Client) {
	patch := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "defaults"}}
	if err := c.Create(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.DomainPatchSpec{FailurePolicy: v1alpha1.FailurePolicyFail}
	if diff := cmp.Diff(want, patch.Spec); diff != "" {
		t.Errorf("Create() of an empty spec: -want, +got:\n%s", diff)
	}
	patch.Spec.Selector = &metav1.LabelSelector{}
	if err := c.Update(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	want.Selector = &metav1.LabelSelector{}
	if diff := cmp.Diff(want, patch.Spec); diff != "" {
		t.Errorf("Update() with an empty selector: -want, +got:\n%s", diff)
	}
}

func testKeepsNull(t *testing.T, c client.Client) {
	rule := func(value string) v1alpha1.CloudInitRule {
		return v1alpha1.CloudInitRule{
			Target: v1alpha1.CloudInitTargetUserData, Op: v1alpha1.CloudInitOpTest, Path: "/a",
			Value: v1alpha1.JSON{Raw: []byte(value)},
		}
	}
	absent := v1alpha1.CloudInitRule{Target: v1alpha1.CloudInitTargetUserData, Op: v1alpha1.CloudInitOpRemove, Path: "/a"}
	want := []v1alpha1.CloudInitRule{rule(`null`), rule(`{"a":[null,1.5,{"b":null}]}`), rule(`""`), absent}
	patch := &v1alpha1.DomainPatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "null"},
		Spec:       v1alpha1.DomainPatchSpec{CloudInit: want},
	}
	if err := c.Create(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	got := &v1alpha1.DomainPatch{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(patch), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Spec.CloudInit); diff != "" {
		t.Errorf("Get() after Create(): -want, +got:\n%s", diff)
	}
}

func testStatus(t *testing.T, c client.Client, config *rest.Config) {
	patch := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "status"}}
	if err := c.Create(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	if n := patch.Status.ObservedGeneration; n != -1 { // else kstatus would take it for done
		t.Errorf("observedGeneration of a new patch is %d, want -1", n)
	}
	if diff := cmp.Diff([]any{nil, nil, nil, 0.0, 0.0, 0.0, 0.0}, columns(t, config, "status")); diff != "" { // counts that are zero are never written
		t.Errorf("kubectl get of a new patch: -want, +got:\n%s", diff)
	}
	patch.Status = v1alpha1.DomainPatchStatus{
		ObservedGeneration: 1,
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, LastTransitionTime: metav1.Unix(1, 0)},
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSidecarGateOff, LastTransitionTime: metav1.Unix(1, 0)},
			{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonEffective, LastTransitionTime: metav1.Unix(1, 0)},
		},
		Matched: 3, Current: 1, Outdated: 2,
	}
	if err := c.Status().Update(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"True", "False", "True", 3.0, 1.0, 2.0, 0.0}, columns(t, config, "status")); diff != "" {
		t.Errorf("kubectl get: -want, +got:\n%s", diff)
	}
}

// columns are what kubectl get prints of a patch, between its name and its age.
func columns(t *testing.T, config *rest.Config, name string) []any {
	t.Helper()
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.JoinPath(config.Host, "apis/domainpatch.kubevirt.io/v1alpha1/namespaces/default/domainpatches", name)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var table metav1.Table
	if err := json.NewDecoder(response.Body).Decode(&table); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 1 || len(table.Rows[0].Cells) < 2 {
		t.Fatalf("GET %s as a table: %s, %+v", address, response.Status, table)
	}
	cells := table.Rows[0].Cells
	return cells[1 : len(cells)-1]
}
