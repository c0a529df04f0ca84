// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// reasonsShown is how many errors of a kind a refusal repeats; a patch's status has all of its own.
const reasonsShown = 3

// Bundle is what applies to one VMI.
type Bundle struct {
	// JSON is the encoded bundle, and SHA256 its hash in 64 hex digits. Both are empty
	// where no patch applies.
	JSON   []byte
	SHA256 string
	// CloudInit tells that the hook PreCloudInitIso has something to do.
	CloudInit bool
	// PVC is the volume that the VM's pod gets with the patches; nil for none.
	PVC *v1alpha1.SharedPVC
	// LeftOut are the bound patches that do not apply and whose failurePolicy is Ignore.
	LeftOut []LeftOut
}

// LeftOut is a patch that binds a VMI and that the VMI starts without.
type LeftOut struct {
	Patch  Patch
	Reason error // names the patch
}

// Objects are the patches and policies of a cluster, those of other namespaces among them
// or not.
type Objects struct {
	Patches  []Patch
	Policies []v1alpha1.DomainPatchPolicy
}

// Render selects the patches that apply to a VMI and builds their bundle. See Bindings,
// Policies and Build.
func Render(ctx context.Context, vmi VMI, namespace Namespace, objects Objects, compile Compiler) (*Bundle, error) {
	bindings, err := Bindings(vmi.Labels, namespace, objects.Patches)
	if err != nil {
		return nil, err
	}
	return Build(ctx, vmi, bindings, Policies(namespace, objects.Policies), compile)
}

// Build makes the bundle of the patches that bind a VMI, and of the policies that limit
// the DomainPatches among them. Patches that cannot apply to it (see obstacle) are left
// out under failurePolicy Ignore, and refuse the VMI under Fail. The error joins all such
// refusals; it is also for a bundle over its limits, and for volumes that cannot be.
//
// However many patches bind, not many more than fit into a bundle are compiled.
func Build(ctx context.Context, vmi VMI, bindings []Binding, policies []v1alpha1.DomainPatchPolicy, compile Compiler) (*Bundle, error) {
	required := slices.DeleteFunc(slices.Clone(bindings), Binding.dispensable)
	if len(required) > bundle.MaxPatches {
		return nil, tooMuch(required, errTooMany(len(required)))
	}
	out := &Bundle{}
	limits := govern(policies, bindings, compile.Policy)
	var applying []Binding
	var errs []error
	room := bundle.MaxPatches - len(required)
	for _, b := range bindings {
		if b.dispensable() && room == 0 {
			out.leaveOut(b, errTooMany(len(bindings)))
			continue
		}
		reason, refuse := b.obstacle(ctx, vmi, compile.Patch)
		if reason == nil {
			reason, refuse = b.ungovernable(limits)
		}
		switch {
		case reason == nil:
			applying = append(applying, b)
			if b.dispensable() {
				room--
			}
		case refuse:
			errs = append(errs, reason)
		default:
			out.LeftOut = append(out.LeftOut, LeftOut{Patch: b.Patch, Reason: reason})
		}
	}
	if err := errors.Join(errs...); err != nil || len(applying) == 0 {
		return out, err
	}
	applying, err := out.encode(applying, limits)
	if err != nil {
		return nil, err
	}
	out.CloudInit = vmi.CloudInit && slices.ContainsFunc(applying, func(b Binding) bool { return len(b.Patch.Spec.CloudInit) > 0 })
	out.PVC, err = sharedPVC(vmi, applying)
	return out, err
}

// encode makes the bundle of the patches that apply, and returns those that it holds. Patches
// that may be left out are, from the last one, until the rest is within the limits of a bundle.
func (b *Bundle) encode(applying []Binding, limits governance) ([]Binding, error) {
	encoded, over := limits.encode(applying)
	if over != nil {
		var spare []int // the last one first
		for i := range slices.Backward(applying) {
			if applying[i].dispensable() {
				spare = append(spare, i)
			}
		}
		without := func(n int) []Binding {
			kept := slices.Clone(applying)
			for _, i := range spare[:n] {
				kept = slices.Delete(kept, i, i+1)
			}
			return kept
		}
		n := sort.Search(len(spare), func(n int) bool {
			_, err := limits.encode(without(n))
			return err == nil
		})
		for _, i := range spare[:n] {
			b.leaveOut(applying[i], over)
		}
		applying = without(n)
		var err error
		if encoded, err = limits.encode(applying); err != nil {
			return nil, tooMuch(applying, over)
		}
	}
	if len(applying) > 0 {
		b.JSON, b.SHA256 = encoded, bundle.Sum(encoded)
	}
	return applying, nil
}

