// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

const nonRoot = 107 // the user and the group of virt-launcher and its sidecars, util.NonRootUID of KubeVirt

// restricted is a container as KubeVirt makes it of our image, which holds one file: user 107, no capability and no way to
// one, a root that nobody can write to. Only the sockets' folder is writable.
func restricted(t *testing.T, sockets, bundle string) sidecar {
	t.Helper()
	hooks := filepath.Join(sockets, "hook-sidecar-0")
	if err := os.Mkdir(hooks, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(hooks, 0o777); err != nil { // in spite of the umask
		t.Fatal(err)
	}
	return sidecar{sockets: sockets, container: "hook-sidecar-0", flags: []string{
		"--user", fmt.Sprint(nonRoot),
		"--root", t.TempDir(),
		"--mount", filepath.Join(programs, "shim") + "=/shim",
		"--mount", bundle + "=/usr/bin/onDefineDomain",
		"--mount", hooks + "=/var/run/kubevirt-hooks",
	}}
}

// TestRestrictedContainer: the shim needs nothing but its binary, the bundle and a folder for the socket.
func TestRestrictedContainer(t *testing.T) {
	t.Parallel()
	skipUnlessRoot(t)
	content := readBundle(t, "good.json")
	s := restricted(t, publicDir(t), writeBundle(t, content))
	process := s.start(t, "/shim", shimArgs("/usr/bin/onDefineDomain", content, "v1alpha3", "OnDefineDomain,PreCloudInitIso")...)
	manager := collect(t, s.sockets, 1)
	checkRestricted(t, socketOf(t, s))
	vmi := loadVMI(t, "devices")
	_, data, err := (&launcher.Boot{Manager: manager, VMI: vmi}).CloudInit()
	if err != nil || !strings.Contains(data.UserData, "hostname: patched") {
		t.Errorf("user data: %v, %v", data, err)
	}
	passes := define(t, manager, "devices")
	if len(passes) != launcher.MaxPasses {
		t.Errorf("got %d passes, want %d", len(passes), launcher.MaxPasses)
	}
	for _, pass := range passes {
		checkEdits(t, pass)
	}
	shutDown(t, manager, process)
}

// checkRestricted makes sure that the container is as restricted as it should be, with the kernel's words.
func checkRestricted(t *testing.T, socket string) {
	t.Helper()
	peer := server(t, socket)
	if peer.Uid != nonRoot || peer.Gid != nonRoot {
		t.Errorf("the shim runs as %d:%d, want %d:%d", peer.Uid, peer.Gid, nonRoot, nonRoot)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", peer.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Groups:\t \n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("no %q in:\n%s", want, status)
		}
	}
	root := fmt.Sprintf("/proc/%d/root/", peer.Pid)
	var files []string
	for _, pattern := range []string{"*", "*/*", "*/*/*"} {
		found, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			files = append(files, strings.TrimPrefix(file, root))
		}
	}
	want := []string{"shim", "usr", "var", "usr/bin", "var/run", "usr/bin/onDefineDomain", "var/run/kubevirt-hooks"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files of the container (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(root+"file", nil, 0o600); !isReadOnly(err) {
		t.Errorf("write to the root: %v, want %v", err, unix.EROFS)
	}
}

func isReadOnly(err error) bool {
	return err != nil && strings.Contains(err.Error(), unix.EROFS.Error())
}

// TestRestrictedContainerWithoutSockets: where nothing can be written, the shim ends and says where it wanted to.
func TestRestrictedContainerWithoutSockets(t *testing.T) {
	skipUnlessRoot(t)
	for dir, want := range map[string]error{"/": unix.EROFS, "/var/run/kubevirt-hook": unix.ENOENT} {
		t.Run(strings.ReplaceAll(dir, "/", "_"), func(t *testing.T) {
			t.Parallel()
			content := readBundle(t, "domain.json")
			s := restricted(t, publicDir(t), writeBundle(t, content))
			args := append(shimArgs("/usr/bin/onDefineDomain", content, "v1alpha3", "OnDefineDomain"), "--socket-dir", dir)
			checkRefused(t, s.start(t, "/shim", args...), want)
		})
	}
}

// TestUsers: launcher and sidecar reach each other, whichever of them runs as root. KubeVirt runs both as user 107, unless its
// feature gate Root is on; sidecars follow the VMI.
func TestUsers(t *testing.T) {
	skipUnlessRoot(t)
	for _, shim := range []int{0, nonRoot} {
		for _, client := range []int{0, nonRoot} {
			t.Run(fmt.Sprintf("shim=%d/launcher=%d", shim, client), func(t *testing.T) {
				t.Parallel()
				content, sockets := readBundle(t, "domain.json"), publicDir(t)
				if err := os.MkdirAll(filepath.Join(sockets, "hook-sidecar-0"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(filepath.Join(sockets, "hook-sidecar-0"), shim, shim); err != nil {
					t.Fatal(err)
				}
				s := sidecar{sockets: sockets, container: "hook-sidecar-0", flags: []string{"--user", fmt.Sprint(shim)}}
				process := s.start(t, "shim", shimArgs(writeBundle(t, content), content, "v1alpha3", "OnDefineDomain")...)
				launchAs(t, client, sockets)
				if err := process.exitedSoon(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// launchAs starts the VM headless with a launcher of that user, Shutdown included.
func launchAs(t *testing.T, user int, sockets string) {
	t.Helper()
	vmi, err := os.Open("testdata/vmis/headless.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer vmi.Close()
	out := publicDir(t)
	cmd := exec.Command(filepath.Join(programs, "launcher"), "hooks", "--sockets", sockets, "--sidecars", "1", "--vmi", "-", "--out", out)
	cmd.Dir = "/"
	cmd.Stdin = vmi
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the launcher: %v\n%s", err, output)
	}
	domain, err := os.ReadFile(filepath.Join(out, "domain.after.xml"))
	if err != nil || !strings.Contains(string(domain), "com.example.contract") {
		t.Errorf("%v, want a patched domain:\n%s", err, domain)
	}
}
