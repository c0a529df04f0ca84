// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
)

// readAnnotation has KubeVirt read an annotation, and write what it understood.
func readAnnotation(r io.Reader, w io.Writer) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	list, err := hooks.UnmarshalHookSidecarList(&v1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{hooks.HookSidecarListAnnotationName: string(text)}}})
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(list)
}
