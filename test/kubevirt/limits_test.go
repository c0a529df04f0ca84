// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// What KubeVirt gives the sidecars of VMs with dedicated CPUs (sidecarResources in virt-controller/services): 200m
// CPU, which is 20 ms of every 100, and 64M of memory.
const (
	cpuPeriodMicros = "100000"
	cpuQuotaMicros  = "20000"
	memoryLimit     = 64_000_000 // bytes
)

// maxBytes is the limit of a bundle and of a document, in bytes.
const maxBytes = 512 << 10

// bigBundle is near the limits of a bundle, of its patches and of its expressions. Its edits are entries of the SMBIOS table.
func bigBundle(t *testing.T) []byte {
	t.Helper()
	fragment := "<metadata><x:filling xmlns:x='urn:example'>" + strings.Repeat("<x:item a='1'>filling</x:item>", 188) + "</x:filling></metadata>"
	var patches []bundle.Patch
	for p := range 64 {
		patch := bundle.NewPatch(fmt.Sprintf("big-%02d", p), bundle.DomainRule{Name: "filling", Op: "add", Path: "/domain", XML: fragment, When: "vmi.metadata.name == ''"})
		for r := range bigEntries / 64 {
			patch.Domain = append(patch.Domain, bundle.DomainRule{
				Op:         "set",
				Path:       fmt.Sprintf("/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='p%dr%d']", p, r),
				Expression: "'big ' + vmi.metadata.name + '" + strings.Repeat("x", 20) + "'" + strings.Repeat(" + string(size(vmi.spec.domain.devices.disks))", 9),
			})
		}
		patches = append(patches, patch)
	}
	content := encodeBundle(t, patches...)
	if len(content) > maxBytes || len(content) < maxBytes*9/10 {
		t.Fatalf("the bundle has %d bytes, want nearly %d", len(content), maxBytes)
	}
	return content
}

// bigEntries is how many entries bigBundle makes.
const bigEntries = 256

func checkBigEntries(t *testing.T, out string) {
	t.Helper()
	if got := strings.Count(out, ">big devicesxxxxxxxxxxxxxxxxxxxx777777777</entry>"); got != bigEntries {
		t.Errorf("got %d entries, want %d", got, bigEntries)
	}
}

// bigDomain is a domain at the limit, with disks that make it so, and a VMI with as much in its annotations as Kubernetes takes.
func bigDomain(t *testing.T) (*api.DomainSpec, *v1.VirtualMachineInstance) {
	t.Helper()
	vmi := loadVMI(t, "devices")
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	metav1.SetMetaDataAnnotation(&vmi.ObjectMeta, "filling", strings.Repeat("x", 250<<10))
	spec := &domain.Spec
	const room = 40 << 10 // for the entries
	for size := 0; size < maxBytes-room; {
		for range 10 {
			disk := spec.Devices.Disks[0].DeepCopy()
			disk.Target.Device = fmt.Sprintf("vd%d", len(spec.Devices.Disks))
			disk.Source.File += strings.Repeat("/a-long-name", 20)
			disk.Alias = api.NewUserDefinedAlias(disk.Target.Device)
			spec.Devices.Disks = append(spec.Devices.Disks, *disk)
		}
		doc, err := launcher.Encode(spec)
		if err != nil {
			t.Fatal(err)
		}
		size = len(doc)
	}
	return spec, vmi
}

// manyExpressions is near the limits of a bundle and of its expressions, of which no two are alike, and of rules.
func manyExpressions(t *testing.T) []byte {
	t.Helper()
	var patches []bundle.Patch
	for p := range 63 {
		patch := bundle.NewPatch(fmt.Sprintf("many-%02d", p))
		for r := range 63 {
			patch.Domain = append(patch.Domain, bundle.DomainRule{Op: "set", Path: "/domain/title", Expression: fmt.Sprintf("'%04d' + vmi.metadata.name", 63*p+r)})
		}
		patches = append(patches, patch)
	}
	return encodeBundle(t, patches...)
}

func checkTitle(t *testing.T, out string) {
	t.Helper()
	if !strings.Contains(out, "<title>3968devices</title>") {
		t.Errorf("the last rule's title is not there: %.2000s", out)
	}
}

// TestMemoryLimit: calls at the limits, one after another and at once, need less than KubeVirt gives.
func TestMemoryLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		bundle []byte
		check  func(t *testing.T, out string)
	}{
		"BigPatches":      {bigBundle(t), checkBigEntries},
		"ManyExpressions": {manyExpressions(t), checkTitle},
	} {
		t.Run(name, func(t *testing.T) { checkMemory(t, tc.bundle, tc.check) })
	}
}

