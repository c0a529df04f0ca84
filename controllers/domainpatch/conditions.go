// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// maxMessage is the longest message of a condition that the API allows, in characters.
const maxMessage = 32768

// conditions gives both conditions of a patch, from what compiling it said and from
// what is installed of KubeVirt.
func conditions(compileErr error, installed []kubevirt.KubeVirt) []metav1.Condition {
	accepted := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonAccepted, Message: "the patch compiles"}
	if compileErr != nil {
		// A patch has few errors more than rules; the list is cut where it is longer than the API allows.
		message := fmt.Sprintf("%.*s", maxMessage, render.Reasons(compileErr, 2*bundle.MaxRules))
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, v1alpha1.ReasonInvalid, message
	}
	return []metav1.Condition{accepted, ready(compileErr == nil, installed)}
}

func ready(accepted bool, installed []kubevirt.KubeVirt) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}
	switch {
	case !accepted:
		c.Reason, c.Message = v1alpha1.ReasonNotAccepted, "the patch is not accepted: correct what condition Accepted lists"
	case len(installed) == 0:
		c.Reason, c.Message = v1alpha1.ReasonKubeVirtNotFound, "the cluster has no KubeVirt object: install KubeVirt"
	case !installed[0].HasSidecarGate():
		c.Reason, c.Message = v1alpha1.ReasonSidecarGateOff, fmt.Sprintf("KubeVirt's feature gate %s is off: "+
			"add it to spec.configuration.developerConfiguration.featureGates of KubeVirt %s/%s",
			kubevirt.SidecarGate, installed[0].Namespace, installed[0].Name)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "VMs that bind the patch get it when they start"
	}
	return c
}
