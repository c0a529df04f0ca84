// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// firmwareFromClaim: a cluster patch points the domain at a file of a claim of the VM's namespace, and
// brings the claim along, into its sidecar and into the container that starts QEMU.
func (s *scene) firmwareFromClaim() {
	const namespace = "firmware"
	s.namespace(namespace)
	patch := s.clusterPatch("firmware-custom-ovmf")
	s.must(s.Create(s.ctx, patch))
	s.must(s.Apply(s.ctx, s.vmWithEFI(namespace, patch.Name)))

	vm, node := s.started(namespace)
	pvc := patch.Spec.PVC
	s.checkShared(vm.Pod, &v1alpha1.HookSidecarPVC{Name: pvc.Name, SharedComputePath: pvc.SharedComputePath})
	own := corev1.VolumeMount{Name: pvc.Name, MountPath: pvc.VolumePath}
	if mounts := container(vm.Pod, "hook-sidecar-0").VolumeMounts; !contains(mounts, own) {
		s.Errorf("container hook-sidecar-0 has mounts %+v, not %+v", mounts, own)
	}
	boot, err := node.Boot(s.ctx, s.TempDir())
	s.must(err)
	for _, file := range []string{"OVMF_CODE.fd</loader>", `template="` + pvc.SharedComputePath + "/OVMF_VARS.fd"} {
		if !strings.Contains(strings.ReplaceAll(string(boot.Domain), "'", `"`), file) {
			s.Errorf("the domain has no %s:\n%s", file, boot.Domain)
		}
	}
}

// clusterPatch reads the patch of a sample that kubectl apply -k does not apply.
func (s *scene) clusterPatch(sample string) *v1alpha1.ClusterDomainPatch {
	s.Helper()
	data, err := os.ReadFile(filepath.Join(s.samples, sample, "patch.yaml"))
	s.must(err)
	patch := &v1alpha1.ClusterDomainPatch{}
	s.must(yaml.UnmarshalStrict(data, patch))
	return patch
}

// vmWithEFI is the samples' VM with EFI, which demands a cluster patch.
func (s *scene) vmWithEFI(namespace, patch string) *unstructured.Unstructured {
	s.Helper()
	vm := s.vm(namespace)
	label := v1alpha1.ClusterDomainPatchReferencePrefix + patch
	s.must(unstructured.SetNestedField(vm.Object, v1alpha1.ReferenceDemanded, "spec", "template", "metadata", "labels", label))
	s.must(unstructured.SetNestedField(vm.Object, false, "spec", "template", "spec", "domain", "firmware", "bootloader", "efi", "secureBoot"))
	return vm
}
