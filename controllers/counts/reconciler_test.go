// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

func TestIsRelevant(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*kubevirt.VirtualMachineInstance)
		want   bool
	}{
		"Nothing":    {"a resync", func(*kubevirt.VirtualMachineInstance) {}, false},
		"Status":     {"KubeVirt is at work", func(v *kubevirt.VirtualMachineInstance) { v.Status.Conditions[0].Status = "True" }, false},
		"Running":    {"it still runs", inPhase("Running"), false},
		"Label":      {"other patches may bind", labelled("x"), true},
		"Annotation": {"the mark may have changed", func(v *kubevirt.VirtualMachineInstance) { v.Annotations = map[string]string{"x": "y"} }, true},
		"Started":    {"no longer failed", func(v *kubevirt.VirtualMachineInstance) { v.Status.Conditions[1].Status = "True" }, true},
		"Ended":      {"no longer counted", inPhase("Failed"), true},
		"Deleted":    {"no longer counted", func(v *kubevirt.VirtualMachineInstance) { v.DeletionTimestamp = &metav1.Time{} }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := vmi(t, "v", nil, failing("x", fmt.Sprintf(syncError, "no")))
			after := before.DeepCopy()
			tc.change(after)
			if got := isRelevant(event.TypedUpdateEvent[*kubevirt.VirtualMachineInstance]{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("isRelevant: %t, want %t: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestNewFailure(t *testing.T) {
	ours, other, foreign := syncFailed("e", "v", fmt.Sprintf(syncError, "no")), syncFailed("e", "v", fmt.Sprintf(syncError, "never")), syncFailed("e", "v", "no connection")
	if !newFailure.Create(event.CreateEvent{Object: ours}) || newFailure.Create(event.CreateEvent{Object: foreign}) {
		t.Error("new events: want those with an error of the shim, and no others")
	}
	if newFailure.Update(event.UpdateEvent{ObjectOld: ours, ObjectNew: ours.DeepCopy()}) || !newFailure.Update(event.UpdateEvent{ObjectOld: ours, ObjectNew: other}) {
		t.Error("updates: want those with another error, and no others")
	}
}
