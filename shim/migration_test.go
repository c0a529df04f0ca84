// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

const targetVMI = `{"status":{"phase":"Running","nodeName":"a","migrationState":{"sourceNode":"a","targetNode":"b","targetPod":"virt-launcher-b"}}}`

func TestIsMigrationTarget(t *testing.T) {
	cases := map[string]struct {
		reason string
		vmi    string
		want   bool
	}{
		"Target": {"a running VMI with a target elsewhere: the source is never called", targetVMI, true},
		"Started": {"the timestamps of KubeVirt are null until they are set",
			`{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetNode":"b","targetPod":"p","startTimestamp":null,"endTimestamp":null}}}`, true},
		"Boot":    {"a VM starts while its VMI is Scheduled", `{"status":{"phase":"Scheduled","nodeName":"a"}}`, false},
		"Running": {"no migration", `{"status":{"phase":"Running","nodeName":"a"}}`, false},
		"ForgedStatus": {"a migrationState that the creator wrote does not switch patches off",
			`{"status":{"phase":"Scheduled","nodeName":"a","migrationState":{"targetNode":"b","targetPod":"p"}}}`, false},
		"Completed": {"an earlier migration is over", `{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetNode":"b","targetPod":"p","completed":true}}}`, false},
		"Failed":    {"an earlier migration is over", `{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetNode":"b","targetPod":"p","failed":true}}}`, false},
		"Ended": {"an earlier migration is over",
			`{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetNode":"b","targetPod":"p","endTimestamp":"2026-01-01T00:00:00Z"}}}`, false},
		"SameNode":  {"the VM is at its target", `{"status":{"phase":"Running","nodeName":"b","migrationState":{"targetNode":"b","targetPod":"p"}}}`, false},
		"NoTarget":  {"the target is not known yet, so nobody prepares one", `{"status":{"phase":"Running","nodeName":"a","migrationState":{}}}`, false},
		"NoPod":     {"the target is not known yet", `{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetNode":"b"}}}`, false},
		"NoNode":    {"the target is not known yet", `{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetPod":"p"}}}`, false},
		"Empty":     {"nothing known is a start", ``, false},
		"NotJSON":   {"nothing known is a start", `{"status":`, false},
		"WrongType": {"nothing known is a start", `{"status":{"phase":"Running","nodeName":"a","migrationState":{"targetNode":1}}}`, false},
		"Receiver": {"a VMI that receives a migration from another cluster is Scheduled when its target is prepared",
			`{"metadata":{"annotations":{"kubevirt.io/create-migration-target":"true"}},"status":{"phase":"Scheduled","nodeName":"b",` +
				`"migrationState":{"targetNode":"b","targetPod":"p","sourceState":{"node":"a"},"targetState":{"pod":"p"}}}}`, true},
		"ReceiverDone": {"its later life is that of any VMI",
			`{"metadata":{"annotations":{"kubevirt.io/create-migration-target":"true"}},"status":{"phase":"Scheduled","nodeName":"b",` +
				`"migrationState":{"targetNode":"b","targetPod":"p","completed":true,"sourceState":{"node":"a"},"targetState":{"pod":"p"}}}}`, false},
		"ReceiverOther": {"the states of an earlier target's pod",
			`{"metadata":{"annotations":{"kubevirt.io/create-migration-target":"true"}},"status":{"phase":"Scheduled","nodeName":"b",` +
				`"migrationState":{"targetNode":"b","targetPod":"p","sourceState":{"node":"a"},"targetState":{"pod":"q"}}}}`, false},
		"ReceiverUnsynced": {"KubeVirt does not prepare it before it knows the source",
			`{"metadata":{"annotations":{"kubevirt.io/create-migration-target":"true"}},"status":{"phase":"Scheduled","nodeName":"b",` +
				`"migrationState":{"targetNode":"b","targetPod":"p","targetState":{"pod":"p"}}}}`, false},
		"ForgedReceiver": {"a KubeVirt that drops the states does not know the annotation either and starts the VM",
			`{"metadata":{"annotations":{"kubevirt.io/create-migration-target":"true"}},"status":{"phase":"Scheduled","nodeName":"b",` +
				`"migrationState":{"targetNode":"b","targetPod":"p"}}}`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := isMigrationTarget([]byte(tc.vmi)); got != tc.want {
				t.Errorf("isMigrationTarget = %v, want %v: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestMigrationTargetGoesOn(t *testing.T) {
	engine := &fakeEngine{
		domain: func(context.Context, []byte, []byte, *patch.Report) ([]byte, *patch.Report, error) {
			return nil, nil, errors.New("injected in domain")
		},
		cloudInit: func(context.Context, []byte, []byte) ([]byte, *patch.Report, error) {
			return nil, nil, errors.New("injected in cloud-init")
		},
	}
	server := startFake(t, engine, Config{Hooks: hooksWith(true)})
	client := v1alpha3.NewCallbacksClient(server)
	cloudInit, err := client.PreCloudInitIso(soon(t), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(`{"UserData":"","VolumeName":"ci"}`), Vmi: []byte(targetVMI)})
	if err != nil {
		t.Fatalf("PreCloudInitIso on a migration target: %v", err)
	}
	if got, want := string(cloudInit.GetCloudInitData()), `{"UserData":"#cloud-config\n","VolumeName":"ci"}`; got != want {
		t.Errorf("CloudInitData = %s, want %s", got, want)
	}
	domain, err := client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("<domain/>"), Vmi: []byte(targetVMI)})
	if err != nil {
		t.Fatalf("OnDefineDomain on a migration target: %v", err)
	}
	if got := string(domain.GetDomainXml()); got != "<domain/>" {
		t.Errorf("domain = %s, want the input", got)
	}
	for _, want := range []string{"injected in domain", "injected in cloud-init", `"level":"WARN"`} {
		if !strings.Contains(server.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, server.log)
		}
	}
}

