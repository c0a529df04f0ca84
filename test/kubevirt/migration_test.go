// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// targetOf makes the VMI one that KubeVirt prepares a migration target for, as virt-controller writes it
// (handleTargetPodHandoff in virt-controller/watch/migration).
func targetOf(vmi *v1.VirtualMachineInstance) {
	vmi.Status.Phase = v1.Running
	vmi.Status.NodeName = "node-a"
	vmi.Labels[v1.MigrationTargetNodeNameLabel] = "node-b"
	vmi.Status.MigrationState = &v1.VirtualMachineInstanceMigrationState{
		MigrationUID: "0b9d3c52-5a43-4c0e-9c12-6d1f6f3a00aa",
		SourceNode:   "node-a",
		SourcePod:    "virt-launcher-plain-aaaaa",
		TargetNode:   "node-b",
		TargetPod:    "virt-launcher-plain-bbbbb",
	}
}

// receiverOf makes the VMI one that receives a migration from another cluster: it never ran, and virt-controller's
// handleTargetPodHandoff writes the states of both sides.
func receiverOf(vmi *v1.VirtualMachineInstance) {
	targetOf(vmi)
	vmi.Status.Phase = v1.Scheduled
	vmi.Status.NodeName = "node-b"
	metav1.SetMetaDataAnnotation(&vmi.ObjectMeta, v1.CreateMigrationTarget, "true")
	state := vmi.Status.MigrationState
	state.SourceState = &v1.VirtualMachineInstanceMigrationSourceState{}
	state.SourceState.Node, state.SourceState.Pod = state.SourceNode, state.SourcePod
	state.TargetState = &v1.VirtualMachineInstanceMigrationTargetState{}
	state.TargetState.Node, state.TargetState.Pod = state.TargetNode, state.TargetPod
}

// failingBundle fails in both hooks: without the first the second must not go on.
func failingBundle(t *testing.T) []byte {
	t.Helper()
	patch := bundle.NewPatch("contract", bundle.DomainRule{Op: "set", Path: "/domain/os/smbios/@mode", Value: "sysinfo"})
	patch.CloudInit = []bundle.CloudInitRule{{Name: "absent", Target: "userData", Op: "test", Path: "/nosuchkey", Value: "x"}}
	return encodeBundle(t, patch)
}

// TestMigrationTarget: KubeVirt throws away what hooks return on the target of a live migration (prepareMigrationTarget in
// virtwrap/live-migration-target.go), so there a failure must not stop the migration. Nothing else lets a failure through.
func TestMigrationTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		reason    string
		edit      func(*v1.VirtualMachineInstance)
		tolerated bool
	}{
		"Target":   {"the source runs the VM", targetOf, true},
		"Receiver": {"a VMI that receives a migration from another cluster never starts by itself", receiverOf, true},
		"Start":    {"a VM starts", func(vmi *v1.VirtualMachineInstance) { vmi.Status.Phase = v1.Scheduled }, false},
		"Forged": {"whoever creates a VMI may write a migrationState, the phase is KubeVirt's", func(vmi *v1.VirtualMachineInstance) {
			targetOf(vmi)
			vmi.Status.Phase = v1.Scheduled
		}, false},
		"ForgedEarly": {"nor does a node name of the creator's help", func(vmi *v1.VirtualMachineInstance) {
			targetOf(vmi)
			vmi.Status.Phase, vmi.Status.NodeName = v1.Scheduling, ""
		}, false},
		"EarlierMigration": {"its state stays on the VMI", func(vmi *v1.VirtualMachineInstance) {
			targetOf(vmi)
			now := metav1.Now()
			vmi.Status.MigrationState.EndTimestamp, vmi.Status.MigrationState.Completed = &now, true
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vmi := loadVMI(t, "plain")
			tc.edit(vmi)
			manager, process := runShim(t, sidecar{sockets: t.TempDir()}, failingBundle(t), "v1alpha3", "OnDefineDomain,PreCloudInitIso")
			checkTarget(t, manager, vmi, tc.tolerated)
			if err := manager.Shutdown(); err != nil {
				t.Fatal(err)
			}
			if err := process.exited(); err != nil {
				t.Fatal(err)
			}
			checkTolerated(t, process.output.String(), tc.tolerated)
		})
	}
}

