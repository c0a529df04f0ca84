// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// start lets the owner start a VM.
func (s *scene) start(t *testing.T, name string) {
	t.Helper()
	must(t, merge("VirtualMachine", name, map[string]any{"spec": map[string]any{"runStrategy": "Always"}})(s, s.as(t, owner)))
}

// foreignVMsStart starts VMs from the time before lockdown, which audit lets pass.
func (s *scene) foreignVMsStart(t *testing.T) {
	before := s.counted(t, "virtualmachineinstances")
	for _, name := range []string{"stopped", "typed"} {
		s.start(t, name)
		vm, err := s.AwaitPod(s.ctx, s.key(name))
		must(t, err)
		if image := vm.Pod.Spec.Containers[1].Image; image != "evil/sidecar:v1" {
			t.Errorf("VM %s has a container with image %s, want the sidecar of others", name, image)
		}
	}
	if after := s.counted(t, "virtualmachineinstances"); after < before+2 {
		t.Errorf("counted %v VMIs, want two more than %v", after, before)
	}
}

// foreignVMsDoNotStart starts VMs from the time before lockdown: virt-controller, which makes
// their VMIs, is refused, and the reason is to be read on the VM.
func (s *scene) foreignVMsDoNotStart(t *testing.T) {
	for _, name := range []string{"stopped", "typed"} {
		s.start(t, name)
		vm := s.vm(name, nil)
		must(t, s.Until(s.ctx, "VM "+name+" tells why it does not start", func(ctx context.Context) error {
			if err := s.Get(ctx, s.key(name), vm); err != nil {
				return err
			}
			if messages := strings.Join(cluster.Messages(vm), "; "); !strings.Contains(messages, "lockdown: ") || !strings.Contains(messages, "[0] runs image") {
				return fmt.Errorf("it says %q", messages)
			}
			return nil
		}))
		if err := s.Get(s.ctx, s.key(name), s.vmi(name, nil)); !apierrors.IsNotFound(err) {
			t.Errorf("VMI %s: %v, want that there is none", name, err)
		}
	}
}

// refusedInAnyMode changes what a VMI was created with, before KubeVirt makes a pod of it or later.
func (s *scene) refusedInAnyMode(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"Entry":    hooks(foreign),
		"NoEntry":  {v1alpha1.HookSidecarsAnnotation: nil},
		"Bundle":   {v1alpha1.BundleAnnotation: strings.Repeat("0", 64)},
		"NoBundle": {v1alpha1.BundleAnnotation: nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := merge("VirtualMachineInstance", "patched", map[string]any{"metadata": map[string]any{"annotations": change}})(s, s.as(t, owner))
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "must not change: change the VM template and restart the VM") {
				t.Errorf("error %v, want Forbidden", err)
			}
		})
	}
}

// statusHasNoEffect forges the status of a VMI. While virt-api is there it drops what others than KubeVirt
// write; lockdown does not rely on that.
func (s *scene) statusHasNoEffect(t *testing.T) {
	forge := merge("VirtualMachineInstance", "patched", map[string]any{"status": map[string]any{
		"migrationState": map[string]any{"targetPod": "p", "targetNode": "n"}, "activePods": map[string]any{"0": "n"}}})
	must(t, forge(s, s.as(t, owner)))
	vmi := s.vmi("patched", nil)
	must(t, s.Get(s.ctx, s.key("patched"), vmi))
	if state, found, _ := unstructured.NestedMap(vmi.Object, "status", "migrationState"); found {
		t.Errorf("status.migrationState is %v", state)
	}

	mutator := &unstructured.Unstructured{}
	mutator.SetAPIVersion("admissionregistration.k8s.io/v1")
	mutator.SetKind("MutatingWebhookConfiguration")
	must(t, s.Get(s.ctx, client.ObjectKey{Name: "virt-api-mutator"}, mutator))
	must(t, s.Delete(s.ctx, mutator.DeepCopy()))
	dry := s.as(t, owner)
	dry.Client = client.NewDryRunClient(dry.Client)
	must(t, s.Until(s.ctx, "a forged status is refused", func(context.Context) error {
		err := forge(s, dry)
		if err == nil {
			return errors.New("it passes")
		}
		return nil
	}))
	if err := forge(s, s.as(t, owner)); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "lockdown: the status of a VirtualMachineInstance is KubeVirt's to write") {
		t.Errorf("error %v, want Forbidden", err)
	}
	unlabelled := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
	if err := s.as(t, owner).Patch(s.ctx, s.vmi("patched", nil), unlabelled); err != nil {
		t.Errorf("the owner's label: %v", err)
	}
	mutator.SetResourceVersion("")
	must(t, s.Create(s.ctx, mutator))
}
