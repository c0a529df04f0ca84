// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// LockdownMode says what becomes of hook sidecars that are not DomainPatch's.
type LockdownMode string

// The modes, as the flag --lockdown names them.
const (
	LockdownOff     LockdownMode = "off"     // they are none of our business
	LockdownAudit   LockdownMode = "audit"   // they pass, with a warning, and are logged and counted
	LockdownEnforce LockdownMode = "enforce" // they are refused
)

// maxSidecars bounds the entries of an annotation that are looked at: a VM runs with a dozen.
const maxSidecars = 64

// Lockdown is the webhook that keeps hook sidecars of others off VMs: KubeVirt lets every VM
// owner run any image beside a VM, as a program that may change the domain, and so guard
// rails for patches bind nobody without it.
//
// It judges what a request adds: entries of the annotation hookSidecars that were there before
// may stay, for their VM must still get its status, and lose its finalizers.
type Lockdown struct {
	Mode LockdownMode
	// Image is the shim's.
	Image render.Image
}

// handle answers a request for one of the kinds that config/lockdown sends.
func (l *Lockdown) handle(ctx context.Context, req admission.Request) (admission.Response, error) {
	if l.Mode != LockdownAudit && l.Mode != LockdownEnforce {
		return admission.Allowed(""), nil
	}
	err := l.check(req)
	if err == nil {
		return admission.Allowed(""), nil
	}
	err = fmt.Errorf("lockdown: %s", render.Line(err)) // a warning is one line
	metrics.LockdownViolations.WithLabelValues(string(l.Mode), req.Resource.Resource).Inc()
	if l.Mode == LockdownEnforce {
		return admission.Response{}, refuse(err)
	}
	log.FromContext(ctx).Info("Lockdown would refuse", "user", req.UserInfo.Username, "reason", err.Error())
	response := admission.Allowed("").WithWarnings("would be refused under " + err.Error())
	response.AuditAnnotations = map[string]string{"lockdown": err.Error()}
	return response, nil
}

// check says what is wrong with what a request adds.
func (l *Lockdown) check(req admission.Request) error {
	after, err := carriedAnnotations(req.Resource.Resource, req.Object.Raw)
	if err != nil {
		return err
	}
	before, err := carriedAnnotations(req.Resource.Resource, req.OldObject.Raw)
	if err != nil {
		return err
	}
	isVMI := req.Resource.Resource == "virtualmachineinstances"
	if value, ok := after[v1alpha1.BundleAnnotation]; ok && value != before[v1alpha1.BundleAnnotation] && !isVMI {
		err = fmt.Errorf("annotation %s is for DomainPatch to write, on VirtualMachineInstances: remove it here", v1alpha1.BundleAnnotation)
	}
	return errors.Join(err, checkAdded(before[v1alpha1.HookSidecarsAnnotation], after[v1alpha1.HookSidecarsAnnotation], func(entry v1alpha1.HookSidecar) error {
		_, ours := entry.BundleSHA256()
		switch {
		case !ours:
			return fmt.Errorf("runs %s beside the VM, which DomainPatch does not do: "+
				"remove the entry, and say what it does in a DomainPatch, or ask the cluster's admin", program(entry))
		case isVMI && !render.IsRendered(entry, l.Image):
			return errors.New("names a bundle, but has another image, command or arguments than DomainPatch gives it: remove the entry, DomainPatch adds what binds")
		case !isVMI:
			return fmt.Errorf("is for DomainPatch to write, on VirtualMachineInstances: remove the entry, and refer to a patch by a label %sNAME", v1alpha1.DomainPatchReferencePrefix)
		}
		return nil
	}))
}

// checkAdded judges the entries of an annotation that were not there before. A list that is too
// long is not judged entry by entry, unless it gets shorter.
func checkAdded(before, after string, judge func(v1alpha1.HookSidecar) error) error {
	if after == before {
		return nil // also where it is malformed
	}
	list, err := v1alpha1.ParseHookSidecars(after)
	if err != nil {
		return err
	}
	known, kept := entries(before)
	if n := list.Len(); n > maxSidecars && n >= kept {
		return fmt.Errorf("annotation %s: %d entries are more than the %d that lockdown looks at: remove some", v1alpha1.HookSidecarsAnnotation, n, maxSidecars)
	}
	for i := range list.Len() {
		entry, err := list.Entry(i)
		if err != nil {
			return err
		}
		text, err := json.Marshal(entry)
		if err != nil {
			return fmt.Errorf("annotation %s: [%d]: %w", v1alpha1.HookSidecarsAnnotation, i, err)
		}
		if known[string(text)] > 0 {
			known[string(text)]--
			continue
		}
		if err := judge(entry); err != nil {
			return fmt.Errorf("annotation %s: [%d] %w", v1alpha1.HookSidecarsAnnotation, i, err)
		}
	}
	return nil
}

// entries counts those of an annotation, by their encoding, and together; none where one cannot be read.
func entries(annotation string) (map[string]int, int) {
	list, err := v1alpha1.ParseHookSidecars(annotation)
	if err != nil {
		return nil, 0
	}
	count := map[string]int{}
	for i := range list.Len() {
		entry, err := list.Entry(i)
		if err != nil {
			return nil, 0
		}
		text, err := json.Marshal(entry)
		if err != nil {
			return nil, 0
		}
		count[string(text)]++
	}
	return count, list.Len()
}

// program says what an entry runs.
func program(entry v1alpha1.HookSidecar) string {
	if entry.Image == "" {
		return "KubeVirt's sidecar-shim with a script"
	}
	return fmt.Sprintf("image %.100q", entry.Image)
}

// annotated is the part of an object that has annotations.
type annotated struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
}

// carriedAnnotations are those that end up on VMIs that are made from an object: a VMI's own, and
// those of the template that a resource of KubeVirt's holds. No object has none.
func carriedAnnotations(resource string, object []byte) (map[string]string, error) {
	var carrier struct {
		annotated
		Spec struct {
			Annotations            map[string]string `json:"annotations"`
			Template               annotated         `json:"template"`
			VirtualMachineTemplate struct {
				Spec struct {
					Template annotated `json:"template"`
				} `json:"spec"`
			} `json:"virtualMachineTemplate"`
		} `json:"spec"`
	}
	if len(object) > 0 {
		// As the API server reads it: encoding/json would also take other spellings of a field.
		if err := kjson.UnmarshalCaseSensitivePreserveInts(object, &carrier); err != nil {
			return nil, fmt.Errorf("cannot read the object: %w", err)
		}
	}
	switch resource {
	case "virtualmachineinstances":
		return carrier.Metadata.Annotations, nil
	case "virtualmachines", "virtualmachineinstancereplicasets":
		return carrier.Spec.Template.Metadata.Annotations, nil
	case "virtualmachinepools":
		return carrier.Spec.VirtualMachineTemplate.Spec.Template.Metadata.Annotations, nil
	case "virtualmachineinstancetypes", "virtualmachineclusterinstancetypes", "virtualmachinepreferences", "virtualmachineclusterpreferences":
		return carrier.Spec.Annotations, nil
	}
	return nil, fmt.Errorf("%q is no resource that lockdown knows: correct its ValidatingWebhookConfiguration", resource)
}