func (b *Bundle) leaveOut(spare Binding, over error) {
	b.LeftOut = append(b.LeftOut, LeftOut{Patch: spare.Patch, Reason: fmt.Errorf("%s cannot apply beside the others: %w", spare.Patch.ID(), over)})
}

func tooMuch(bindings []Binding, over error) error {
	return fmt.Errorf("the patches that bind, %s, are too much together: %w", names(bindings), over)
}

func errTooMany(patches int) error {
	return fmt.Errorf("%d patches, over the limit of %d per VM", patches, bundle.MaxPatches)
}

// sharedPVC is the one volume that the patches bring, if any. matchConditions have no say
// in it: they are decided when the pod has its volumes.
func sharedPVC(vmi VMI, applying []Binding) (*v1alpha1.SharedPVC, error) {
	with := slices.DeleteFunc(slices.Clone(applying), func(b Binding) bool { return b.Patch.pvc == nil })
	switch {
	case len(with) == 0:
		return nil, nil
	case len(with) > 1:
		return nil, fmt.Errorf("the patches that bind, %s, have a spec.pvc each, and a VM gets at most one: let one of them bind: "+
			"take the labels %sNAME of the others off the VM template, or ask the cluster's admin for selectors that leave the VM out, "+
			"which matchConditions cannot", names(with), v1alpha1.ClusterDomainPatchReferencePrefix)
	}
	pvc := with[0].Patch.pvc
	if slices.Contains(vmi.Volumes, pvc.Name) {
		return nil, fmt.Errorf("%s: spec.pvc.name: the VMI has a volume %q, too: rename that volume", with[0].Patch.ID(), pvc.Name)
	}
	return pvc, nil
}

// dispensable tells whether a VM may start without the patch.
func (b Binding) dispensable() bool {
	return b.Patch.Spec.FailurePolicy == v1alpha1.FailurePolicyIgnore && !b.Demanded
}

// names lists patches for a person, the first ones at least.
func names(bindings []Binding) string {
	var all []string
	for _, b := range bindings[:min(len(bindings), reasonsShown)] {
		all = append(all, b.Patch.ID())
	}
	if more := len(bindings) - reasonsShown; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// obstacle tells why a bound patch cannot apply to a VMI, if so, and whether that refuses the VMI.
func (b Binding) obstacle(ctx context.Context, vmi VMI, compile CompileFunc) (reason error, refuse bool) {
	fails := b.Patch.Spec.FailurePolicy != v1alpha1.FailurePolicyIgnore
	program, err := compile(b.Patch)
	if err != nil {
		return fmt.Errorf("%s is not accepted: %s", b.Patch.ID(), Reasons(err, reasonsShown)), !b.dispensable()
	}
	if vmi.CloudInit || !program.HasCloudInit() || vmi.Provisional && fails {
		return nil, false
	}
	matching, err := program.Matching(ctx, vmi.JSON)
	switch {
	case ctx.Err() != nil: // no finding about the patch
		return ctx.Err(), true
	case err != nil:
		return fmt.Errorf("%s cannot apply: %s", b.Patch.ID(), Reasons(err, reasonsShown)), fails
	case matching[0]:
		return fmt.Errorf("%s cannot apply: spec.cloudInit: the VMI has no volume of kind cloudInitNoCloud or cloudInitConfigDrive: "+
			"add one, or leave such VMs out by matchConditions", b.Patch.ID()), fails
	}
	return nil, false // the shim skips the patch
}

// Applies tells whether any patch applies.
func (b *Bundle) Applies() bool { return b.SHA256 != "" }

// Name is the name of the bundle's ConfigMap.
func (b *Bundle) Name() string {
	return v1alpha1.BundleConfigMapPrefix + b.id()
}

func (b *Bundle) id() string { return b.SHA256[:v1alpha1.BundleIDLength] }

// ConfigMap is Kubernetes' ConfigMap, as far as one of a bundle goes. The type of k8s.io/api would bring
// all of that package into the playground, which a browser loads.
type ConfigMap struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Immutable         bool              `json:"immutable"`
	Data              map[string]string `json:"data"`
}

// ConfigMap holds the bundle in a namespace. Call it only where a patch applies.
func (b *Bundle) ConfigMap(namespace string) *ConfigMap {
	return &ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      b.Name(),
			Labels: map[string]string{
				v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue,
				v1alpha1.BundleIDLabel:  b.id(),
			},
		},
		Immutable: true,
		Data:      map[string]string{v1alpha1.BundleKey: string(b.JSON)},
	}
}
