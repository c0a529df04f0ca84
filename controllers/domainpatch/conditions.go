// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/conflict"
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
	isPolicy  bool
	err       error               // why the object is not accepted
	kubevirts []kubevirt.KubeVirt // what is installed

	// Of a DomainPatch:
	policies        []string // names of the policies of its namespace
	policiesInvalid []string // of those that are not accepted
	denied          denial

	// Of an accepted patch:
	plugins   []string // names of KubeVirt's Plugin objects
	lost      []string // rules whose edits KubeVirt's schema does not hold
	conflicts []conflict.Conflict
}

func (f *facts) verdict() verdict {
	accepted := condition(v1alpha1.ConditionAccepted, f.invalid(), finding{v1alpha1.ReasonAccepted, "the " + f.noun() + " compiles"})
	if f.isPolicy {
		return verdict{accepted, condition(v1alpha1.ConditionReady, f.notAccepted(),
			finding{v1alpha1.ReasonReady, "the DomainPatches of the selected namespaces are held to the policy when VMs start"})}
	}
	return verdict{accepted, f.ready(), f.effective()}
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
		f.deniedAlways,
		f.kubevirtNotFound,
		f.sidecarGateOff,
	} {
		if found := check(); found.reason != "" {
			return condition(v1alpha1.ConditionReady, found, finding{})
		}
	}
	return condition(v1alpha1.ConditionReady, finding{}, finding{v1alpha1.ReasonReady, "VMs that bind the patch get it when they start"})
}

// effective tells all that changes or drops edits of the patch.
func (f *facts) effective() metav1.Condition {
	if against := f.notAccepted(); against.reason != "" {
		c := condition(v1alpha1.ConditionEffective, against, finding{})
		c.Status = metav1.ConditionUnknown
		return c
	}
	var all finding
	for _, check := range []func() finding{f.editsLost, f.conflicting, f.deniedMaybe} {
		found := check()
		if all.reason != "" && found.reason != "" {
			all.message += "; " + found.message
		}
		if all.reason == "" {
			all = found
		}
	}
	return condition(v1alpha1.ConditionEffective, all, finding{v1alpha1.ReasonEffective, "nothing is known that changes or drops the edits"})
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

func (f *facts) deniedAlways() finding { return f.deniedRules(f.denied.always) }

func (f *facts) deniedMaybe() finding { return f.deniedRules(f.denied.maybe) }

func (f *facts) deniedRules(rules []string) finding {
	if len(rules) == 0 {
		return finding{}
	}
	return finding{v1alpha1.ReasonDeniedByPolicy, fmt.Sprintf("denied by %s %s: %s, which is not among what is allowed: "+
		"ask the cluster's admin for a policy that allows it, or for a ClusterDomainPatch that does it",
		bundle.KindDomainPatchPolicy, list(f.policies), list(rules))}
}

func (f *facts) editsLost() finding {
	if len(f.plugins) == 0 || len(f.lost) == 0 {
		return finding{}
	}
	return finding{v1alpha1.ReasonEditsLostToPlugins, fmt.Sprintf("the cluster has KubeVirt Plugins (%s), with which KubeVirt drops what its own schema does not hold: "+
		"the edits of %s are lost, in whole or in part: remove the Plugins, or do it with one", list(f.plugins), list(f.lost))}
}

func (f *facts) conflicting() finding {
	if len(f.conflicts) == 0 {
		return finding{}
	}
	var parts []string
	for _, c := range f.conflicts {
		parts = append(parts, "conflicting with "+c.With+" on "+c.Place)
	}
	return finding{v1alpha1.ReasonConflicting, strings.Join(parts, ", ") + ": both bind to the same VMs in the same order and write different values there, " +
		"of which the last by name stays: give them different orders, or leave the place to one of them"}
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
