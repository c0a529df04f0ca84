// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"errors"
	"fmt"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	v1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"kubevirt.io/kubevirt/pkg/defaults"
	hostdisk "kubevirt.io/kubevirt/pkg/host-disk"
	"kubevirt.io/kubevirt/pkg/util"
	virtconfig "kubevirt.io/kubevirt/pkg/virt-config"
)

// defaultArchitecture is the one of a VMI that names none, on every host.
const defaultArchitecture = "amd64"

// ParseVMI reads one VirtualMachineInstance, YAML or JSON, strictly: unknown
// fields are errors. The result is what virt-launcher would be handed: virt-api
// has set the defaults, virt-controller the volumes' statuses, and virt-handler
// has replaced the claims that status.volumeStatus describes. Parsing an already defaulted VMI changes
// nothing.
func ParseVMI(data []byte) (*v1.VirtualMachineInstance, error) {
	vmi := &v1.VirtualMachineInstance{}
	if err := errors.Join(yaml.UnmarshalStrict(data, &strictVMI{}), yaml.Unmarshal(data, vmi)); err != nil {
		return nil, fmt.Errorf("cannot read the VMI: %w", err)
	}
	if vmi.Kind != "VirtualMachineInstance" || vmi.Name == "" {
		return nil, fmt.Errorf("cannot read the VMI: want kind VirtualMachineInstance and a name, got kind %q, name %q", vmi.Kind, vmi.Name)
	}
	if err := checkSupported(vmi); err != nil {
		return nil, fmt.Errorf("VMI %s: %w", vmi.Name, err)
	}
	if err := setDefaults(vmi); err != nil {
		return nil, fmt.Errorf("VMI %s: set KubeVirt's defaults: %w", vmi.Name, err)
	}
	addVolumeStatuses(vmi)
	if err := hostdisk.ReplacePVCByHostDisk(vmi); err != nil {
		return nil, fmt.Errorf("VMI %s: replace its claims: %w", vmi.Name, err)
	}
	return vmi, nil
}

// strictVMI has a spec without the method UnmarshalJSON of KubeVirt's, which
// lets unknown fields through.
type strictVMI struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   strictSpec                      `json:"spec"`
	Status v1.VirtualMachineInstanceStatus `json:"status"`
}

type strictSpec v1.VirtualMachineInstanceSpec

// setDefaults mirrors mutators.ApplyNewVMIMutations of virt-api, whose package
// takes seconds to load, but for what confidential VMs get.
func setDefaults(vmi *v1.VirtualMachineInstance) error {
	config, err := clusterConfig()
	if err != nil {
		return err
	}
	if err := defaults.SetDefaultVirtualMachineInstance(config, vmi); err != nil {
		return err
	}
	if _, exists := vmi.Annotations[v1.PciTopologyVersionAnnotation]; !exists && defaults.SupportsPCIeHotplug(&vmi.Spec) {
		metav1.SetMetaDataAnnotation(&vmi.ObjectMeta, v1.PciTopologyVersionAnnotation, v1.PciTopologyVersionV3)
	}
	vmi.Status.RuntimeUser = util.NonRootUID
	return nil
}

// clusterConfig is KubeVirt as installed, with no setting changed.
func clusterConfig() (*virtconfig.ClusterConfig, error) {
	crds := cache.NewSharedIndexInformer(&cache.ListWatch{}, &extv1.CustomResourceDefinition{}, 0, nil)
	kubevirts := cache.NewSharedIndexInformer(&cache.ListWatch{}, &v1.KubeVirt{}, 0, nil)
	err := kubevirts.GetStore().Add(&v1.KubeVirt{
		ObjectMeta: metav1.ObjectMeta{Name: "kubevirt", Namespace: "kubevirt", ResourceVersion: "1"},
		Status:     v1.KubeVirtStatus{Phase: v1.KubeVirtPhaseDeployed, DefaultArchitecture: defaultArchitecture},
	})
	if err != nil {
		return nil, err
	}
	return virtconfig.NewClusterConfigWithCPUArch(crds, kubevirts, "kubevirt", defaultArchitecture)
}

// checkSupported refuses what would otherwise be missing from the domain
// without a word: it comes from device plugins, or depends on the node's CPU.
func checkSupported(vmi *v1.VirtualMachineInstance) error {
	devices := vmi.Spec.Domain.Devices
	if len(devices.GPUs)+len(devices.HostDevices) > 0 {
		return errors.New("spec.domain.devices: gpus and hostDevices come from the node, which is not played here")
	}
	for i, nic := range devices.Interfaces {
		if nic.SRIOV != nil {
			return fmt.Errorf("spec.domain.devices.interfaces[%d]: SR-IOV devices come from the node, which is not played here", i)
		}
	}
	if util.IsSEVVMI(vmi) || util.IsTDXVMI(vmi) || util.IsSecureExecutionVMI(vmi) {
		return errors.New("spec.domain.launchSecurity: confidential VMs are not played here")
	}
	return nil
}

// addVolumeStatuses does what virt-controller has done by then: every volume
// has a status. The converter takes a volume without one for a hotplugged one.
func addVolumeStatuses(vmi *v1.VirtualMachineInstance) {
	known := map[string]bool{}
	for _, status := range vmi.Status.VolumeStatus {
		known[status.Name] = true
	}
	for _, volume := range vmi.Spec.Volumes {
		if !known[volume.Name] {
			vmi.Status.VolumeStatus = append(vmi.Status.VolumeStatus, v1.VolumeStatus{Name: volume.Name})
		}
	}
}
