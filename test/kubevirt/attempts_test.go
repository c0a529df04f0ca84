// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// attemptsBundle makes first calls and repeats differ. First calls with a domain that is destroyed on reboot fail, and repeats
// do not. What the first call of a boot skips or ignores would be possible in later ones, where devices have addresses.
func attemptsBundle(t *testing.T, cloudInit bool) []byte {
	t.Helper()
	baseBoard := func(entry string) string {
		return "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='" + entry + "']"
	}
	patch := bundle.NewPatch("attempts",
		bundle.DomainRule{Name: "edit", Op: "set", Path: baseBoard("manufacturer"), Value: "edited"},
		bundle.DomainRule{Name: "decides", Op: "test", Path: "/domain/devices/nosuchdevice", When: "'destroy' in xpath('/domain/on_reboot')"},
		bundle.DomainRule{Name: "late", Op: "set", Path: baseBoard("version"), Value: "late", When: "size(xpath('/domain/devices/controller/address')) > 0"})
	if cloudInit {
		patch.CloudInit = []bundle.CloudInitRule{
			{Name: "hostname", Target: "userData", Op: "add", Path: "/hostname", Value: "edited"},
			{Name: "refuses", Target: "userData", Op: "test", Path: "/nosuchkey", Value: "x", When: "'decide' in vmi.metadata.annotations"},
		}
	}
	ignored := bundle.NewPatch("ignored",
		bundle.DomainRule{Name: "addresses", Op: "test", Path: "/domain/devices/controller/address"},
		bundle.DomainRule{Name: "location", Op: "set", Path: baseBoard("location"), Value: "ignored"})
	ignored.FailurePolicy = "Ignore"
	return encodeBundle(t, patch, ignored)
}

// attemptStep is one call of virt-launcher's and what becomes of it.
type attemptStep struct {
	// call is a pass of an undisturbed boot (1, 2 or 3) whose input is sent, "1b" for the first pass of a VM with
	// more memory, "3r" for the third with the VMI as a retry has it, "cloud-init" for PreCloudInitIso, or
	// "too large" for a domain over the limit.
	call   string
	decide bool   // the domain is one with which first calls fail; for PreCloudInitIso, the VMI is
	want   string // "first", "repeat", "cloud-init", or part of the error
}

const decided = "spec.domain[1] (decides): /domain/devices/nosuchdevice selects nothing"

