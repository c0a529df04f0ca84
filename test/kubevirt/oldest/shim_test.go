// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package oldest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
)

// bundle reads one of the bundles that the newest KubeVirt's client is tested with.
func bundle(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../testdata/bundles", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestBoots goes through whole boots, for every VMI and every version of the protocol.
func TestBoots(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.vmi.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d VMIs: %v", len(files), err)
	}
	for _, version := range []string{"v1alpha1", "v1alpha2", "v1alpha3"} {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".vmi.json")
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel() // KubeVirt's manager sleeps a second after it collected the sidecars
				boot(t, version, name)
			})
		}
	}
}

func boot(t *testing.T, version, name string) {
	vmi, sockets := loadVMI(t, name), t.TempDir()
	exited := startShim(t, sockets, bundle(t, "domain.json"), version, "OnDefineDomain")
	manager := collect(t, sockets, 1)
	passes := define(t, manager, vmi, loadDomain(t, name))
	for _, p := range passes {
		checkEdits(t, p)
		if strings.Contains(p.in, "total_iops_sec") {
			t.Error("KubeVirt keeps an edit that it was known to drop: this test needs another one")
		}
	}
	if version == "v1alpha3" {
		stop(t, manager, exited)
	}
}

// TestCloudInit calls PreCloudInitIso with the data that KubeVirt reads from the VMI.
func TestCloudInit(t *testing.T) {
	for _, version := range []string{"v1alpha2", "v1alpha3"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			vmi, sockets := loadVMI(t, "plain"), t.TempDir()
			startShim(t, sockets, bundle(t, "good.json"), version, "OnDefineDomain,PreCloudInitIso")
			manager := collect(t, sockets, 1)
			before, err := cloudinit.ReadCloudInitVolumeDataSource(vmi, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			after, err := manager.PreCloudInitIso(vmi, before)
			if err != nil {
				t.Fatal(err)
			}
			want := *before
			want.UserData = "#cloud-config\nhostname: patched\n"
			if got, want := encode(t, after), encode(t, &want); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			for _, p := range define(t, manager, vmi, loadDomain(t, "plain")) {
				checkEdits(t, p)
			}
		})
	}
}

func encode(t *testing.T, data *cloudinit.CloudInitData) string {
	t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFails: KubeVirt hands the shim's one line on, and a retry fails for the same reason.
func TestFails(t *testing.T) {
	t.Parallel()
	sockets := t.TempDir()
	startShim(t, sockets, bundle(t, "failing.json"), "v1alpha3", "OnDefineDomain")
	manager := collect(t, sockets, 1)
	for range 3 {
		out, err := manager.OnDefineDomain(loadDomain(t, "plain"), loadVMI(t, "plain"))
		const want = "domainpatch: DomainPatch vms/contract: spec.domain[1] (impossible): /domain/devices/nosuchdevice selects nothing"
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Fatalf("got domain %q and error %v, want none and …%s", out, err, want)
		}
	}
}

// TestLeftovers: without CONTAINER_NAME a shim that was killed and started again has another
// name, and KubeVirt finds what the first one left beside it.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	sockets := t.TempDir()
	killed, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(sockets, "domainpatch-A.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	killed.SetUnlinkOnClose(false)
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	exited := startShim(t, sockets, bundle(t, "domain.json"), "v1alpha3", "OnDefineDomain")
	manager := collect(t, sockets, 1)
	for _, p := range define(t, manager, loadVMI(t, "plain"), loadDomain(t, "plain")) {
		checkEdits(t, p)
	}
	stop(t, manager, exited)
}

// TestBesideStockShim runs the sidecar-shim of that KubeVirt in the same folder of sockets.
func TestBesideStockShim(t *testing.T) {
	t.Parallel()
	sockets, scripts := t.TempDir(), t.TempDir()
	script := `#!/bin/sh
printf %s "$4" | sed 's#</devices>#<shmem name="stock"></shmem></devices>#'
`
	if err := os.WriteFile(filepath.Join(scripts, "onDefineDomain"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	ours := startShim(t, sockets, bundle(t, "domain.json"), "v1alpha3", "OnDefineDomain")
	stock := startSidecar(t, sockets, scripts, "sidecars", "--version", "v1alpha3")
	manager := collect(t, sockets, 2)
	for _, p := range define(t, manager, loadVMI(t, "plain"), loadDomain(t, "plain")) {
		checkEdits(t, p)
		if strings.Count(p.out, `<shmem name="stock">`) != 1 {
			t.Errorf("the stock shim's edit is not there once:\n%s", p.out)
		}
	}
	stop(t, manager, ours, stock)
}

// TestTwelve is more sidecars than anybody has.
func TestTwelve(t *testing.T) {
	t.Parallel()
	sockets := t.TempDir()
	var sidecars []func() error
	const count = 12
	for i := range count {
		channel := fmt.Appendf(nil, `{"formatVersion":1,"patches":[{"kind":"DomainPatch","namespace":"vms","name":"channel","failurePolicy":"Fail",`+
			`"domain":[{"op":"add","path":"/domain/devices","xml":"<channel type='unix'><target type='virtio' name='com.example.%d'/></channel>"}]}]}`, i)
		sidecars = append(sidecars, startShim(t, sockets, channel, "v1alpha3", "OnDefineDomain"))
	}
	manager := collect(t, sockets, count)
	for _, p := range define(t, manager, loadVMI(t, "plain"), loadDomain(t, "plain")) {
		out := strings.ReplaceAll(p.out, "'", `"`)
		for i := range count {
			if got := strings.Count(out, fmt.Sprintf(`name="com.example.%d"`, i)); got != 1 {
				t.Errorf("%d channels of sidecar %d, want 1:\n%s", got, i, p.out)
			}
		}
	}
	stop(t, manager, sidecars...)
}
