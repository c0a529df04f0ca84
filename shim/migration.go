// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import "encoding/json"

// Purpose says what KubeVirt calls a hook for.
type Purpose int

const (
	// FromVMI leaves it to the VMI's status: KubeVirt's hookSidecars do not tell.
	FromVMI Purpose = iota
	// Boot is the start of the VM, which a failure must stop.
	Boot
	// MigrationTarget is the preparation of a live migration's target, where KubeVirt throws the result away
	// and a failure stops the migration alone.
	MigrationTarget
)

func (p Purpose) isMigrationTarget(vmi []byte) bool {
	return p == MigrationTarget || p == FromVMI && isMigrationTarget(vmi)
}

// migrating is the part of a VMI that tells a migration target from a VM that starts.
type migrating struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Status struct {
		Phase     string          `json:"phase"`
		NodeName  string          `json:"nodeName"`
		Migration *migrationState `json:"migrationState"`
	} `json:"status"`
}

type migrationState struct {
	TargetNode   string          `json:"targetNode"`
	TargetPod    string          `json:"targetPod"`
	EndTimestamp *string         `json:"endTimestamp"`
	Completed    bool            `json:"completed"`
	Failed       bool            `json:"failed"`
	SourceState  json.RawMessage `json:"sourceState"`
	TargetState  *struct {
		Pod string `json:"pod"`
	} `json:"targetState"`
}

// isMigrationTarget tells whether a hook call with this VMI prepares the target of a live migration,
// where KubeVirt throws the result away (prepareMigrationTarget in virtwrap/live-migration-target.go).
//
// A sidecar does not know the name of its pod (its host name is the VMI's), so the VMI's phase decides:
//   - A VM starts while its VMI is Scheduled. A call for a Running VMI whose status names another node
//     as the target comes from that target: on the source the domain exists, and hooks do not run.
//   - The VMI that receives a migration from elsewhere carries the annotation, and virt-handler never
//     starts it as long as the migration is not over. The two states tell that this KubeVirt
//     knows the annotation: an older one drops the fields and would start the VM.
//
// Everything else is a start, in doubt too, for there a failure must stop the VM. A migrationState
// that the VMI's creator wrote does not make a target: the phase is KubeVirt's alone.
func isMigrationTarget(vmi []byte) bool {
	var m migrating
	if json.Unmarshal(vmi, &m) != nil {
		return false
	}
	state := m.Status.Migration
	if state == nil || state.TargetPod == "" || state.EndTimestamp != nil || state.Completed || state.Failed {
		return false
	}
	if m.Metadata.Annotations["kubevirt.io/create-migration-target"] == "true" {
		return len(state.SourceState) > 0 && state.TargetState != nil && state.TargetState.Pod == state.TargetPod
	}
	return m.Status.Phase == "Running" && state.TargetNode != "" && state.TargetNode != m.Status.NodeName
}

// unpatchedCloudInit is data as a migration target may return it: KubeVirt reads the name of the
// volume from the result, and ignores a result whose UserData is empty (IsValidCloudInitData in
// pkg/cloud-init). The content goes nowhere, the target's disk is written empty.
func unpatchedCloudInit(data []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		return data
	}
	var userData string
	if json.Unmarshal(fields["UserData"], &userData) == nil && userData != "" {
		return data
	}
	fields["UserData"] = json.RawMessage(`"#cloud-config\n"`)
	out, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return out
}
