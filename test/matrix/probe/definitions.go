// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
)

// printDefinitions prints the kinds that DomainPatch reads, or that may hold its annotation.
func printDefinitions(w io.Writer) error {
	for _, create := range append([]func() (*extv1.CustomResourceDefinition, error){
		components.NewKubeVirtCrd,
		components.NewVirtualMachineCrd,
		components.NewVirtualMachineInstanceCrd,
		components.NewReplicaSetCrd,
		components.NewVirtualMachinePoolCrd,
	}, laterDefinitions...) {
		definition, err := create()
		if err != nil {
			return err
		}
		definition.Status = extv1.CustomResourceDefinitionStatus{}
		data, err := yaml.Marshal(definition)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", data); err != nil {
			return err
		}
	}
	return nil
}
