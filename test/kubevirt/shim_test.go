// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

const mountPath = "onDefineDomain" // the file name of the bundle in the container

// startShim starts our shim with a bundle of testdata, as the annotation says, and returns a
// manager that has collected it.
func startShim(t *testing.T, bundle, version, hookPoints string) (hooks.Manager, func() error) {
	t.Helper()
	manager, process := runShim(t, sidecar{sockets: t.TempDir()}, readBundle(t, bundle), version, hookPoints)
	return manager, process.exited
}

func readBundle(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata/bundles", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// runShim starts our shim as that container (hook-sidecar-0 if it has no name) and collects it.
func runShim(t *testing.T, s sidecar, content []byte, version, hookPoints string) (hooks.Manager, *process) {
	t.Helper()
	if s.container == "" {
		s.container = "hook-sidecar-0"
	}
	process := s.start(t, "shim", shimArgs(writeBundle(t, content), content, version, hookPoints)...)
	return collect(t, s.sockets, 1), process
}

// shimArgs are the arguments that the annotation gives to the shim.
func shimArgs(file string, content []byte, version, hookPoints string) []string {
	sum := sha256.Sum256(content)
	return []string{"--version", version, "--bundle", file, "--sha256", hex.EncodeToString(sum[:]), "--hooks", hookPoints}
}

// writeBundle writes the bundle as KubeVirt mounts it.
func writeBundle(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(publicDir(t), mountPath)
	if err := os.WriteFile(file, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestShimBoots goes through whole boots of every VMI of testdata, for every version of the
// protocol: what KubeVirt's structs drop between two calls must be there again in the
// last result, once.
func TestShimBoots(t *testing.T) {
	vmis, err := filepath.Glob("testdata/vmis/*.yaml")
	if err != nil || len(vmis) < 6 {
		t.Fatalf("%d VMIs: %v", len(vmis), err)
	}
	for _, version := range []string{"v1alpha1", "v1alpha2", "v1alpha3"} {
		for _, file := range vmis {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				bootWithShim(t, version, name)
			})
		}
	}
}

func bootWithShim(t *testing.T, version, name string) {
	vmi := loadVMI(t, name)
	hasCloudInit := version != "v1alpha1" && hasCloudConfig(t, name)
	bundle, hookPoints := "domain.json", "OnDefineDomain"
	if hasCloudInit {
		bundle, hookPoints = "good.json", "OnDefineDomain,PreCloudInitIso"
	}
	manager, process := runShim(t, sidecar{sockets: t.TempDir()}, readBundle(t, bundle), version, hookPoints)
	boot := &launcher.Boot{Manager: manager, VMI: vmi}
	if hasCloudInit {
		_, data, err := boot.CloudInit()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(data.UserData, "hostname: patched") {
			t.Errorf("user data:\n%s", data.UserData)
		}
	}
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	passes, err := boot.Define(&domain.Spec)
	if err != nil {
		t.Fatal(launcher.Condition(err))
	}
	for _, pass := range passes {
		checkEdits(t, pass)
	}
	if err := manager.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if version != "v1alpha3" { // it has no Shutdown, so the kubelet ends the container
		process.terminate()
	}
	if err := process.exitedSoon(); err != nil {
		t.Error(err)
	}
}

// hasCloudConfig says whether the VMI has user data that a rule can edit.
func hasCloudConfig(t *testing.T, name string) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/vmis", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(data), "#cloud-config")
}

// checkEdits counts what the domain rules of the bundles make: KubeVirt's structs may have carried an
// edit on or dropped it, in the result it stands once.
func checkEdits(t *testing.T, pass launcher.Pass) {
	t.Helper()
	out := strings.ReplaceAll(string(pass.Out), "'", `"`)
	_, baseBoard, _ := strings.Cut(out, "<baseBoard>")
	baseBoard, _, _ = strings.Cut(baseBoard, "</baseBoard>")
	for _, check := range []struct {
		in, what string
		want     int
	}{
		{out, `<smbios mode="sysinfo"`, 1},
		{out, `<sysinfo `, 1},
		{baseBoard, `<entry name="manufacturer">Acme`, 1},
		{out, `<total_iops_sec>500</total_iops_sec>`, strings.Count(out, `<disk device="disk"`)},
		{out, `rx_queue_size="1024"`, strings.Count(out, "<interface ") - strings.Count(out, `<alias name="placeholder-`)},
		{out, `name="com.example.contract"`, 1},
		{out, `<qemu:commandline`, 1},
		{out, `value="-msg"`, 1},
		{out, `value="timestamp=on"`, 1},
	} {
		if got := strings.Count(check.in, check.what); got != check.want {
			t.Errorf("pass %s: %d of %s, want %d:\n%s", pass.What, got, check.what, check.want, pass.Out)
		}
	}
}

// TestShimMissesCloudInit: a patch with cloud-init rules that did not run does not let the VM through.
func TestShimMissesCloudInit(t *testing.T) {
	for hookPoints, want := range map[string]string{
		"OnDefineDomain":                 "it had no cloud-init volume",
		"OnDefineDomain,PreCloudInitIso": "calls PreCloudInitIso on the first sidecar",
	} {
		manager, _ := startShim(t, "good.json", "v1alpha3", hookPoints)
		vmi := loadVMI(t, "plain")
		domain, err := launcher.Convert(vmi)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&launcher.Boot{Manager: manager, VMI: vmi}).Define(&domain.Spec)
		if err == nil || !strings.Contains(launcher.Condition(err), "domainpatch: DomainPatch vms/contract: ") || !strings.Contains(launcher.Condition(err), want) {
			t.Errorf("%s: got %v, want a condition with %q", hookPoints, err, want)
		}
	}
}

// TestShimAnswersForBadBundles: the container comes up, and the VMI gets the reason.
func TestShimAnswersForBadBundles(t *testing.T) {
	good := readBundle(t, "good.json")
	for name, tc := range map[string]struct {
		content []byte
		want    string
	}{
		"missing":  {nil, "no such file"},
		"tampered": {append(good[:len(good):len(good)], '\n'), "SHA-256"},
		"script":   {[]byte("#!/bin/sh\n"), "script"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), mountPath)
			if tc.content != nil {
				file = writeBundle(t, tc.content)
			}
			s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
			s.start(t, "shim", shimArgs(file, good, "v1alpha3", "OnDefineDomain")...)
			manager, vmi := collect(t, s.sockets, 1), loadVMI(t, "plain")
			domain, err := launcher.Convert(vmi)
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&launcher.Boot{Manager: manager, VMI: vmi}).Define(&domain.Spec)
			if err == nil || !strings.Contains(launcher.Condition(err), "domainpatch: ") || !strings.Contains(launcher.Condition(err), tc.want) {
				t.Errorf("got %v, want a condition with domainpatch: and %q", err, tc.want)
			}
		})
	}
}
