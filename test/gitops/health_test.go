// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package gitops tests what Argo CD and Flux make of the status that the operator writes, with
// the interpreter of the one and the library of the other.
package gitops

import (
	"os"
	"testing"

	lua "github.com/yuin/gopher-lua"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

func TestHealth(t *testing.T) {
	script, err := os.ReadFile("../../config/argocd/health.lua")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason     string
		conditions []metav1.Condition
		observed   int64 // of generation 2
		argo, flux string
	}{
		"New":       {"the operator has not seen it; -1 is the default of the CRD", nil, -1, "Progressing", "InProgress"},
		"Changed":   {"what is Ready is the generation before", ready("True", v1alpha1.ReasonReady), 1, "Progressing", "InProgress"},
		"Ready":     {"VMs get it", ready("True", v1alpha1.ReasonReady), 2, "Healthy", "Current"},
		"Invalid":   {"it does not compile", ready("False", v1alpha1.ReasonNotAccepted), 2, "Degraded", "InProgress"},
		"GateOff":   {"KubeVirt refuses hook sidecars", ready("False", v1alpha1.ReasonSidecarGateOff), 2, "Degraded", "InProgress"},
		"Unrelated": {"other conditions do not decide", []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: "True"}}, 2, "Progressing", "Current"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			patch := v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "vms", Generation: 2}}
			patch.Status.ObservedGeneration, patch.Status.Conditions = tc.observed, tc.conditions
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&patch)
			if err != nil {
				t.Fatal(err)
			}
			if got, message := argo(t, string(script), object); got != tc.argo {
				t.Errorf("Argo CD: %s (%s), want %s: %s", got, message, tc.argo, tc.reason)
			}
			result, err := status.Compute(&unstructured.Unstructured{Object: object})
			if err != nil || string(result.Status) != tc.flux {
				t.Errorf("Flux: %v, error %v, want %s: %s", result, err, tc.flux, tc.reason)
			}
		})
	}
}

func ready(value metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: value, Reason: reason, Message: "why"}}
}

// argo runs a health check as Argo CD does: with the object in the variable obj, and no libraries
// but those of the language.
func argo(t *testing.T, script string, object map[string]any) (health, message string) {
	t.Helper()
	state := lua.NewState()
	defer state.Close()
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %v, want a table", state.Get(-1))
	}
	return lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))
}

func value(state *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, field := range v {
			table.RawSetString(key, value(state, field))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}
