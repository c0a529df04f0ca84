// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/cluster/appliance"
	"github.com/domainpatch/domainpatch/test/scratch"
)

// TestChain goes from patches and VMs to domains, with one cluster for all cases: they run one
// after another, each in a namespace of its own.
func TestChain(t *testing.T) {
	root, err := cluster.Repository()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	files := scratch.New(t)
	c, err := cluster.Start(ctx, cluster.Options{Logs: filepath.Join(root, "out", "e2e", *release), KubeVirt: kubeVirtPrograms(t, root)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop() // a case below looks at its error
	ch := &chain{Cluster: c, samples: filepath.Join(root, "config", "samples")}
	t.Run("SamplesPatchTheirVM", func(t *testing.T) { ch.with(t, ctx).samplesPatchTheirVM() })
	t.Run("AnnotationsOfVMIStay", func(t *testing.T) { ch.with(t, ctx).annotationsOfVMIStay() })
	t.Run("AnnotationBecomesPod", func(t *testing.T) { ch.with(t, ctx).annotationBecomesPod() })
	t.Run("FirmwareFromClaim", func(t *testing.T) { ch.with(t, ctx).firmwareFromClaim() })
	t.Run("MissingPatchKeepsVMFromStarting", func(t *testing.T) { ch.with(t, ctx).missingPatchKeepsVMFromStarting() })
	t.Run("FailingPatchFailsEveryAttempt", func(t *testing.T) { ch.with(t, ctx).failingPatchFailsEveryAttempt() })
	t.Run("ChangedPatchWaitsForRestart", func(t *testing.T) { ch.with(t, ctx).changedPatchWaitsForRestart() })
	t.Run("VMIAlone", func(t *testing.T) { ch.with(t, ctx).vmiAlone() })
	t.Run("SidecarGateOff", func(t *testing.T) { ch.with(t, ctx).sidecarGateOff() })
	t.Run("StopLeavesNothing", func(t *testing.T) {
		if err := c.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
		files.CheckEmpty(t)
	})
}

// chain is the cluster, and where the samples are.
type chain struct {
	*cluster.Cluster
	samples string
}

// scene is one case.
type scene struct {
	*testing.T
	chain
	ctx context.Context
}

func (ch *chain) with(t *testing.T, ctx context.Context) *scene { return &scene{t, *ch, ctx} }

// must ends the case on an error.
func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) namespace(name string) {
	s.Helper()
	s.must(s.Create(s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

// sample is one of the samples' objects, in another namespace.
func (s *scene) sample(kind, name, namespace string) *unstructured.Unstructured {
	s.Helper()
	objects, err := cluster.ReadKustomization(s.samples)
	s.must(err)
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
	if i < 0 {
		s.Fatalf("config/samples has no %s %s", kind, name)
	}
	objects[i].SetNamespace(namespace)
	return objects[i]
}

// vm is the samples' VM, made to demand these patches and no others.
func (s *scene) vm(namespace string, patches ...string) *unstructured.Unstructured {
	s.Helper()
	vm := s.sample("VirtualMachine", appliance.Name, namespace)
	labels := map[string]string{}
	for _, patch := range patches {
		labels[v1alpha1.DomainPatchReferencePrefix+patch] = v1alpha1.ReferenceDemanded
	}
	s.must(unstructured.SetNestedStringMap(vm.Object, labels, "spec", "template", "metadata", "labels"))
	return vm
}

// started waits for a VM's Pod, and runs its sidecars.
func (s *scene) started(namespace string) (*cluster.VM, *cluster.Node) {
	s.Helper()
	vm, err := s.AwaitPod(s.ctx, client.ObjectKey{Namespace: namespace, Name: appliance.Name})
	s.must(err)
	node, err := s.RunPod(s.ctx, vm)
	s.must(err)
	if node.Shortcoming != "" {
		s.Log(node.Shortcoming)
	}
	return vm, node
}

func (s *scene) samplesPatchTheirVM() {
	objects, err := cluster.ReadKustomization(s.samples)
	s.must(err)
	s.must(s.Apply(s.ctx, objects...))
	for _, name := range appliance.Patches() {
		_, err := s.AwaitReady(s.ctx, client.ObjectKey{Namespace: appliance.Namespace, Name: name}, metav1.ConditionTrue, v1alpha1.ReasonReady)
		s.must(err)
	}
	vm, node := s.started(appliance.Namespace)
	hooks := s.TempDir()
	with, err := node.Boot(s.ctx, hooks)
	s.must(err)
	without, err := s.BootUnpatched(s.ctx, vm, s.TempDir())
	s.must(err)
	s.must(appliance.Check(without, with))
	if appliance.Check(without, without) == nil {
		s.Error("the check of the samples passes without patches, too")
	}
	s.cliShowsTheSame(vm, hooks)
}

// The annotations are read when the Pod is made, possibly long after the VMI: nobody may change them.
func (s *scene) annotationsOfVMIStay() {
	vm, err := s.AwaitPod(s.ctx, client.ObjectKey{Namespace: appliance.Namespace, Name: appliance.Name})
	s.must(err)
	for _, annotation := range []string{v1alpha1.HookSidecarsAnnotation, v1alpha1.BundleAnnotation} {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, annotation)
		err := s.Patch(s.ctx, vm.VMI.DeepCopy(), client.RawPatch("application/merge-patch+json", patch))
		if err == nil || !strings.Contains(err.Error(), "update.vmi.domainpatch.kubevirt.io") {
			s.Errorf("removing annotation %s of a VMI: got error %v, want a refusal of our webhook", annotation, err)
		}
	}
	patch := []byte(`{"metadata":{"annotations":{"example.com/other":"x"}}}`)
	if err := s.Patch(s.ctx, vm.VMI, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		s.Errorf("adding another annotation: %v", err)
	}
}

func (s *scene) missingPatchKeepsVMFromStarting() {
	const namespace, patch = "missing", "disk-iotune"
	s.namespace(namespace)
	s.must(s.Apply(s.ctx, s.vm(namespace, patch)))
	key := client.ObjectKey{Namespace: namespace, Name: appliance.Name}
	s.awaitFailure(key, patch)
	s.mustHaveNoVMI(key)

	s.must(s.Apply(s.ctx, s.sample("DomainPatch", patch, namespace)))
	_, node := s.started(namespace)
	boot, err := node.Boot(s.ctx, s.TempDir())
	s.must(err)
	if want := "<total_iops_sec>500</total_iops_sec>"; !strings.Contains(string(boot.Domain), want) {
		s.Errorf("the domain has no %s", want)
	}
}

// awaitFailure waits until virt-controller says on the VM why it creates no VMI.
func (s *scene) awaitFailure(key client.ObjectKey, reason string) {
	s.Helper()
	s.must(s.Until(s.ctx, fmt.Sprintf("VM %s says that %q is why it does not start", key, reason), func(ctx context.Context) error {
		vm := &unstructured.Unstructured{}
		vm.SetAPIVersion("kubevirt.io/v1")
		vm.SetKind("VirtualMachine")
		if err := s.Get(ctx, key, vm); err != nil {
			return err
		}
		messages := strings.Join(cluster.Messages(vm), "; ")
		if !strings.Contains(messages, reason) {
			return fmt.Errorf("it says: %s", messages)
		}
		s.Log("VM: ", messages)
		return nil
	}))
}

func (s *scene) mustHaveNoVMI(key client.ObjectKey) {
	s.Helper()
	vmi := &unstructured.Unstructured{}
	vmi.SetAPIVersion("kubevirt.io/v1")
	vmi.SetKind("VirtualMachineInstance")
	if err := s.Get(s.ctx, key, vmi); client.IgnoreNotFound(err) != nil || err == nil {
		s.Fatalf("VMI %s exists, or cannot be read: %v", key, err)
	}
}

func (s *scene) failingPatchFailsEveryAttempt() {
	const namespace = "failing"
	s.namespace(namespace)
	patch := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "needs-tpm"}}
	patch.Spec.Domain = []v1alpha1.DomainRule{{Name: "has-tpm", Op: "test", Path: "/domain/devices/tpm"}}
	s.must(s.Create(s.ctx, patch))
	s.must(s.Apply(s.ctx, s.vm(namespace, patch.Name)))
	_, node := s.started(namespace)
	const retries = 10
	var messages []string
	for range 1 + retries {
		_, err := node.Boot(s.ctx, s.TempDir())
		if err == nil {
			s.Fatalf("the VM starts after %d failures, though its patch cannot be applied", len(messages))
		}
		messages = append(messages, err.Error())
	}
	s.Log("VMI: ", messages[0])
	for _, want := range []string{"domainpatch: DomainPatch failing/needs-tpm", "spec.domain[0]", "has-tpm"} {
		if !strings.Contains(messages[0], want) {
			s.Errorf("the message lacks %q: %s", want, messages[0])
		}
	}
	if other := slices.Compact(messages); len(other) > 1 {
		s.Errorf("a later attempt says another thing: %s", other[1])
	}
	s.awaitFailed(client.ObjectKeyFromObject(patch))
}

func (s *scene) awaitFailed(key client.ObjectKey) {
	s.Helper()
	s.must(s.Until(s.ctx, fmt.Sprintf("DomainPatch %s counts the VM as failed", key), func(ctx context.Context) error {
		var patch v1alpha1.DomainPatch
		if err := s.Get(ctx, key, &patch); err != nil {
			return err
		}
		if patch.Status.Failed != 1 || patch.Status.Matched != 1 {
			return fmt.Errorf("its status is %+v", patch.Status)
		}
		return nil
	}))
}

func (s *scene) sidecarGateOff() {
	const namespace, name = "gate", "disk-iotune"
	s.namespace(namespace)
	s.must(s.Apply(s.ctx, s.sample("DomainPatch", name, namespace)))
	patch, vm := client.ObjectKey{Namespace: namespace, Name: name}, client.ObjectKey{Namespace: namespace, Name: appliance.Name}
	_, err := s.AwaitReady(s.ctx, patch, metav1.ConditionTrue, v1alpha1.ReasonReady)
	s.must(err)

	s.must(s.SetSidecarGate(s.ctx, false))
	_, err = s.AwaitReady(s.ctx, patch, metav1.ConditionFalse, v1alpha1.ReasonSidecarGateOff)
	s.must(err)
	s.must(s.Apply(s.ctx, s.vm(namespace, name)))
	s.awaitFailure(vm, "Sidecar")
	s.mustHaveNoVMI(vm)

	s.must(s.SetSidecarGate(s.ctx, true))
	_, err = s.AwaitReady(s.ctx, patch, metav1.ConditionTrue, v1alpha1.ReasonReady)
	s.must(err)
	_, err = s.AwaitPod(s.ctx, vm)
	s.must(err)
}

// TestStartInterrupted stops the start of a cluster half way: nothing may be left of it.
func TestStartInterrupted(t *testing.T) {
	logs := t.TempDir()
	scratch.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Options{Logs: logs, Progress: func(what string, _ time.Duration) {
		if what == "the control plane" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Start(...): got cluster %v and error %v, want %v", c, err, context.Canceled)
	}
}

// TestStartWithoutPrograms is how a new contributor meets this package.
func TestStartWithoutPrograms(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", t.TempDir())
	_, err := cluster.Start(t.Context(), cluster.Options{Logs: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "make controlplane") {
		t.Errorf("Start(...): got error %v, want one that names the make target", err)
	}
}
