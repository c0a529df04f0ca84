// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/controllers/render"
)

// newerCluster lists patches as an API server does whose CRD has fields that this program
// does not know; the CRD of this repository would prune them.
type newerCluster struct {
	client.Reader
	patches []unstructured.Unstructured
}

func (n newerCluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*unstructured.UnstructuredList).Items = n.patches
	return nil
}

// TestPatchesOfANewerVersion: what a newer version wrote is not applied without what it meant.
func TestPatchesOfANewerVersion(t *testing.T) {
	newPatch := func(name string, metadata, rule map[string]any) unstructured.Unstructured {
		rule["op"], rule["path"] = "test", "/domain"
		metadata["name"], metadata["namespace"] = name, "ns"
		return unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "domainpatch.kubevirt.io/v1alpha1", "kind": "DomainPatch", "metadata": metadata,
			"spec": map[string]any{"domain": []any{rule}}, "status": map[string]any{"news": int64(1)},
		}}
	}
	w := &Webhooks{Compile: render.Compile, Reader: newerCluster{patches: []unstructured.Unstructured{
		newPatch("known", map[string]any{"news": "x"}, map[string]any{}),
		newPatch("newer", map[string]any{}, map[string]any{"onlyOn": "fridays"}),
	}}}
	patches, compile, err := w.patches(t.Context(), "ns")
	if err != nil || len(patches) != 2 {
		t.Fatalf("got %d patches, %v", len(patches), err)
	}
	if _, err := compile(patches[0]); err != nil {
		t.Errorf("new fields beside the spec: %v", err)
	}
	if _, err := compile(patches[1]); err == nil || !strings.Contains(err.Error(), `unknown field "spec.domain[0].onlyOn"`) {
		t.Errorf("a new field of the spec: %v", err)
	}
}

// TestSameSpec: a field that this program does not know counts, and does not stand in the way.
func TestSameSpec(t *testing.T) {
	cases := map[string]struct {
		before, after string
		want          bool
	}{
		"labels":        {`{"metadata":{"finalizers":["f"]},"spec":{"new":1,"domain":[]}}`, `{"metadata":{},"spec":{"domain":[],"new":1}}`, true},
		"unknown field": {`{"spec":{"new":1}}`, `{"spec":{"new":2}}`, false},
		"large number":  {`{"spec":{"order":9007199254740993}}`, `{"spec":{"order":9007199254740992}}`, false},
		"no object":     {`[]`, `[]`, false},
	}
	for name, tc := range cases {
		if got := sameSpec([]byte(tc.before), []byte(tc.after)); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
