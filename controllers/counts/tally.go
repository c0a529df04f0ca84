// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// tally is what is counted for one patch, as it goes into its status; v1alpha1.DomainPatchStatus
// says what it means.
type tally struct {
	Matched      int32                   `json:"matched"`
	Current      int32                   `json:"current"`
	Outdated     int32                   `json:"outdated"`
	Failed       int32                   `json:"failed"`
	OutdatedVMIs []v1alpha1.VMIReference `json:"outdatedVMIs"`
	Failures     []v1alpha1.VMIFailure   `json:"failures"`
}

// add adds what was counted elsewhere; the lists keep their first entries.
func (t *tally) add(other *tally) {
	t.Matched += other.Matched
	t.Current += other.Current
	t.Outdated += other.Outdated
	t.Failed += other.Failed
	t.OutdatedVMIs = append(t.OutdatedVMIs, other.OutdatedVMIs[:min(len(other.OutdatedVMIs), v1alpha1.MaxOutdatedVMIs-len(t.OutdatedVMIs))]...)
	t.Failures = append(t.Failures, other.Failures[:min(len(other.Failures), v1alpha1.MaxFailures-len(t.Failures))]...)
}

func (t *tally) addOutdated(vmi v1alpha1.VMIReference) {
	t.Outdated++
	if len(t.OutdatedVMIs) < v1alpha1.MaxOutdatedVMIs {
		t.OutdatedVMIs = append(t.OutdatedVMIs, vmi)
	}
}

func (t *tally) addFailure(vmi v1alpha1.VMIReference, message string) {
	t.Failed++
	if len(t.Failures) < v1alpha1.MaxFailures {
		t.Failures = append(t.Failures, v1alpha1.VMIFailure{VMIReference: vmi, Message: message})
	}
}

// census is what is counted in one namespace.
type census struct {
	patches map[patchName]*tally // without those that are zero
	// VMIs with patches, each counted once; a failed one is current or outdated, too.
	current, outdated, failed int
	bundles                   map[string]content // of the VMIs, by hash
}

func (c *census) of(name patchName) *tally {
	t := c.patches[name]
	if t == nil {
		t = &tally{}
		c.patches[name] = t
	}
	return t
}

func newCensus() *census {
	return &census{patches: map[patchName]*tally{}, bundles: map[string]content{}}
}

// counter makes a census.
type counter struct {
	wishes   *wishes
	bundles  *bundles
	failures *failures
	entries  map[string]v1alpha1.HookSidecar // of ours, by the annotation that the cache keeps
	out      *census
}

// count counts VMIs of one namespace.
func (c *counter) count(ctx context.Context, vmis []kubevirt.VirtualMachineInstance) error {
	c.entries = map[string]v1alpha1.HookSidecar{}
	inOrder := make([]*kubevirt.VirtualMachineInstance, 0, len(vmis))
	for i := range vmis {
		if !vmis[i].HasEnded() {
			inOrder = append(inOrder, &vmis[i])
		}
	}
	slices.SortFunc(inOrder, func(a, b *kubevirt.VirtualMachineInstance) int { return cmp.Compare(a.Name, b.Name) })
	for _, vmi := range inOrder {
		if err := c.add(ctx, vmi); err != nil {
			return err
		}
	}
	return nil
}

// add counts one VMI, for the patches that bind it and for those that it runs with.
func (c *counter) add(ctx context.Context, vmi *kubevirt.VirtualMachineInstance) error {
	want, err := c.wishes.of(ctx, vmi)
	if err != nil {
		return err
	}
	hash := vmi.Annotations[v1alpha1.BundleAnnotation]
	if hash == "" && len(want.binds) == 0 {
		return nil
	}
	runs, known, err := c.runs(ctx, hash, want)
	if err != nil {
		return err
	}
	own := c.entry(vmi)
	current := known && want.startable && runs.equals(want.content, vmi.HasCloudInit()) && samePVC(own.PVC, want.pvc)
	c.addFare(vmi, want, runs, current)
	return c.addFailure(ctx, vmi, own.Image, want, runs)
}

// runs is what the bundle with a hash holds, and nothing where there is no hash.
func (c *counter) runs(ctx context.Context, hash string, want *wish) (runs content, known bool, err error) {
	switch hash {
	case "":
		return nil, true, nil
	case want.sha256: // the most common case needs no ConfigMap
		c.bundles.used[hash] = want.content
		return want.content, true, nil
	}
	return c.bundles.content(ctx, hash)
}

func (c *counter) addFare(vmi *kubevirt.VirtualMachineInstance, want *wish, runs content, current bool) {
	if current {
		c.out.current++
		for _, t := range want.binds {
			t.Matched++
			t.Current++
		}
		return
	}
	c.out.outdated++
	for _, t := range want.binds {
		t.Matched++
		t.addOutdated(reference(vmi))
	}
	for _, p := range runs {
		if want.binds[p.patchName] == nil {
			c.out.of(p.patchName).addOutdated(reference(vmi))
		}
	}
}

// addFailure counts the VMI as failed for the patches that it runs with, or where these are
// not known for those that bind it.
func (c *counter) addFailure(ctx context.Context, vmi *kubevirt.VirtualMachineInstance, image string, want *wish, runs content) error {
	message, err := c.failures.of(ctx, vmi, image)
	if err != nil || message == "" {
		return err
	}
	c.out.failed++
	var concerned []patchName
	for _, p := range runs {
		concerned = append(concerned, p.patchName)
	}
	if len(runs) == 0 {
		concerned = slices.Collect(maps.Keys(want.binds))
	}
	for _, name := range blamed(message, concerned) {
		c.out.of(name).addFailure(reference(vmi), shortened(message))
	}
	return nil
}

func reference(vmi *kubevirt.VirtualMachineInstance) v1alpha1.VMIReference {
	return v1alpha1.VMIReference{Namespace: vmi.Namespace, Name: vmi.Name}
}

// entry is the one in the hookSidecars annotation that applies the VMI's bundle; the zero one
// where there is none. The cache keeps no other.
func (c *counter) entry(vmi *kubevirt.VirtualMachineInstance) v1alpha1.HookSidecar {
	annotation := vmi.Annotations[v1alpha1.HookSidecarsAnnotation]
	if known, ok := c.entries[annotation]; ok {
		return known
	}
	var entry v1alpha1.HookSidecar
	if list, err := v1alpha1.ParseHookSidecars(annotation); err == nil && list.Len() > 0 {
		if first, err := list.Entry(0); err == nil {
			entry = first
		}
	}
	c.entries[annotation] = entry
	return entry
}

func samePVC(have *v1alpha1.HookSidecarPVC, want *v1alpha1.SharedPVC) bool {
	if have == nil || want == nil {
		return have == nil && want == nil
	}
	return *have == v1alpha1.HookSidecarPVC{Name: want.Name, VolumePath: want.VolumePath, SharedComputePath: want.SharedComputePath}
}
