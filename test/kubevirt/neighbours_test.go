// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// stockDomain and stockCloudInit are hooks that KubeVirt's sidecar-shim runs.
const (
	stockDomain    = `printf %s "$4" | sed 's#</devices>#<shmem name="stock"></shmem></devices>#'`
	stockCloudInit = `printf %s "$4" | sed 's/hostname: plain/hostname: stock/'`
)

// startStock starts KubeVirt's sidecar-shim with these scripts.
func startStock(t *testing.T, sockets, container string, scripts ...string) *process {
	t.Helper()
	path := shellHooks(t, scripts...) + ":" + os.Getenv("PATH")
	return sidecar{sockets: sockets, container: container, env: []string{"PATH=" + path}}.start(t, "sidecars", "--version", "v1alpha3")
}

// startOurs starts our shim. Nothing has collected it yet.
func startOurs(t *testing.T, sockets, container string, content []byte, hookPoints string) *process {
	t.Helper()
	return sidecar{sockets: sockets, container: container}.start(t, "shim", shimArgs(writeBundle(t, content), content, "v1alpha3", hookPoints)...)
}

// collectAll collects sidecars that all have their sockets by then: KubeVirt calls them in the order in which it finds
// these, and that is the order of their containers' names only where none comes later than another.
func collectAll(t *testing.T, sockets string, sidecars uint) hooks.Manager {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		found, err := filepath.Glob(filepath.Join(sockets, "*", "*.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == int(sidecars) {
			return collect(t, sockets, sidecars)
		}
	}
	t.Fatalf("not all of %d sidecars have a socket", sidecars)
	return nil
}

// TestBesideStockShim: KubeVirt calls the sidecars in the order of their names, and each edits what the one before it made.
// Both edits are in the last result, which libvirt gets, though KubeVirt's structs drop some of them between the calls.
func TestBesideStockShim(t *testing.T) {
	for name, containers := range map[string]struct{ ours, stock string }{
		"OursFirst":  {"hook-sidecar-0", "hook-sidecar-1"},
		"StockFirst": {"hook-sidecar-1", "hook-sidecar-0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sockets := t.TempDir()
			processes := []*process{
				startOurs(t, sockets, containers.ours, readBundle(t, "domain.json"), "OnDefineDomain"),
				startStock(t, sockets, containers.stock, "onDefineDomain", stockDomain),
			}
			manager := collectAll(t, sockets, 2)
			passes := define(t, manager, "devices")
			if len(passes) != launcher.MaxPasses {
				t.Errorf("got %d passes, want %d", len(passes), launcher.MaxPasses)
			}
			for _, pass := range passes {
				checkEdits(t, pass)
				if got := strings.Count(string(pass.Out), `<shmem name="stock">`); got != 1 {
					t.Errorf("pass %s: %d of the stock shim's edits, want 1:\n%s", pass.What, got, pass.Out)
				}
			}
			shutDown(t, manager, processes...)
		})
	}
}

// TestBesideStockShimCloudInit: KubeVirt calls PreCloudInitIso on the first sidecar that subscribes to it, and on no other.
func TestBesideStockShimCloudInit(t *testing.T) {
	for name, tc := range map[string]struct {
		ours, stock string
		userData    string
		err         string
	}{
		"OursFirst":  {"hook-sidecar-0", "hook-sidecar-1", "hostname: patched", ""},
		"StockFirst": {"hook-sidecar-1", "hook-sidecar-0", "hostname: stock", "domainpatch: DomainPatch vms/contract: the cloud-init rules did not run: KubeVirt calls PreCloudInitIso on the first sidecar"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sockets := t.TempDir()
			processes := []*process{
				startOurs(t, sockets, tc.ours, readBundle(t, "good.json"), "OnDefineDomain,PreCloudInitIso"),
				startStock(t, sockets, tc.stock, "onDefineDomain", stockDomain, "preCloudInitIso", stockCloudInit),
			}
			boot := &launcher.Boot{Manager: collectAll(t, sockets, 2), VMI: loadVMI(t, "plain")}
			_, data, err := boot.CloudInit()
			if err != nil || !strings.Contains(data.UserData, tc.userData) {
				t.Fatalf("got %v, %v, want user data with %s", data, err, tc.userData)
			}
			domain, err := launcher.Convert(boot.VMI)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := boot.Define(&domain.Spec); (err == nil) != (tc.err == "") || err != nil && !strings.Contains(launcher.Condition(err), tc.err) {
				t.Errorf("got %v, want a condition with %q", err, tc.err)
			}
			shutDown(t, boot.Manager, processes...)
		})
	}
}

// TestTwelveShims: twelve sidecars are more than any VM has, and they keep out of each other's way.
func TestTwelveShims(t *testing.T) {
	t.Parallel()
	const count = 12
	sockets := t.TempDir()
	var processes []*process
	for i := range count {
		content := encodeBundle(t, bundle.NewPatch(fmt.Sprintf("patch-%d", i),
			bundle.DomainRule{Op: "add", Path: "/domain/devices", XML: fmt.Sprintf("<shmem name='ours-%d'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>", i)},
			bundle.DomainRule{Op: "add", Path: "/domain/devices", XML: fmt.Sprintf("<channel type='unix'><target type='virtio' name='com.example.%d'/></channel>", i)}))
		processes = append(processes, startOurs(t, sockets, fmt.Sprintf("hook-sidecar-%d", i), content, "OnDefineDomain"))
	}
	manager := collect(t, sockets, count)
	passes := define(t, manager, "devices")
	if len(passes) != launcher.MaxPasses {
		t.Errorf("got %d passes, want %d", len(passes), launcher.MaxPasses)
	}
	for _, pass := range passes {
		out := strings.ReplaceAll(string(pass.Out), "'", `"`)
		for i := range count {
			for _, edit := range []string{fmt.Sprintf(`<shmem name="ours-%d"`, i), fmt.Sprintf(`name="com.example.%d"`, i)} {
				if got := strings.Count(out, edit); got != 1 {
					t.Errorf("pass %s: %d of %s, want 1:\n%s", pass.What, got, edit, pass.Out)
				}
			}
		}
	}
	shutDown(t, manager, processes...)
}

// shutDown calls Shutdown as virt-launcher does; every sidecar then ends with exit code 0 soon.
func shutDown(t *testing.T, manager hooks.Manager, processes ...*process) {
	t.Helper()
	if err := manager.Shutdown(); err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		if err := process.exitedSoon(); err != nil {
			t.Error(err)
		}
	}
}
