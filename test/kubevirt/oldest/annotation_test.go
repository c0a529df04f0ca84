// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package oldest

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
)

// TestAnnotation has KubeVirt read an annotation with every field, and write the same again:
// it knows them all. controllers/render/annotation_test.go keeps the file current.
func TestAnnotation(t *testing.T) {
	text, err := os.ReadFile("../../../controllers/render/testdata/annotation.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := hooks.UnmarshalHookSidecarList(&v1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{hooks.HookSidecarListAnnotationName: string(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var read, written any
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &written); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, written) {
		t.Errorf("KubeVirt writes another annotation:\n%s\nread:\n%s", again, text)
	}
}