// TestAttempts has the rules by which a call counts as the first one of an attempt to start the VM: docs/shim.md, "Attempts".
func TestAttempts(t *testing.T) {
	recorded := recordPasses(t)
	for name, tc := range map[string]struct {
		reason    string
		cloudInit bool // the bundle has cloud-init rules, and PreCloudInitIso is subscribed
		steps     []attemptStep
	}{
		"FirstOfTheProcess": {"a call is a first call when the process has answered none", false, []attemptStep{
			{"2", true, decided}}},
		"Repeat": {"later passes ask no questions", false, []attemptStep{
			{"1", false, "first"}, {"2", true, "repeat"}, {"3", true, "repeat"}}},
		"AfterFailure": {"KubeVirt starts over, and until the cause is gone the retry fails for the same reason", false, []attemptStep{
			{"1", true, decided}, {"1", true, decided}, {"1", false, "first"}, {"2", true, "repeat"}}},
		"AfterFailedRepeat": {"KubeVirt starts over after a failure in any pass", false, []attemptStep{
			{"1", false, "first"}, {"2", false, "repeat"}, {"too large", false, "over the limit"}, {"3", true, decided}}},
		"SameInput": {"the same bytes again are a new attempt with the same VM, and the passes after it are its own", false, []attemptStep{
			{"2", false, "first"}, {"3", true, "repeat"}, {"2", false, "first"}}},
		"Placeholders": {"only the first pass has placeholder interfaces", false, []attemptStep{
			{"1", false, "first"}, {"2", true, "repeat"}, {"1b", true, decided}}},
		"PlaceholdersAgain": {"and the passes after it are its own", false, []attemptStep{
			{"1", false, "first"}, {"2", true, "repeat"}, {"1b", false, "first"}, {"2", true, "repeat"}}},
		"OtherVMI": {"KubeVirt sends one and the same VMI in all calls of an attempt, and a retry's has another resourceVersion", false, []attemptStep{
			{"1", false, "first"}, {"2", true, "repeat"}, {"3r", true, decided}}},
		"OtherVMIAgain": {"and the passes after it are its own", false, []attemptStep{
			{"1", false, "first"}, {"3r", false, "first"}, {"3", false, "first"}, {"2", true, "repeat"}}},
		"CloudInitSince": {"PreCloudInitIso opens an attempt", true, []attemptStep{
			{"cloud-init", false, "cloud-init"}, {"1", false, "first"}, {"2", true, "repeat"}, {"cloud-init", false, "cloud-init"}, {"3", true, decided}}},
		"CloudInitNotCalled": {"another sidecar took the call, so the cloud-init rules would be lost", true, []attemptStep{
			{"1", false, "KubeVirt calls PreCloudInitIso on the first sidecar"}, {"1", false, "KubeVirt calls PreCloudInitIso on the first sidecar"}}},
		"CloudInitFailed": {"a start must not go on with the cloud-init data of an earlier attempt", true, []attemptStep{
			{"cloud-init", false, "cloud-init"}, {"1", false, "first"}, {"cloud-init", true, "spec.cloudInit[1] (refuses)"},
			{"1", false, "the call of PreCloudInitIso before this one failed"}, {"cloud-init", false, "cloud-init"}, {"1", false, "first"}}},
		"CloudInitKept": {"a failed call changes no state: the attempt's cloud-init data is patched", true, []attemptStep{
			{"cloud-init", false, "cloud-init"}, {"1", true, decided}, {"1", false, "first"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hookPoints := "OnDefineDomain"
			if tc.cloudInit {
				hookPoints = "OnDefineDomain,PreCloudInitIso"
			}
			manager, process := runShim(t, sidecar{sockets: t.TempDir()}, attemptsBundle(t, tc.cloudInit), "v1alpha3", hookPoints)
			for i, step := range tc.steps {
				if _, err := step.run(t, manager, recorded); (err == nil) != step.answered() || err != nil && !strings.Contains(err.Error(), step.want) {
					t.Fatalf("step %d (%+v): got %v: %s", i, step, err, tc.reason)
				}
			}
			checkRepeats(t, manager, process, tc.steps)
		})
	}
}

func (s attemptStep) answered() bool {
	return s.want == "first" || s.want == "repeat" || s.want == "cloud-init"
}

// run makes the call as virt-launcher does.
func (s attemptStep) run(t *testing.T, manager hooks.Manager, recorded []launcher.Pass) (string, error) {
	t.Helper()
	vmi := loadVMI(t, "devices")
	if s.call == "cloud-init" {
		if s.decide {
			metav1.SetMetaDataAnnotation(&vmi.ObjectMeta, "decide", "true")
		}
		_, _, err := (&launcher.Boot{Manager: manager, VMI: vmi}).CloudInit()
		return "", err
	}
	pass := map[string]int{"1": 0, "1b": 0, "too large": 1, "2": 1, "3": 2, "3r": 2}[s.call]
	spec, err := launcher.Decode(recorded[pass].In)
	if err != nil {
		t.Fatal(err)
	}
	if s.decide {
		spec.OnReboot = api.DomainOnRebootDestroy
	}
	switch s.call {
	case "1b":
		spec.Memory.Value *= 2
	case "3r":
		vmi.ResourceVersion = "2"
	case "too large":
		spec.Devices.Emulator = strings.Repeat("x", 512<<10)
	}
	return manager.OnDefineDomain(spec, vmi)
}

// recordPasses gives the three inputs of an undisturbed boot.
func recordPasses(t *testing.T) []launcher.Pass {
	t.Helper()
	manager, _ := runShim(t, sidecar{sockets: t.TempDir()}, attemptsBundle(t, false), "v1alpha3", "OnDefineDomain")
	passes := define(t, manager, "devices")
	if len(passes) != launcher.MaxPasses || !strings.Contains(string(passes[0].In), "placeholder-0") {
		t.Fatalf("got %d passes, want %d, and placeholders in the first:\n%s", len(passes), launcher.MaxPasses, passes[0].In)
	}
	return passes
}

// define goes through all calls of OnDefineDomain of a start, none of which may fail.
func define(t *testing.T, manager hooks.Manager, vmi string) []launcher.Pass {
	t.Helper()
	instance := loadVMI(t, vmi)
	domain, err := launcher.Convert(instance)
	if err != nil {
		t.Fatal(err)
	}
	passes, err := (&launcher.Boot{Manager: manager, VMI: instance}).Define(&domain.Spec)
	if err != nil {
		t.Fatal(launcher.Condition(err))
	}
	return passes
}

// checkRepeats ends the shim and compares what its log says about the answered calls with the steps.
func checkRepeats(t *testing.T, manager hooks.Manager, process *process, steps []attemptStep) {
	t.Helper()
	if err := manager.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := process.exited(); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, step := range steps {
		if step.answered() {
			want = append(want, step.want)
		}
	}
	for _, line := range callLines(t, process.output.String()) {
		switch {
		case line.Message != "answered":
		case line.Hook == "PreCloudInitIso":
			got = append(got, "cloud-init")
		case line.Repeat:
			got = append(got, "repeat")
		default:
			got = append(got, "first")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls in the log (-want +got):\n%s", diff)
	}
}

// callLine is a line of the shim's log about a hook call.
type callLine struct {
	Level   string `json:"level"`
	Message string `json:"msg"`
	Hook    string `json:"hook"`
	Repeat  bool   `json:"repeat"`
	Error   string `json:"error"`
}

func callLines(t *testing.T, log string) []callLine {
	t.Helper()
	var calls []callLine
	for line := range strings.Lines(log) {
		var call callLine
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			t.Fatalf("%v in the log: %s", err, line)
		}
		if call.Hook != "" {
			calls = append(calls, call)
		}
	}
	return calls
}

// TestAttemptKeepsWhatWasSkipped: a rule that the first call skipped, and a patch that it ignored, do not come in
// with a later pass, though there both could.
func TestAttemptKeepsWhatWasSkipped(t *testing.T) {
	t.Parallel()
	recorded := recordPasses(t)
	for i, pass := range recorded {
		for what, want := range map[string]int{">edited</entry>": 1, ">late</entry>": 0, ">ignored</entry>": 0} {
			if got := strings.Count(string(pass.Out), what); got != want {
				t.Errorf("pass %d: %d of %s, want %d:\n%s", i+1, got, what, want, pass.Out)
			}
		}
	}
	// The proof that they could.
	manager, _ := runShim(t, sidecar{sockets: t.TempDir()}, attemptsBundle(t, false), "v1alpha3", "OnDefineDomain")
	out, err := attemptStep{call: "2"}.run(t, manager, recorded)
	if err != nil || !strings.Contains(out, ">late</entry>") || !strings.Contains(out, ">ignored</entry>") {
		t.Errorf("a first call with addresses: %v, want both edits:\n%s", err, out)
	}
}
