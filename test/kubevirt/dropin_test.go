// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1 "kubevirt.io/api/core/v1"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	"kubevirt.io/kubevirt/pkg/hooks"
	hooksInfo "kubevirt.io/kubevirt/pkg/hooks/info"
	hooksV1alpha3 "kubevirt.io/kubevirt/pkg/hooks/v1alpha3"
	grpcutil "kubevirt.io/kubevirt/pkg/util/net/grpc"

	"github.com/domainpatch/domainpatch/test/kubevirt/examples"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// vendor is the annotation that KubeVirt's smbios reads.
const vendor = "smbios.vm.kubevirt.io/baseBoardManufacturer"

// booted is all that a sidecar's user sees of a boot.
type booted struct {
	Announced []string
	CloudInit *cloudinit.CloudInitData
	Passes    []launcher.Pass
	// Failure is the VMI's condition, empty if the VM starts.
	Failure string
}

// TestDropIn boots with KubeVirt's sidecar-shim and with ours, and the same programs: both give the same bytes
// in every pass, and where one fails the other does.
func TestDropIn(t *testing.T) {
	const sed = `printf '%s' "$4" | sed 's#</devices>#<shmem name="own"></shmem></devices>#'`
	const same = `printf '%s' "$4"`
	cases := map[string]struct {
		reason string
		folder func(t *testing.T) string // of the programs
		vmi    string                    // plain if empty
		change func(vmi *v1.VirtualMachineInstance)
		shows  string // in the last pass or in the user data; what a failure of ours says
		fails  bool
	}{
		"Shell":  {reason: "KubeVirt's README", folder: readmeShell, shows: "<entry name='manufacturer'>Radical Edward</entry>"},
		"Python": {reason: "KubeVirt's README", folder: readmePython, shows: `<entry name="manufacturer">Radical Edward</entry>`},
		"SMBIOS": {reason: "KubeVirt's example in Go", folder: goProgram("onDefineDomain", examples.SMBIOS), shows: `<entry name="manufacturer">Radical Edward</entry>`,
			change: func(vmi *v1.VirtualMachineInstance) { vmi.Annotations = map[string]string{vendor: "Radical Edward"} }},
		"SMBIOSOff": {reason: "no annotation, no edit", folder: goProgram("onDefineDomain", examples.SMBIOS), shows: "</domain>\n"},
		"CloudInit": {reason: "KubeVirt's example in Go", folder: goProgram("preCloudInitIso", examples.CloudInit), shows: "#cloud-config\n"},
		"Both":      {reason: "both hooks", folder: scripts("onDefineDomain", sed, "preCloudInitIso", same+` | sed 's/hostname: plain/hostname: both/'`), shows: "hostname: both"},
		"Windows":   {reason: "another VM", folder: scripts("onDefineDomain", sed), vmi: "windows", shows: "<shmem"},
		"Devices":   {reason: "another VM", folder: scripts("onDefineDomain", sed), vmi: "devices", shows: "<shmem"},
		"S390X":     {reason: "another VM", folder: scripts("onDefineDomain", sed), vmi: "s390x", shows: "<shmem"},
		"Arguments": {reason: "all of them, the VMI too", folder: scripts("onDefineDomain", same+`; printf '<!-- %s %s %s %s -->' "$#" "$1" "$(printf %s "$2" | cksum)" "$3"`),
			shows: "<!-- 4 --vmi "},
		"Environment": {reason: "of the container", folder: scripts("onDefineDomain", same+`; printf '<!-- %s %s -->\n\n' "$CONTAINER_NAME" "$(cat | wc -c)"`),
			shows: "<!-- hook-sidecar-0 0 -->\n\n"},
		"Stderr":     {reason: "a flood in the log", folder: scripts("onDefineDomain", `yes | head -n 3000 >&2; `+same), shows: "</domain>"},
		"Daemon":     {reason: "it holds stderr, not stdout", folder: scripts("onDefineDomain", `sleep 5 >/dev/null & `+same), shows: "</domain>"},
		"Nothing":    {reason: "no program", folder: scripts()},
		"ExitCode":   {reason: "the program refuses", folder: scripts("onDefineDomain", `echo 'no such disk' >&2; exit 3`), fails: true, shows: "exit code 3; the last line of its stderr: no such disk"},
		"CloudExit":  {reason: "the program refuses", folder: scripts("preCloudInitIso", `exit 4`), fails: true, shows: "preCloudInitIso: exit code 4"},
		"NoOutput":   {reason: "KubeVirt takes no empty domain", folder: scripts("onDefineDomain", `true`), fails: true, shows: "wrote nothing to stdout"},
		"CloudEmpty": {reason: "KubeVirt takes no empty data", folder: scripts("preCloudInitIso", `true`), fails: true, shows: "wrote nothing to stdout"},
		"HugeOutput": {reason: "KubeVirt takes 4 MiB", folder: scripts("onDefineDomain", same+`; head -c 5000000 /dev/zero`), fails: true, shows: "4 MiB that KubeVirt takes"},
		"HugeInput": {reason: "the kernel takes 128 KiB", folder: scripts("onDefineDomain", same), fails: true, shows: "write its edits as a DomainPatch",
			change: func(vmi *v1.VirtualMachineInstance) {
				vmi.Annotations = map[string]string{"x/y": strings.Repeat("x", 128<<10)}
			}},
		"NoInterpreter": {reason: "the image lacks it", folder: func(t *testing.T) string {
			return hookFiles(t, "onDefineDomain", "#!/nonexistent\n")
		}, fails: true, shows: "the interpreter in its first line"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vmi := loadVMI(t, orElse(tc.vmi, "plain"))
			if tc.change != nil {
				tc.change(vmi)
			}
			folder := tc.folder(t)
			stock := bootWith(t, vmi, folder, "sidecars", "--version", "v1alpha3")
			ours := bootWith(t, vmi, folder, "shim", "--version", "v1alpha3", "--allow-exec")
			if (stock.Failure != "") != tc.fails || (ours.Failure != "") != tc.fails {
				t.Fatalf("fails: want %t: %s\nwith KubeVirt's shim: %s\nwith ours: %s", tc.fails, tc.reason, stock.Failure, ours.Failure)
			}
			if tc.fails {
				if !strings.Contains(ours.Failure, "domainpatch: program "+folder) || !strings.Contains(ours.Failure, tc.shows) {
					t.Errorf("the condition lacks the program or %q: %s\nwith KubeVirt's shim: %s", tc.shows, ours.Failure, stock.Failure)
				}
				stock.Failure, ours.Failure = "", ""
			} else if last := string(ours.Passes[len(ours.Passes)-1].Out); !strings.Contains(last, tc.shows) && !strings.Contains(ours.CloudInit.UserData, tc.shows) {
				t.Errorf("%q is nowhere, %s:\n%s", tc.shows, tc.reason, last)
			}
			if diff := cmp.Diff(stock, ours, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: not what KubeVirt's shim does (-KubeVirt's +ours):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDropInVersions runs the same programs over the other versions of the protocol.
func TestDropInVersions(t *testing.T) {
	folder := scripts("onDefineDomain", `printf '%s\n' "$4"`, "preCloudInitIso", `printf %s "$4" | sed s/plain/old/`)(t)
	for _, version := range []string{"v1alpha1", "v1alpha2"} {
		t.Run(version, func(t *testing.T) {
			stock := bootWith(t, loadVMI(t, "plain"), folder, "sidecars", "--version", version)
			ours := bootWith(t, loadVMI(t, "plain"), folder, "shim", "--version", version, "--allow-exec")
			if version == "v1alpha1" {
				// KubeVirt's shim announces what this version does not have, and KubeVirt calls nothing.
				stock.Announced = slices.DeleteFunc(stock.Announced, func(hook string) bool { return hook == "PreCloudInitIso" })
			}
			if diff := cmp.Diff(stock, ours, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("not what KubeVirt's shim does (-KubeVirt's +ours):\n%s", diff)
			}
		})
	}
}

// TestDropInWithBundle puts programs behind patches.
func TestDropInWithBundle(t *testing.T) {
	vmi := loadVMI(t, "plain")
	bundle, err := filepath.Abs("testdata/bundles/good.json")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--version", "v1alpha3", "--allow-exec", "--bundle", bundle}
	counts := scripts("onDefineDomain", `printf '%s<!-- vendor: %s -->' "$4" "$(printf %s "$4" | grep -c '>Acme<')"`,
		"preCloudInitIso", `printf %s "$4" | sed 's/hostname: patched/hostname: both/'`)

	alone := bootWith(t, vmi, t.TempDir(), "shim", args...)
	behind := bootWith(t, vmi, counts(t), "shim", args...)
	if alone.Failure+behind.Failure != "" {
		t.Fatal(alone.Failure, behind.Failure)
	}
	if !strings.Contains(alone.CloudInit.UserData, "hostname: patched") || !strings.Contains(behind.CloudInit.UserData, "hostname: both") {
		t.Errorf("user data with the bundle alone: %q, with a program: %q", alone.CloudInit.UserData, behind.CloudInit.UserData)
	}
	for i, pass := range behind.Passes {
		checkEdits(t, pass)
		if want := string(alone.Passes[i].Out) + "<!-- vendor: 1 -->"; string(pass.Out) != want {
			t.Errorf("pass %s is not the program's work on the patched domain:\n%s", pass.What, cmp.Diff(want, string(pass.Out)))
		}
	}

	failing := bootWith(t, vmi, scripts("onDefineDomain", "exit 5")(t), "shim", args...)
	if !strings.Contains(failing.Failure, "onDefineDomain: exit code 5") || failing.Passes[0].Out != nil {
		t.Errorf("the patches are fine and the program fails: got %q, want its exit code", failing.Failure)
	}
	marker := filepath.Join(t.TempDir(), "ran")
	args[len(args)-1], err = filepath.Abs("testdata/bundles/failing.json")
	if err != nil {
		t.Fatal(err)
	}
	failing = bootWith(t, vmi, scripts("onDefineDomain", "touch "+marker)(t), "shim", args...)
	if _, err := os.Stat(marker); !strings.Contains(failing.Failure, "(impossible)") || err == nil {
		t.Errorf("a patch fails: got %q, want its reason, and no program run (%v)", failing.Failure, err)
	}
}

// TestDropInOff: without the flag a script is refused, with the ways out.
func TestDropInOff(t *testing.T) {
	folder := scripts("onDefineDomain", `printf %s "$4"`)(t)
	got := bootWith(t, loadVMI(t, "plain"), folder, "shim", "--version", "v1alpha3", "--bundle", filepath.Join(folder, "onDefineDomain"))
	for _, want := range []string{"programs are not run here", "DomainPatch", "--allow-exec", "sidecar-shim"} {
		if !strings.Contains(got.Failure, want) {
			t.Errorf("the condition lacks %q: %s", want, got.Failure)
		}
	}
}

// TestDropInStops: what never ends is killed, and the caller hears why before its own deadline.
func TestDropInStops(t *testing.T) {
	cases := map[string]struct{ reason, script, want string }{
		"Hangs":       {"a loop", `sleep 300`, "all the time that the hook has: context deadline exceeded"},
		"KeepsStdout": {"KubeVirt's shim waits until KubeVirt gives up", `sleep 300 & printf %s "$4"`, "redirect the output of that process"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sockets := t.TempDir()
			startSidecar(t, sockets, "hook-sidecar-0", scripts("onDefineDomain", tc.script)(t), "shim", "--version", "v1alpha3", "--allow-exec")
			collect(t, sockets, 1)
			conn, err := grpcutil.DialSocketWithTimeout(socketIn(t, sockets), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a tenth of it is for the answer
			defer cancel()
			_, err = hooksV1alpha3.NewCallbacksClient(conn).OnDefineDomain(ctx, &hooksV1alpha3.OnDefineDomainParams{DomainXML: []byte("<domain/>"), Vmi: []byte("{}")})
			if err == nil || !strings.Contains(err.Error(), "domainpatch: program ") || !strings.Contains(err.Error(), tc.want) || ctx.Err() != nil {
				t.Errorf("%s: got %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}

// bootWith boots the VMI with one sidecar, whose PATH begins with the folder, and ends it.
func bootWith(t *testing.T, vmi *v1.VirtualMachineInstance, folder, program string, args ...string) booted {
	t.Helper()
	sockets := t.TempDir()
	s := sidecar{sockets: sockets, container: "hook-sidecar-0", env: []string{"PATH=" + folder + ":" + os.Getenv("PATH")}, stdin: typed(t)}
	exited := s.start(t, program, args...).exited
	manager := collect(t, sockets, 1)
	result := booted{Announced: announced(t, sockets)}
	result.boot(t, manager, vmi)
	if !slices.Contains(result.Announced, "Shutdown") {
		return result
	}
	if err := manager.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := exited(); err != nil {
		t.Errorf("after Shutdown: %v", err)
	}
	return result
}

// typed is an input of one line, which a sidecar has to keep from its programs.
func typed(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() }) // nothing was written to it
	_, err = writer.WriteString("typed\n")
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	return reader
}

func (b *booted) boot(t *testing.T, manager hooks.Manager, vmi *v1.VirtualMachineInstance) {
	t.Helper()
	boot := &launcher.Boot{Manager: manager, VMI: vmi}
	if len(cloudInitVolumes(vmi)) > 0 {
		var err error
		if _, b.CloudInit, err = boot.CloudInit(); err != nil {
			b.Failure = launcher.Condition(err)
			return
		}
	}
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	if b.Passes, err = boot.Define(&domain.Spec); err != nil {
		b.Failure = launcher.Condition(err)
	}
}

func cloudInitVolumes(vmi *v1.VirtualMachineInstance) []v1.Volume {
	return slices.DeleteFunc(slices.Clone(vmi.Spec.Volumes), func(v v1.Volume) bool {
		return v.CloudInitNoCloud == nil && v.CloudInitConfigDrive == nil
	})
}

// announced asks the one sidecar for its hooks, in alphabetical order: KubeVirt's shim has none.
func announced(t *testing.T, sockets string) []string {
	t.Helper()
	conn, err := grpcutil.DialSocketWithTimeout(socketIn(t, sockets), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	result, err := hooksInfo.NewInfoClient(conn).Info(t.Context(), &hooksInfo.InfoParams{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, point := range result.GetHookPoints() {
		names = append(names, point.GetName())
	}
	slices.Sort(names)
	return names
}

func socketIn(t *testing.T, sockets string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(sockets, "*", "*.sock"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d sockets in %s: %v", len(found), sockets, err)
	}
	return found[0]
}

// scripts makes a folder of shell scripts, as shellHooks does.
func scripts(namesAndLines ...string) func(t *testing.T) string {
	return func(t *testing.T) string { return shellHooks(t, namesAndLines...) }
}

// hookFiles makes a folder of one program.
func hookFiles(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readmeShell(t *testing.T) string {
	shell, _, err := examples.Scripts(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return hookFiles(t, "onDefineDomain", shell)
}

// readmePython is the folder of the script, which keeps its files in another one.
func readmePython(t *testing.T) string {
	_, python, err := examples.Scripts(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := hookFiles(t, "onDefineDomain", python)
	if err := examples.LinkPython(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// goProgram builds a program of KubeVirt's module.
func goProgram(name, pkg string) func(t *testing.T) string {
	return func(t *testing.T) string {
		dir := t.TempDir()
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(dir, name), pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
		return dir
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
