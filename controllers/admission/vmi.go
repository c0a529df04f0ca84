// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// mutateVMI gives a new VMI its annotations, and writes the bundle that they name first.
func (w *Webhooks) mutateVMI(ctx context.Context, req admission.Request) (admission.Response, error) {
	scene, err := w.Live.read(ctx, req.Namespace)
	if err != nil {
		return admission.Response{}, err
	}
	w.Live.scenes.put(req, scene)
	vmi, bundle, err := w.render(ctx, req, scene, true)
	if err != nil {
		return admission.Response{}, err
	}
	annotations, err := bundle.Annotations(vmi.Annotations, w.Image)
	if err != nil {
		return admission.Response{}, refuse(err)
	}
	if bundle.Applies() && !isDryRun(req) {
		if err := w.Bundles.Ensure(ctx, bundles.ConfigMap(bundle, req.Namespace)); err != nil {
			return admission.Response{}, err
		}
	}
	return admission.Patched("", annotate(vmi.Annotations, annotations)...), nil
}

// validateVMICreate checks what became of a new VMI: webhooks that ran after mutateVMI, or
// a user who wrote the annotations by hand, have no say in which patches apply. It tells of
// patches that are left out, since it has the last word on them, too.
func (w *Webhooks) validateVMICreate(ctx context.Context, req admission.Request) (admission.Response, error) {
	bundle, err := w.verify(ctx, req)
	if err != nil {
		return admission.Response{}, err
	}
	if bundle.Applies() {
		if err := w.checkMigration(ctx, req); err != nil {
			return admission.Response{}, err
		}
	}
	if len(bundle.LeftOut) > 0 && !isDryRun(req) {
		w.report(req, bundle.LeftOut)
	}
	return admission.Allowed("").WithWarnings(warnings(bundle.LeftOut)...), nil
}

// verify gives the bundle of a new VMI, if the VMI has it. What mutateVMI read will do where
// the VMI has the bundle that follows from it, see scenes; else this reads itself.
func (w *Webhooks) verify(ctx context.Context, req admission.Request) (*render.Bundle, error) {
	if scene := w.Live.scenes.get(req); scene != nil {
		if bundle, err := w.verifyIn(ctx, req, scene); err == nil && bundle.Applies() {
			return bundle, nil
		}
	}
	scene, err := w.Live.read(ctx, req.Namespace)
	if err != nil {
		return nil, err
	}
	return w.verifyIn(ctx, req, scene)
}

func (w *Webhooks) verifyIn(ctx context.Context, req admission.Request, scene *scene) (*render.Bundle, error) {
	vmi, bundle, err := w.render(ctx, req, scene, false)
	if err != nil {
		return nil, err
	}
	return bundle, refuse(bundle.Verify(vmi.Annotations, w.Image))
}

func isDryRun(req admission.Request) bool { return req.DryRun != nil && *req.DryRun }

// validateVMIUpdate keeps the annotations as they were when the VMI was created: KubeVirt reads
// them when it makes the pod, possibly hours later. matchConditions of the webhook keep
// updates that do not touch them from coming here.
func (w *Webhooks) validateVMIUpdate(ctx context.Context, req admission.Request) (admission.Response, error) {
	before, err := render.ParseVMI(req.OldObject.Raw)
	if err != nil {
		return admission.Response{}, err
	}
	after, err := render.ParseVMI(req.Object.Raw)
	if err != nil {
		return admission.Response{}, err
	}
	for _, key := range []string{v1alpha1.HookSidecarsAnnotation, v1alpha1.BundleAnnotation} {
		had, existed := before.Annotations[key]
		if has, exists := after.Annotations[key]; had != has || existed != exists {
			return admission.Response{}, refuse(fmt.Errorf("annotation %s of a VirtualMachineInstance must not change: "+
				"change the VM template and restart the VM", key))
		}
	}
	return admission.Allowed(""), nil
}

// render finds out what applies to the VMI of a request. It is provisional while other
// webhooks, KubeVirt's with its defaults among them, may follow.
func (w *Webhooks) render(ctx context.Context, req admission.Request, scene *scene, provisional bool) (render.VMI, *render.Bundle, error) {
	vmi, err := render.ParseVMI(req.Object.Raw)
	if err != nil {
		return vmi, nil, refuse(err)
	}
	vmi.Provisional = provisional
	bundle, err := render.Render(ctx, vmi, scene.namespace, scene.objects(), scene.compiler(w.Compiler))
	if err != nil && ctx.Err() == nil {
		err = refuse(err)
	}
	return vmi, bundle, err
}

// leftOutTold is how many patches that a VMI starts without are told of, one by one. Any
// number of patches may bind, and few fit into a bundle.
const leftOutTold = 16

// report tells of patches that are left out, by an event on the patch: the VMI does not exist yet.
func (w *Webhooks) report(req admission.Request, leftOut []render.LeftOut) {
	metrics.LeftOut.WithLabelValues().Inc()
	name := req.Name
	if name == "" {
		name = "(name to be generated)"
	}
	for _, l := range leftOut[:min(len(leftOut), leftOutTold)] {
		w.Events.Eventf(l.Patch.Object, nil, corev1.EventTypeWarning, "LeftOut", "Admit", "%.1000s",
			fmt.Sprintf("VirtualMachineInstance %s starts without this patch: %v", name, l.Reason))
	}
}

func warnings(leftOut []render.LeftOut) []string {
	var all []string
	for _, l := range leftOut[:min(len(leftOut), leftOutTold)] {
		all = append(all, fmt.Sprintf("the VM starts without a patch: %v", l.Reason))
	}
	if more := len(leftOut) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("the VM starts without %d more patches", more))
	}
	return all
}

// annotate is the JSON Patch that sets annotations, and touches nothing else: this program
// does not know all fields of a VMI.
func annotate(existing, wanted map[string]string) []jsonpatch.Operation {
	if existing == nil && len(wanted) > 0 {
		return []jsonpatch.Operation{jsonpatch.NewOperation("add", "/metadata/annotations", wanted)}
	}
	var patch []jsonpatch.Operation
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if value, ok := existing[key]; !ok || value != wanted[key] {
			patch = append(patch, jsonpatch.NewOperation("add", "/metadata/annotations/"+escape.Replace(key), wanted[key]))
		}
	}
	return patch
}
