// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package fare

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Wish is what a VMI would get if it were created now.
type Wish struct {
	Bindings []render.Binding // in the order in which they apply; none where the labels are wrong
	Refused  error            // why the VMI would be refused, if so
	// Content is that of the bundle, for a VMI with a cloud-init volume.
	Content Content
	PVC     *v1alpha1.SharedPVC
	sha256  string // of that bundle without policies
}

// wishes finds out what VMIs of one namespace would get. It asks render once for all that
// are alike in what patches can tell apart.
type wishes struct {
	namespace render.Namespace
	patches   []render.Patch // DomainPatches of the namespace, and ClusterDomainPatches
	compile   render.CompileFunc
	labels    map[string]bool // that selectors read
	volumes   bool            // a patch has a volume, whose name a VMI may have taken
	known     map[string]*Wish
}

func newWishes(namespace render.Namespace, patches []render.Patch, compile render.CompileFunc) *wishes {
	w := &wishes{namespace: namespace, patches: patches, compile: compile, labels: map[string]bool{}, known: map[string]*Wish{}}
	for _, p := range patches {
		addKeys(w.labels, p.Spec.Selector)
		cluster, ok := p.Object.(*v1alpha1.ClusterDomainPatch)
		w.volumes = w.volumes || ok && cluster.Spec.PVC != nil
	}
	return w
}

func addKeys(keys map[string]bool, selector *metav1.LabelSelector) {
	if selector == nil {
		return
	}
	for key := range selector.MatchLabels {
		keys[key] = true
	}
	for _, r := range selector.MatchExpressions {
		keys[r.Key] = true
	}
}

func (w *wishes) of(ctx context.Context, vmi *kubevirt.VirtualMachineInstance) (*Wish, error) {
	kind := w.kind(vmi)
	if known := w.known[kind]; known != nil {
		return known, nil
	}
	found, err := w.find(ctx, vmi)
	if err != nil {
		return nil, err
	}
	w.known[kind] = found
	return found, nil
}

// kind is the same for VMIs that get the same.
func (w *wishes) kind(vmi *kubevirt.VirtualMachineInstance) string {
	var telling []string
	for key, value := range vmi.Labels {
		if w.labels[key] || strings.HasPrefix(key, v1alpha1.DomainPatchReferencePrefix) || strings.HasPrefix(key, v1alpha1.ClusterDomainPatchReferencePrefix) {
			telling = append(telling, key+"="+value)
		}
	}
	slices.Sort(telling)
	if w.volumes {
		telling = append(telling, volumeNames(vmi)...)
	}
	return strings.Join(telling, "\n")
}

func volumeNames(vmi *kubevirt.VirtualMachineInstance) []string {
	names := make([]string, len(vmi.Spec.Volumes))
	for i, volume := range vmi.Spec.Volumes {
		names[i] = volume.Name
	}
	return names
}

// find asks render. All VMIs count as having a cloud-init volume: where one has none, render
// would evaluate the matchConditions of patches with cloudInit rules, and these read all of
// the VMI, of which the cache holds little. What becomes of such a patch follows from what
// the VMI runs with (Contained.idle; under failurePolicy Fail its bundle holds the patch
// if its conditions left the VMI out, and else the VMI was refused).
func (w *wishes) find(ctx context.Context, vmi *kubevirt.VirtualMachineInstance) (*Wish, error) {
	bindings, err := render.Bindings(vmi.Labels, w.namespace, w.patches)
	if err != nil {
		return &Wish{Refused: err}, nil
	}
	found := &Wish{Bindings: bindings}
	// No policies: a change of theirs makes no VMI outdated.
	built, err := render.Build(ctx, render.VMI{CloudInit: true, Volumes: volumeNames(vmi)}, bindings, nil, render.Compiler{Patch: w.compile})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		found.Refused = err
		return found, nil
	}
	found.sha256, found.PVC = built.SHA256, built.PVC
	if built.Applies() {
		found.Content, err = contentOf(built.JSON)
	}
	return found, err
}