// checkTarget calls the hooks as prepareMigrationTarget does: PreCloudInitIso and one OnDefineDomain.
func checkTarget(t *testing.T, manager hooks.Manager, vmi *v1.VirtualMachineInstance, tolerated bool) {
	t.Helper()
	boot := &launcher.Boot{Manager: manager, VMI: vmi, Passes: 1}
	before, after, err := boot.CloudInit()
	if tolerated != (err == nil) || tolerated && toJSON(t, before) != toJSON(t, after) {
		t.Errorf("PreCloudInitIso: got %s, %v, want the input or an error:\n%s", toJSON(t, after), err, toJSON(t, before))
	}
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	passes, err := boot.Define(&domain.Spec)
	if tolerated != (err == nil) || tolerated && string(passes[0].In) != string(passes[0].Out) {
		t.Errorf("OnDefineDomain: got %v, want the input or an error:\n%s", err, passes[0].Out)
	}
}

// toJSON is for comparisons: the way through JSON makes empty maps of nil ones.
func toJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// checkTolerated looks for one line per call, and its level.
func checkTolerated(t *testing.T, log string, tolerated bool) {
	t.Helper()
	calls := callLines(t, log)
	if len(calls) != 2 {
		t.Fatalf("%d calls in the log, want 2:\n%s", len(calls), log)
	}
	for i, reason := range []string{"spec.cloudInit[0] (absent)", "the call of PreCloudInitIso before this one failed"} {
		level := map[bool]string{true: "WARN", false: "ERROR"}[tolerated]
		if calls[i].Level != level || strings.Contains(calls[i].Message, "migration target") != tolerated || !strings.Contains(calls[i].Error, reason) {
			t.Errorf("call %d: got %+v, want level %s and %q", i, calls[i], level, reason)
		}
	}
}

// TestMigrationTargetKeepsVolumeName: KubeVirt reads the name of the volume from the result, and takes none from a result
// whose user data is empty (IsValidCloudInitData in pkg/cloud-init).
func TestMigrationTargetKeepsVolumeName(t *testing.T) {
	t.Parallel()
	vmi := loadVMI(t, "plain")
	targetOf(vmi)
	vmi.Spec.Volumes[1].CloudInitNoCloud.UserData = ""
	vmi.Spec.Volumes[1].CloudInitNoCloud.NetworkData = "version: 2\n"
	patch := bundle.NewPatch("contract")
	patch.CloudInit = []bundle.CloudInitRule{{Target: "networkData", Op: "test", Path: "/nosuchkey", Value: "x"}}
	manager, _ := runShim(t, sidecar{sockets: t.TempDir()}, encodeBundle(t, patch), "v1alpha3", "OnDefineDomain,PreCloudInitIso")
	before, after, err := (&launcher.Boot{Manager: manager, VMI: vmi}).CloudInit()
	if err != nil {
		t.Fatal(err)
	}
	if after.VolumeName != "seed" || after.VolumeName != before.VolumeName || after.NetworkData != before.NetworkData {
		t.Errorf("got %+v, want the volume of %+v", after, before)
	}
}

// TestMigrationTargetOfBundles: without a failure a target is like any other call, and a rule that fails there is not the end
// of the migration; nor is a bundle that cannot be used.
func TestMigrationTargetOfBundles(t *testing.T) {
	for name, content := range map[string][]byte{
		"domain.json":  readBundle(t, "domain.json"),
		"failing.json": readBundle(t, "failing.json"),
		"no bundle":    []byte("{}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vmi := loadVMI(t, "plain")
			targetOf(vmi)
			manager, _ := runShim(t, sidecar{sockets: t.TempDir()}, content, "v1alpha3", "OnDefineDomain")
			domain, err := launcher.Convert(vmi)
			if err != nil {
				t.Fatal(err)
			}
			passes, err := (&launcher.Boot{Manager: manager, VMI: vmi, Passes: 1}).Define(&domain.Spec)
			if err != nil {
				t.Fatal(err)
			}
			if name == "domain.json" {
				checkEdits(t, passes[0])
			} else if string(passes[0].In) != string(passes[0].Out) {
				t.Errorf("got another domain than the input:\n%s", passes[0].Out)
			}
		})
	}
}
