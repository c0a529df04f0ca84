// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
)

// readAnnotation reads an annotation that the product wrote, whose type this module cannot import:
// controllers/render/annotation_test.go keeps it current. Its first entry has every field that
// the product knows, its second is that of a bundle.
func readAnnotation(t *testing.T) (text []byte, fields []map[string]any) {
	t.Helper()
	text, err := os.ReadFile("../../controllers/render/testdata/annotation.json")
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text, fields
}

// TestAnnotation has KubeVirt read the annotation, and write it again.
func TestAnnotation(t *testing.T) {
	text, fields := readAnnotation(t)
	list, err := hooks.UnmarshalHookSidecarList(&v1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{hooks.HookSidecarListAnnotationName: string(text)}}})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d entries, want 2: %v", len(list), err)
	}
	want := hooks.HookSidecar{
		Image:           "registry.example:5000/sidecar@sha256:00",
		ImagePullPolicy: "Always",
		Command:         []string{"/bin/sidecar", "run"},
		Args:            []string{"--version", "v1alpha3", "a b", `"<&>"`},
		ConfigMap:       &hooks.ConfigMap{Name: "script", Key: "run.sh", HookPath: "/usr/bin/preCloudInitIso"},
		PVC:             &hooks.PVC{Name: "firmware", VolumePath: "/firmware", SharedComputePath: "/var/run/firmware"},
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("the entry with every field (-want +got):\n%s", diff)
	}
	again, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var written []map[string]any
	if err := json.Unmarshal(again, &written); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fields, written); diff != "" {
		t.Errorf("KubeVirt writes another annotation (-read +written):\n%s", diff)
	}
}

// TestAnnotationFields notices a field that KubeVirt's type has and the product's has not.
func TestAnnotationFields(t *testing.T) {
	_, fields := readAnnotation(t)
	checkFields(t, reflect.TypeFor[hooks.HookSidecar](), fields[0])
}

func checkFields(t *testing.T, kind reflect.Type, ours map[string]any) {
	t.Helper()
	for field := range kind.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" { // not read from the annotation
			continue
		}
		value, ok := ours[name]
		if !ok {
			t.Errorf("%s has a field %q, which the product's type lacks", kind, name)
		}
		if object, ok := value.(map[string]any); ok {
			checkFields(t, field.Type.Elem(), object)
		}
	}
}
