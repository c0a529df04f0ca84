// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// namedPatch is a DomainPatch that sets the title of VMs that refer to it.
func namedPatch(name, value string) v1alpha1.DomainPatch {
	p := v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name}}
	p.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &value}}
	return p
}

func selecting(p v1alpha1.DomainPatch) v1alpha1.DomainPatch {
	p.Spec.Selector = &metav1.LabelSelector{}
	return p
}

func ordered(order int32, p v1alpha1.DomainPatch) v1alpha1.DomainPatch {
	p.Spec.Order = order
	return p
}

// stored is a fare.Source with bundles.
type stored map[string][]byte

func (s stored) Bundle(_ context.Context, configMap string) ([]byte, error) { return s[configMap], nil }

func (stored) SyncFailures(context.Context) ([]corev1.Event, error) { return nil, nil }

// started gives a VMI the bundle of patches that bind it, and stores that.
func (s stored) started(t *testing.T, m *machine, patches []v1alpha1.DomainPatch) {
	t.Helper()
	b, err := render.Render(t.Context(), render.VMI{Labels: m.vmi.Labels, JSON: []byte("{}")}, render.Namespace{Name: "vms"},
		render.Objects{Patches: render.Patches(patches, nil)}, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	if b.Applies() {
		s[b.Name()] = b.JSON
		if m.vmi.Annotations, err = b.Annotations(nil, render.Image{Name: "example/shim:v1"}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTell pins what is said of a VM in each state.
func TestTell(t *testing.T) {
	type patches = []v1alpha1.DomainPatch
	const ref = v1alpha1.DomainPatchReferencePrefix
	refersTo := func(names ...string) map[string]string {
		labels := map[string]string{}
		for _, name := range names {
			labels[ref+name] = "true"
		}
		return labels
	}
	a, b := namedPatch("a", "1"), namedPatch("b", "1")
	cases := map[string]struct {
		reason        string
		labels        map[string]string
		before, now   patches
		change        func(m *machine, s stored)
		blind, denied bool

		state   State
		restart bool
		why     string
		patches string // "name by inForce", in order
	}{
		"Current":  {"the same", refersTo("a"), patches{a}, patches{a}, nil, false, false, StateCurrent, false, "", "a label yes"},
		"Selected": {"no label", nil, patches{selecting(a)}, patches{selecting(a)}, nil, false, false, StateCurrent, false, "", "a selector yes"},
		"Changed": {"another value", refersTo("a", "b"), patches{a, b}, patches{namedPatch("a", "2"), b}, nil, false, false,
			StateOutdated, true, "DomainPatch vms/a changed", "a label changed, b label yes"},
		"Added":   {"a selector", refersTo("a"), patches{a}, patches{a, selecting(b)}, nil, false, false, StateOutdated, true, "DomainPatch vms/b binds now", "a label yes, b selector no"},
		"Removed": {"nothing is left", nil, patches{selecting(a)}, patches{a}, nil, false, false, StateOutdated, true, "DomainPatch vms/a no longer binds", ""},
		"Reordered": {"by spec.order", refersTo("a", "b"), patches{a, b}, patches{ordered(1, a), b}, nil, false, false,
			StateOutdated, true, "the order changed", "b label yes, a label yes"},
		"NoEntry": {"the bundle is named, and nothing applies it", refersTo("a"), patches{a}, patches{a}, func(m *machine, _ stored) {
			delete(m.vmi.Annotations, v1alpha1.HookSidecarsAnnotation)
		}, false, false, StateOutdated, true, "DomainPatch vms/a binds now", "a label no"},
		"Deleted": {"a demand of what is gone", refersTo("a"), patches{a}, nil, nil, false, false,
			StateOutdated, false, "a restart would be refused: label domainpatch.kubevirt.io/a: DomainPatch vms/a does not exist", ""},
		"NeverStarted": {"before it was created", refersTo("a"), nil, nil, func(m *machine, _ stored) { m.vmi.Annotations = nil }, false, false,
			StateOutdated, false, "a restart would be refused: ", ""},
		"Lost": {"the ConfigMap is gone", refersTo("a"), patches{a}, patches{namedPatch("a", "2")}, func(_ *machine, s stored) { clear(s) }, false, false,
			StateOutdated, true, "it cannot migrate until it is restarted", "a label "},
		"Denied": {"the ConfigMap may not be read", refersTo("a"), patches{a}, patches{namedPatch("a", "2")}, func(_ *machine, s stored) { clear(s) }, false, true,
			StateUnknown, false, "", "a label "},
		"Blind": {"not all patches may be read", refersTo("a"), patches{a}, patches{namedPatch("a", "2")}, nil, true, false, StateUnknown, false, "", "a label changed"},
		"Failed": {"current, and does not start", refersTo("a"), patches{a}, patches{a}, failIn("a"), false, false,
			StateFailed, false, "domainpatch: DomainPatch vms/a: no", "a label yes"},
		"FailedInAnother": {"b changed, and the failure is about a", refersTo("a", "b"), patches{a, b}, patches{a, namedPatch("b", "2")}, failIn("a"), false, false,
			StateFailed, false, "domainpatch: DomainPatch vms/a: no", "a label yes, b label changed"},
		"FailedBehindAnother": {"a changed, which may have given b nothing to edit", refersTo("a", "b"), patches{a, b}, patches{namedPatch("a", "2"), b}, failIn("b"), false, false,
			StateFailed, true, "domainpatch: DomainPatch vms/b: no", "a label changed, b label yes"},
		"FailedBehindRemoved": {"a is gone, which may have given b nothing to edit", refersTo("b"), patches{selecting(a), b}, patches{a, b}, failIn("b"), false, false,
			StateFailed, true, "domainpatch: DomainPatch vms/b: no", "b label yes"},
		"FailedBehindAdded": {"c comes first, which may give a what it edits", refersTo("a"), patches{a}, patches{selecting(ordered(-1, namedPatch("c", "1"))), a}, failIn("a"), false, false,
			StateFailed, true, "domainpatch: DomainPatch vms/a: no", "c selector no, a label yes"},
		"FailedBeforeAdded": {"b applies behind a", refersTo("a"), patches{a}, patches{a, selecting(b)}, failIn("a"), false, false,
			StateFailed, false, "domainpatch: DomainPatch vms/a: no", "a label yes, b selector no"},
		"FailedAndMended": {"a changed, too", refersTo("a", "b"), patches{a, b}, patches{namedPatch("a", "2"), namedPatch("b", "2")}, failIn("a"), false, false,
			StateFailed, true, "domainpatch: DomainPatch vms/a: no", "a label changed, b label changed"},
		"FailedAndOrdered": {"a comes later now, which may mend it", refersTo("a", "b"), patches{a, b}, patches{ordered(1, a), b}, failIn("a"), false, false,
			StateFailed, true, "domainpatch: DomainPatch vms/a: no", "b label yes, a label yes"},
		"Stopped": {"what it will start with", refersTo("a"), nil, patches{a}, stop(""), false, false, StateStopped, false, "", "a label "},
		"Refused": {"it would not start", refersTo("a"), nil, nil, stop(""), false, false, StateRefused, false, "DomainPatch vms/a does not exist", ""},
		"RefusedByWebhook": {"as KubeVirt says", refersTo("a"), nil, patches{a}, stop(`admission webhook "mutate.vmi.domainpatch.kubevirt.io" denied the request: no`), false, false,
			StateRefused, false, "denied the request: no", "a label "},
		"FailedElsewhere": {"not our refusal, but why it is stopped", refersTo("a"), nil, patches{a}, stop(`admission webhook "other" denied the request: no`), false, false,
			StateStopped, false, `admission webhook "other" denied the request: no`, "a label "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m, source := &machine{}, stored{}
			m.vmi.ObjectMeta = metav1.ObjectMeta{Namespace: "vms", Name: "vm", Labels: tc.labels}
			if tc.before != nil {
				source.started(t, m, tc.before)
			}
			if tc.change != nil {
				tc.change(m, source)
			}
			judge := fare.NewJudge(render.Namespace{Name: "vms"}, render.Patches(tc.now, nil), render.Compile, source, nil)
			f, err := judge.Of(t.Context(), &m.vmi)
			if err != nil {
				t.Fatal(err)
			}
			got := m.tell(f, tc.blind, tc.denied)
			if got.State != tc.state || got.Restart != tc.restart || !strings.Contains(got.Why, tc.why) || (tc.why == "") != (got.Why == "") {
				t.Errorf("%s, restart %v, %q; want %s, %v, %q, %s", got.State, got.Restart, got.Why, tc.state, tc.restart, tc.why, tc.reason)
			}
			var have []string
			for _, b := range got.Patches {
				have = append(have, fmt.Sprintf("%s %s %s", b.Name, b.By, b.InForce))
			}
			if diff := cmp.Diff(tc.patches, strings.Join(have, ", ")); diff != "" {
				t.Errorf("patches, %s (-want +got):\n%s", tc.reason, diff)
			}
			if got.State.Rank() < 0 {
				t.Errorf("state %s has no rank", got.State)
			}
		})
	}
}

// failIn lets the start of a VM fail in a DomainPatch.
func failIn(name string) func(*machine, stored) {
	return func(m *machine, _ stored) {
		m.vmi.Status.Conditions = []kubevirt.Condition{{Type: kubevirt.ConditionSynchronized, Status: metav1.ConditionFalse, Message: "domainpatch: DomainPatch vms/" + name + ": no"}}
	}
}

// stop makes a VM of a VMI that KubeVirt could not create, or that nobody started.
func stop(failure string) func(*machine, stored) {
	return func(m *machine, _ stored) { m.isStopped, m.phase, m.failure = true, "Stopped", failure }
}

// TestCrashLoop tells of a VM whose VirtualMachineInstance failed and is gone.
func TestCrashLoop(t *testing.T) {
	for name, tc := range map[string]struct{ status, why string }{
		"Waits": {`{"printableStatus": "CrashLoopBackOff", "startFailure": {"consecutiveFailCount": 3, "retryAfterTimestamp": "2026-01-02T03:04:05Z"}}`,
			"its start failed, 3 in a row: KubeVirt tries again at 2026-01-02T03:04:05Z"},
		"NoTime": {`{"printableStatus": "CrashLoopBackOff", "startFailure": {"consecutiveFailCount": 1}}`, "its start failed, 1 in a row: KubeVirt tries again"},
		"Create": {`{"printableStatus": "Stopped", "conditions": [{"type": "Failure", "status": "True", "message": "no quota"}], "startFailure": {"consecutiveFailCount": 1}}`, "no quota"},
		"Never":  {`{"printableStatus": "Stopped"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var v virtualMachine
			if err := json.Unmarshal([]byte(`{"metadata": {"namespace": "vms", "name": "vm"}, "status": `+tc.status+`}`), &v); err != nil {
				t.Fatal(err)
			}
			vm := v.machine().tell(&fare.Fare{Wish: &fare.Wish{}}, false, false)
			if vm.State != StateStopped || vm.Why != tc.why {
				t.Errorf("%s, %q; want %s, %q", vm.State, vm.Why, StateStopped, tc.why)
			}
			if got, want := vm.Next() != "", tc.why != ""; got != want {
				t.Errorf("next is %q", vm.Next())
			}
		})
	}
}

// TestRestarted takes labels and annotations from the template, and KubeVirt's own from the instance.
func TestRestarted(t *testing.T) {
	running, err := parseInstance([]byte(`{"metadata":{"name":"vm","labels":{"a":"old","gone":"x","kubevirt.io/nodeName":"n"},` +
		`"annotations":{"` + v1alpha1.BundleAnnotation + `":"0a"}},"spec":{"domain":{"cpu":{"cores":2}}},"status":{"phase":"Running"}}`))
	if err != nil {
		t.Fatal(err)
	}
	template, err := parseInstance([]byte(`{"metadata":{"labels":{"a":"new","b":"c"}},"spec":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		template *instance
		want     string
	}{
		"Template": {template, `{"metadata":{"annotations":{},"labels":{"a":"new","b":"c","kubevirt.io/nodeName":"n"},"name":"vm"},"spec":{"domain":{"cpu":{"cores":2}}}}`},
		"Bare":     {nil, `{"metadata":{"annotations":{},"labels":{"a":"old","gone":"x","kubevirt.io/nodeName":"n"},"name":"vm"},"spec":{"domain":{"cpu":{"cores":2}}}}`},
	} {
		got, err := running.restarted(tc.template)
		if diff := cmp.Diff(tc.want, string(got.JSON)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := parseInstance([]byte("[")); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("an instance that is no JSON: %v", err)
	}
}

// TestFailedInWords pins what is said of a VM of which a start failed: no patch is in force.
func TestFailedInWords(t *testing.T) {
	a, b := Binding{Kind: "DomainPatch", Namespace: "vms", Name: "a", InForce: "yes"}, Binding{Kind: "DomainPatch", Namespace: "vms", Name: "b", InForce: "yes"}
	vm := VM{Namespace: "vms", Name: "vm", State: StateFailed, Patches: []Binding{a, b}, Blamed: []string{b.ID()}}
	if got := vm.Since(a) + "|" + vm.Since(b); got != "|failed" {
		t.Errorf("a VM that failed has its patches %q", got)
	}
	if got, want := vm.Next(), "mend what the message names, then virtctl restart -n vms vm"; got != want {
		t.Errorf("next is %q, want %q", got, want)
	}
	vm.Restart = true
	if got, want := vm.Next(), "virtctl restart -n vms vm, which gives it what binds now"; got != want {
		t.Errorf("once the patches were changed, next is %q, want %q", got, want)
	}
	vm.State = StateCurrent
	if got := vm.Since(b); got != "in force" {
		t.Errorf("a current VM has its patch %q", got)
	}
}
