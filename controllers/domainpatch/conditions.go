// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

const (
	// maxMessage is the longest message of a condition that the API allows, in characters.
	maxMessage = 32768
	// namesShown is how many objects or rules a message names.
	namesShown = 3
)

// verdict is all conditions of an object.
type verdict []metav1.Condition

// finding is a reason against a condition, with what to do about it; none if the reason is empty.
type finding struct{ reason, message string }

// facts are what the conditions of one object are made of.
type facts struct {
	isPolicy        bool
	err             error               // why the object is not accepted
	policiesInvalid []string            // names of policies of its namespace that are not accepted
	kubevirts       []kubevirt.KubeVirt // what is installed
}

func (f *facts) verdict() verdict {
	accepted := condition(v1alpha1.ConditionAccepted, f.invalid(), finding{v1alpha1.ReasonAccepted, "the " + f.noun() + " compiles"})
	if f.isPolicy {
		return verdict{accepted, condition(v1alpha1.ConditionReady, f.notAccepted(),
			finding{v1alpha1.ReasonReady, "the DomainPatches of the selected namespaces are held to the policy when VMs start"})}
	}
	return verdict{accepted, f.ready()}
}

func (f *facts) noun() string {
	if f.isPolicy {
		return "policy"
	}
	return "patch"
}

// ready goes through what keeps a VM from getting the patch. What its author can change
// comes before what the cluster's admin can.
func (f *facts) ready() metav1.Condition {
	for _, check := range []func() finding{
		f.notAccepted,
		f.policyNotAccepted,
		f.kubevirtNotFound,
		f.sidecarGateOff,
	} {
		if found := check(); found.reason != "" {
			return condition(v1alpha1.ConditionReady, found, finding{})
		}
	}
	return condition(v1alpha1.ConditionReady, finding{}, finding{v1alpha1.ReasonReady, "VMs that bind the patch get it when they start"})
}

// condition is False for a finding, and else True with what it says then.
func condition(kind string, against, otherwise finding) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse}
	if against.reason == "" {
		c.Status, against = metav1.ConditionTrue, otherwise
	}
	c.Reason, c.Message = against.reason, fmt.Sprintf("%.*s", maxMessage, against.message)
	return c
}

func (f *facts) invalid() finding {
	if f.err == nil {
		return finding{}
	}
	// A patch has few errors more than rules; the list is cut where it is longer than the API allows.
	return finding{v1alpha1.ReasonInvalid, render.Reasons(f.err, 2*max(bundle.MaxRules, bundle.MaxAllowed))}
}

func (f *facts) notAccepted() finding {
	if f.err == nil {
		return finding{}
	}
	return finding{v1alpha1.ReasonNotAccepted, "the " + f.noun() + " is not accepted: correct what condition Accepted lists"}
}

func (f *facts) policyNotAccepted() finding {
	if len(f.policiesInvalid) == 0 {
		return finding{}
	}
	return finding{v1alpha1.ReasonPolicyNotAccepted, fmt.Sprintf("%s %s of the patch's namespace: not accepted, so that no patch of the namespace is applied: "+
		"ask the cluster's admin to correct it", bundle.KindDomainPatchPolicy, list(f.policiesInvalid))}
}

func (f *facts) kubevirtNotFound() finding {
	if len(f.kubevirts) > 0 {
		return finding{}
	}
	return finding{v1alpha1.ReasonKubeVirtNotFound, "the cluster has no KubeVirt object: install KubeVirt"}
}

func (f *facts) sidecarGateOff() finding {
	if f.kubevirts[0].HasSidecarGate() {
		return finding{}
	}
	return finding{v1alpha1.ReasonSidecarGateOff, fmt.Sprintf("KubeVirt's feature gate %s is off: "+
		"add it to spec.configuration.developerConfiguration.featureGates of KubeVirt %s/%s",
		kubevirt.SidecarGate, f.kubevirts[0].Namespace, f.kubevirts[0].Name)}
}

// list names the first few of several.
func list(names []string) string {
	text := strings.Join(names[:min(len(names), namesShown)], ", ")
	if more := len(names) - namesShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
