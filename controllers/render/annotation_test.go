// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

var update = flag.Bool("update", false, "rewrite "+annotationFile)

// annotationFile is an annotation as this package writes it. The modules of test/kubevirt cannot
// import this one: they have KubeVirt read the file, and write the same.
const annotationFile = "testdata/annotation.json"

// TestAnnotationFile keeps the file current: an entry of another owner that has every field, and
// the one of a bundle with a volume.
func TestAnnotationFile(t *testing.T) {
	full := v1alpha1.HookSidecar{
		Image:           "registry.example:5000/sidecar@sha256:00",
		ImagePullPolicy: "Always",
		Command:         []string{"/bin/sidecar", "run"},
		Args:            []string{"--version", "v1alpha3", "a b", `"<&>"`},
		ConfigMap:       &v1alpha1.HookSidecarConfigMap{Name: "script", Key: "run.sh", HookPath: v1alpha1.HookPathPreCloudInitIso},
		PVC:             &v1alpha1.HookSidecarPVC{Name: "firmware", VolumePath: "/firmware", SharedComputePath: "/var/run/firmware"},
	}
	checkNothingEmpty(t, reflect.ValueOf(full))
	b := renderedWithVolume(t)
	got := annotationOf(t, b, full) + "\n"
	if *update {
		if err := os.WriteFile(annotationFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(annotationFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(file), got); diff != "" {
		t.Errorf("%s, rewrite it with -update (-it +written):\n%s", annotationFile, diff)
	}
	list, err := v1alpha1.ParseHookSidecars(string(file))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []v1alpha1.HookSidecar{full, b.Entry(image)} {
		entry, err := list.Entry(i)
		if diff := cmp.Diff(want, entry); diff != "" || err != nil {
			t.Errorf("entry %d: %v (-want +got):\n%s", i, err, diff)
		}
	}
}

func renderedWithVolume(t *testing.T) *render.Bundle {
	t.Helper()
	patches := render.Patches(nil, []v1alpha1.ClusterDomainPatch{sharing("ovmf")})
	b, err := render.Render(t.Context(), render.VMI{JSON: []byte("{}")}, render.Namespace{Name: "vms"}, render.Objects{Patches: patches}, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// annotationOf is the annotation of a VMI with this other entry.
func annotationOf(t *testing.T, b *render.Bundle, other v1alpha1.HookSidecar) string {
	t.Helper()
	var others v1alpha1.HookSidecars
	if err := others.Append(other); err != nil {
		t.Fatal(err)
	}
	existing, err := others.Encode()
	if err != nil {
		t.Fatal(err)
	}
	written, err := b.Annotations(map[string]string{v1alpha1.HookSidecarsAnnotation: existing}, image)
	if err != nil {
		t.Fatal(err)
	}
	return written[v1alpha1.HookSidecarsAnnotation]
}

// checkNothingEmpty notices a field that the type has got and the test does not set.
func checkNothingEmpty(t *testing.T, v reflect.Value) {
	t.Helper()
	for field, value := range v.Fields() {
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			checkNothingEmpty(t, value.Elem())
		} else if value.IsZero() {
			t.Errorf("%s.%s is empty: give it a value", v.Type(), field.Name)
		}
	}
}