func checkMemory(t *testing.T, content []byte, check func(t *testing.T, out string)) {
	t.Helper()
	s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
	group := newCgroup(t, "memory", ofMemory(memoryLimit))
	if group != "" {
		s.flags = []string{"--cgroup", group}
	}
	manager, process := runShim(t, s, content, "v1alpha3", "OnDefineDomain")
	spec, vmi := bigDomain(t)
	const callers = 4
	answered := checkAtOnce(t, manager, spec, vmi, callers, check) // the first calls
	for range callers {
		answered += checkAtOnce(t, manager, spec, vmi, 1, check)
	}
	for tries := 0; answered == 0; tries++ { // so that an answer is checked, on a busy machine, too
		if tries == 10 {
			t.Fatal("no call was answered in time")
		}
		answered += checkAtOnce(t, manager, spec, vmi, 1, check)
	}
	t.Logf("%d calls were answered in time", answered)
	peak := memoryOf(t, pidOf(t, s), "VmHWM")
	t.Logf("at most %.1f MB were resident", float64(peak)/1e6)
	if group == "" && peak > memoryLimit {
		t.Errorf("over the limit of %d MB", memoryLimit/1_000_000)
	}
	shutDown(t, manager, process)
}

// checkAtOnce makes calls at once, and gives how many were answered.
func checkAtOnce(t *testing.T, manager hooks.Manager, spec *api.DomainSpec, vmi *v1.VirtualMachineInstance, callers int, check func(t *testing.T, out string)) (answered int) {
	t.Helper()
	type answer struct {
		out string
		err error
	}
	answers := make(chan answer, callers)
	for range callers {
		go func() {
			out, err := manager.OnDefineDomain(spec, vmi)
			answers <- answer{out, err}
		}()
	}
	for range callers {
		got := <-answers
		if isAnswered(t, got.err) {
			check(t, got.out)
			answered++
		}
	}
	return answered
}

// isAnswered tells an answer from an error that says that a busy machine did not get it done in time: the shim gives itself
// five seconds, and the largest bundles take a second and a half of them.
func isAnswered(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && status.Code(err) != codes.DeadlineExceeded {
		t.Fatal(err)
	}
	return err == nil
}

// pidOf is the process of the shim in the container, as the kernel knows it.
func pidOf(t *testing.T, s sidecar) int {
	t.Helper()
	return int(server(t, socketOf(t, s)).Pid)
}

// memoryOf is a field of a process's memory, in bytes (/proc/PID/status in proc(5)).
func memoryOf(t *testing.T, pid int, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	_, rest, _ := strings.Cut(string(status), field+":")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatalf("no %s in:\n%s", field, status)
	}
	return kib << 10
}

// TestSlowCPU: virt-launcher gives Info a second, and gives up on the VM if it takes longer. So the socket must not appear
// before the bundle is compiled, however long that takes.
func TestSlowCPU(t *testing.T) {
	bundles := map[string][]byte{"SmallBundle": readBundle(t, "domain.json"), "BigBundle": bigBundle(t)}
	for name, content := range bundles {
		t.Run("Busy/"+name, func(t *testing.T) {
			occupy(t, runtime.NumCPU())
			checkSlow(t, sidecar{sockets: t.TempDir(), env: []string{"GOMAXPROCS=1"}, nice: 10}, content)
		})
		t.Run("Quota/"+name, func(t *testing.T) {
			group := newCgroup(t, "cpu", ofCPU(cpuQuotaMicros, cpuPeriodMicros))
			if group == "" {
				t.Skip("without a cgroup there is no quota")
			}
			checkSlow(t, sidecar{sockets: t.TempDir(), flags: []string{"--cgroup", group}}, content)
		})
	}
}

func checkSlow(t *testing.T, s sidecar, content []byte) {
	t.Helper()
	s.container = "hook-sidecar-0"
	appeared := watchFolder(t, filepath.Join(s.sockets, s.container))
	process := s.start(t, "shim", shimArgs(writeBundle(t, content), content, "v1alpha3", "OnDefineDomain")...)
	appeared()
	started := time.Now()
	call(t, socketOf(t, s))
	if took := time.Since(started); took > time.Second {
		t.Errorf("Info was answered %v after the socket appeared, want at most 1s", took)
	}
	manager := collect(t, s.sockets, 1)
	define(t, manager, "devices")
	if err := manager.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := process.exited(); err != nil {
		t.Error(err)
	}
}

// watchFolder makes the folder. The function that it returns waits until a file is moved into it, as the shim's socket is.
func watchFolder(t *testing.T, dir string) (appeared func()) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	t.Cleanup(func() { events.Close() })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := events.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := events.Read(make([]byte, 4096)); err != nil {
			t.Fatalf("no socket after a minute: %v", err)
		}
	}
}

// occupy keeps CPUs busy until the test ends.
func occupy(t *testing.T, processes int) {
	t.Helper()
	for range processes {
		hog := exec.Command("sh", "-c", "while :; do :; done")
		hog.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := hog.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = hog.Process.Kill() // fails only when it has ended
			_ = hog.Wait()         // says that it was killed
		})
	}
}
