// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/test/cluster/appliance"
)

// annotationBecomesPod shows what virt-controller makes of every field of the annotation. Our
// webhooks refuse entries that they did not write, so the namespace is one that they leave alone.
func (s *scene) annotationBecomesPod() {
	const namespace = "annotated"
	labels := map[string]string{v1alpha1.InjectLabel: "disabled"}
	s.must(s.Create(s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: labels}}))
	full := v1alpha1.HookSidecar{
		Image:           "registry.example/sidecar:v1",
		ImagePullPolicy: "Always",
		Command:         []string{"/bin/sidecar", "run"},
		Args:            []string{"--version", "v1alpha2", "a b"},
		ConfigMap:       &v1alpha1.HookSidecarConfigMap{Name: "script", Key: "run.sh", HookPath: v1alpha1.HookPathPreCloudInitIso},
		PVC:             &v1alpha1.HookSidecarPVC{Name: "firmware", VolumePath: "/firmware", SharedComputePath: "/var/run/firmware"},
	}
	bundle := s.bundleWithVolume(namespace)
	ours := bundle.Entry(render.Image{Name: "registry.example/shim:v1", PullPolicy: "IfNotPresent"})
	script := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: full.ConfigMap.Name}, Data: map[string]string{"run.sh": "#!/bin/sh\n"}}
	s.must(s.Create(s.ctx, script))
	s.must(s.Create(s.ctx, bundles.ConfigMap(bundle, namespace)))
	s.must(s.Apply(s.ctx, s.annotatedVM(namespace, full, ours)))

	vm, err := s.AwaitPod(s.ctx, client.ObjectKey{Namespace: namespace, Name: appliance.Name})
	s.must(err)
	s.checkSidecar(vm.Pod, "hook-sidecar-0", full)
	s.checkSidecar(vm.Pod, "hook-sidecar-1", ours)
}

// bundleWithVolume is the bundle of a ClusterDomainPatch with everything that ends up in an entry.
func (s *scene) bundleWithVolume(namespace string) *render.Bundle {
	s.Helper()
	text := "patched"
	patch := v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "ovmf"}}
	patch.Spec.Selector = &metav1.LabelSelector{}
	patch.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/description", Value: &text}}
	patch.Spec.PVC = &v1alpha1.SharedPVC{Name: "ovmf", VolumePath: "/ovmf", SharedComputePath: "/var/run/domainpatch/ovmf"}
	bundle, err := render.Render(s.ctx, render.VMI{JSON: []byte("{}")}, render.Namespace{Name: namespace},
		render.Objects{Patches: render.Patches(nil, []v1alpha1.ClusterDomainPatch{patch})}, render.NewCompiler())
	s.must(err)
	return bundle
}

// annotatedVM is the samples' VM with dedicated CPUs, for which KubeVirt limits the sidecars.
func (s *scene) annotatedVM(namespace string, entries ...v1alpha1.HookSidecar) *unstructured.Unstructured {
	s.Helper()
	var list v1alpha1.HookSidecars
	for _, entry := range entries {
		s.must(list.Append(entry))
	}
	annotation, err := list.Encode()
	s.must(err)
	vm := s.vm(namespace)
	s.must(unstructured.SetNestedField(vm.Object, annotation, "spec", "template", "metadata", "annotations", v1alpha1.HookSidecarsAnnotation))
	s.must(unstructured.SetNestedField(vm.Object, true, "spec", "template", "spec", "domain", "cpu", "dedicatedCpuPlacement"))
	return vm
}

// wantSidecar is the container of an entry in a VM with dedicated CPUs, as KubeVirt documents it or
// its code says (newSidecarContainerRenderer, sidecarResources in pkg/virt-controller/services).
func (s *scene) wantSidecar(name string, entry v1alpha1.HookSidecar) corev1.Container {
	s.Helper()
	sockets := corev1.VolumeMount{Name: "hook-sidecar-sockets", MountPath: "/var/run/kubevirt-hooks"}
	if hasOwnSocketFolder(s.T) {
		sockets.SubPath = name
	}
	var privileged *bool
	if minor(s.T) < 7 {
		privileged = new(bool) // said, and the default since
	}
	limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("64M")}
	user, yes, no := int64(107), true, false
	return corev1.Container{
		Name:            name,
		Image:           entry.Image,
		ImagePullPolicy: corev1.PullPolicy(entry.ImagePullPolicy),
		Command:         entry.Command,
		Args:            entry.Args,
		Resources:       corev1.ResourceRequirements{Limits: limits, Requests: limits},
		VolumeMounts: []corev1.VolumeMount{
			sockets,
			{Name: entry.ConfigMap.Name, MountPath: entry.ConfigMap.HookPath, SubPath: entry.ConfigMap.Key},
			{Name: entry.PVC.Name, MountPath: entry.PVC.VolumePath},
		},
		SecurityContext: &corev1.SecurityContext{Privileged: privileged, RunAsUser: &user, RunAsGroup: &user, RunAsNonRoot: &yes, AllowPrivilegeEscalation: &no,
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
	}
}

// checkSidecar compares a container, and what it shares with others, with its entry.
func (s *scene) checkSidecar(pod *corev1.Pod, name string, entry v1alpha1.HookSidecar) {
	s.Helper()
	got := container(pod, name)
	others := cmpopts.IgnoreFields(corev1.Container{}, "Env", "TerminationMessagePath", "TerminationMessagePolicy")
	if diff := cmp.Diff(s.wantSidecar(name, entry), got, others); diff != "" {
		s.Errorf("container %s (-want +got):\n%s", name, diff)
	}
	if hasOwnSocketFolder(s.T) && !contains(got.Env, corev1.EnvVar{Name: "CONTAINER_NAME", Value: name}) {
		s.Errorf("container %s has the environment %+v, without its name", name, got.Env)
	}
	mode := int32(0o755)
	s.checkVolume(pod, corev1.Volume{Name: entry.ConfigMap.Name, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: entry.ConfigMap.Name}, DefaultMode: &mode}}})
	s.checkShared(pod, entry.PVC)
}

// checkShared checks that a Pod has a claim, and that the compute container sees it.
func (s *scene) checkShared(pod *corev1.Pod, claim *v1alpha1.HookSidecarPVC) {
	s.Helper()
	s.checkVolume(pod, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
	shared := corev1.VolumeMount{Name: claim.Name, MountPath: claim.SharedComputePath}
	if mounts := container(pod, "compute").VolumeMounts; !contains(mounts, shared) {
		s.Errorf("container compute has mounts %+v, not %+v", mounts, shared)
	}
}

func (s *scene) checkVolume(pod *corev1.Pod, want corev1.Volume) {
	s.Helper()
	var got []corev1.Volume
	for _, volume := range pod.Spec.Volumes {
		if volume.Name == want.Name {
			got = append(got, volume)
		}
	}
	if diff := cmp.Diff([]corev1.Volume{want}, got); diff != "" {
		s.Errorf("volume %s (-want +got):\n%s", want.Name, diff)
	}
}

func contains[T any](list []T, want T) bool {
	return slices.ContainsFunc(list, func(got T) bool { return cmp.Equal(got, want) })
}

// container is the one of that name, or an empty one.
func container(pod *corev1.Pod, name string) corev1.Container {
	for _, c := range pod.Spec.Containers {
		if c.Name == name {
			return c
		}
	}
	return corev1.Container{}
}
