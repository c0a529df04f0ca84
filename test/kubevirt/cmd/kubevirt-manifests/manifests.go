// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
)

// namespace is KubeVirt's own; the webhooks leave out what lives in it.
const namespace = "kubevirt"

func definitions() ([]any, error) {
	var all []any
	for _, create := range append([]func() (*extv1.CustomResourceDefinition, error){
		components.NewKubeVirtCrd,
		components.NewVirtualMachineCrd,
		components.NewVirtualMachineInstanceCrd,
		components.NewVirtualMachineInstanceMigrationCrd,
		components.NewReplicaSetCrd,
		components.NewPresetCrd,
		components.NewVirtualMachinePoolCrd,
		components.NewVirtualMachineInstancetypeCrd,
		components.NewVirtualMachineClusterInstancetypeCrd,
		components.NewVirtualMachinePreferenceCrd,
		components.NewVirtualMachineClusterPreferenceCrd,
		components.NewMigrationPolicyCrd,
		components.NewVirtualMachineCloneCrd,
		components.NewVirtualMachineSnapshotCrd,
		components.NewVirtualMachineSnapshotContentCrd,
		components.NewVirtualMachineRestoreCrd,
		components.NewVirtualMachineExportCrd,
	}, laterDefinitions...) {
		definition, err := create()
		if err != nil {
			return nil, err
		}
		all = append(all, definition)
	}
	return all, nil
}

func webhooks(url string, bundle []byte) ([]any, error) {
	if block, _ := pem.Decode(bundle); block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("--ca: the file has no PEM certificate")
	}
	mutating := components.NewVirtAPIMutatingWebhookConfiguration(namespace)
	for i := range mutating.Webhooks {
		pointTo(&mutating.Webhooks[i].ClientConfig, url, bundle)
	}
	validating := components.NewVirtAPIValidatingWebhookConfiguration(namespace)
	for i := range validating.Webhooks {
		pointTo(&validating.Webhooks[i].ClientConfig, url, bundle)
	}
	return []any{mutating, validating}, nil
}

// pointTo replaces the service, which has no endpoints here, by the URL.
func pointTo(config *admissionv1.WebhookClientConfig, url string, bundle []byte) {
	address := strings.TrimSuffix(url, "/") + *config.Service.Path
	*config = admissionv1.WebhookClientConfig{URL: &address, CABundle: bundle}
}

// encode prints a YAML stream, without the status that nobody may set.
func encode(w io.Writer, objects []any) error {
	for _, object := range objects {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return err
		}
		delete(fields, "status")
		data, err := yaml.Marshal(fields)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", data); err != nil {
			return err
		}
	}
	return nil
}
