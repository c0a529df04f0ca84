// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	v1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	hostdisk "kubevirt.io/kubevirt/pkg/host-disk"
	virtconfig "kubevirt.io/kubevirt/pkg/virt-config"
)

// architecture is that of all VMs of the matrix, on every host.
const architecture = "amd64"

// nonRootUser is what virt-controller writes into the status of a VM that does not run as root.
const nonRootUser = 107

func writeDomains(folder string, files []string) error {
	for _, file := range files {
		if err := writeDomain(folder, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// writeDomain writes what virt-launcher has before it calls the first hook.
func writeDomain(folder, file string) error {
	vmi, err := readVMI(file)
	if err != nil {
		return err
	}
	spec, err := convert(vmi)
	if err != nil {
		return err
	}
	domain, err := encode(spec)
	if err != nil {
		return err
	}
	name := filepath.Join(folder, vmi.Name)
	data, err := cloudinit.ReadCloudInitVolumeDataSource(vmi, folder)
	if err == nil && data != nil {
		err = writeJSON(name+".cloud-init.json", data)
	}
	return errors.Join(err, writeJSON(name+".vmi.json", vmi), os.WriteFile(name+".xml", domain, 0o644))
}

func readVMI(file string) (*v1.VirtualMachineInstance, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseVMI(data)
}

// parseVMI reads a VMI as virt-launcher gets it: with the defaults of virt-api, the statuses of volumes of
// virt-controller, and the claims that virt-handler replaces by files. An unknown field is an error: this
// release would drop it.
func parseVMI(data []byte) (*v1.VirtualMachineInstance, error) {
	vmi := &v1.VirtualMachineInstance{}
	if err := errors.Join(yaml.UnmarshalStrict(data, &strictVMI{}), yaml.Unmarshal(data, vmi)); err != nil {
		return nil, err
	}
	config, err := clusterConfig()
	if err != nil {
		return nil, err
	}
	if err := setDefaults(config, vmi); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, status := range vmi.Status.VolumeStatus {
		known[status.Name] = true
	}
	for _, volume := range vmi.Spec.Volumes {
		if !known[volume.Name] { // the converter takes such a volume for a hotplugged one
			vmi.Status.VolumeStatus = append(vmi.Status.VolumeStatus, v1.VolumeStatus{Name: volume.Name})
		}
	}
	vmi.Status.RuntimeUser = nonRootUser
	return vmi, hostdisk.ReplacePVCByHostDisk(vmi)
}

// strictVMI has a spec without KubeVirt's method UnmarshalJSON, which lets unknown fields through. The status
// is KubeVirt's own to write, with the fields that it knows.
type strictVMI struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   strictSpec     `json:"spec"`
	Status map[string]any `json:"status"`
}

type strictSpec v1.VirtualMachineInstanceSpec

// clusterConfig is KubeVirt as installed, with no setting changed.
func clusterConfig() (*virtconfig.ClusterConfig, error) {
	crds := cache.NewSharedIndexInformer(&cache.ListWatch{}, &extv1.CustomResourceDefinition{}, 0, nil)
	kubevirts := cache.NewSharedIndexInformer(&cache.ListWatch{}, &v1.KubeVirt{}, 0, nil)
	err := kubevirts.GetStore().Add(&v1.KubeVirt{
		ObjectMeta: metav1.ObjectMeta{Name: "kubevirt", Namespace: "kubevirt", ResourceVersion: "1"},
		Status:     v1.KubeVirtStatus{Phase: v1.KubeVirtPhaseDeployed, DefaultArchitecture: architecture},
	})
	if err != nil {
		return nil, err
	}
	return virtconfig.NewClusterConfigWithCPUArch(crds, kubevirts, "kubevirt", architecture)
}

func writeJSON(file string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