// TestMigrationTargetVersions: all versions of the protocol leave it to the VMI.
func TestMigrationTargetVersions(t *testing.T) {
	engine := &fakeEngine{
		domain: func(context.Context, []byte, []byte, *patch.Report) ([]byte, *patch.Report, error) {
			return nil, nil, errors.New("injected")
		},
		cloudInit: func(context.Context, []byte, []byte) ([]byte, *patch.Report, error) {
			return nil, nil, errors.New("injected")
		},
	}
	for _, version := range []string{"v1alpha1", "v1alpha2", "v1alpha3"} {
		server := startFake(t, engine, Config{Version: version, Hooks: hooksWith(version != "v1alpha1")})
		if diff := cmp.Diff(served(version), reached(t, server, []byte(targetVMI))); diff != "" {
			t.Errorf("%s: calls that return their input (-want +got):\n%s", version, diff)
		}
	}
}

func TestPurpose(t *testing.T) {
	cases := map[string]struct {
		reason  string
		purpose Purpose
		vmi     string
		want    bool
	}{
		"FromVMI":         {"hookSidecars do not tell, the VMI does", FromVMI, targetVMI, true},
		"FromVMIBoot":     {"hookSidecars do not tell, and in doubt it is a start", FromVMI, "{}", false},
		"Boot":            {"a transport that knows is not overruled", Boot, targetVMI, false},
		"MigrationTarget": {"a transport that knows is not overruled", MigrationTarget, "{}", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			engine := &fakeEngine{domain: func(context.Context, []byte, []byte, *patch.Report) ([]byte, *patch.Report, error) {
				return nil, nil, errors.New("injected")
			}}
			out, err := NewCore(engine, false, discard()).OnDefineDomain(t.Context(), []byte("<domain/>"), []byte(tc.vmi), tc.purpose)
			if got := err == nil && string(out) == "<domain/>"; got != tc.want {
				t.Errorf("the input was returned: %v (%v), want %v: %s", got, err, tc.want, tc.reason)
			}
		})
	}
}

func TestUnpatchedCloudInit(t *testing.T) {
	cases := map[string]struct {
		reason string
		data   string
		want   string
	}{
		"Kept":     {"a valid document needs nothing", `{"UserData": "x", "VolumeName":"ci"}`, `{"UserData": "x", "VolumeName":"ci"}`},
		"Empty":    {"KubeVirt would drop the volume's name", `{"UserData":"","VolumeName":"ci"}`, `{"UserData":"#cloud-config\n","VolumeName":"ci"}`},
		"Missing":  {"as good as empty", `{"VolumeName":"ci"}`, `{"UserData":"#cloud-config\n","VolumeName":"ci"}`},
		"NotJSON":  {"KubeVirt judges it", `{`, `{`},
		"JSONNull": {"KubeVirt judges it", `null`, `null`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := string(unpatchedCloudInit([]byte(tc.data))); got != tc.want {
				t.Errorf("unpatchedCloudInit = %s, want %s: %s", got, tc.want, tc.reason)
			}
		})
	}
}
