// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
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
	patches map[fare.Name]*tally // without those that are zero
	// VMIs with patches, each counted once; a failed one is current or outdated, too.
	current, outdated, failed int
	bundles                   map[string]fare.Content // of the VMIs, by hash
}

func (c *census) of(name fare.Name) *tally {
	t := c.patches[name]
	if t == nil {
		t = &tally{}
		c.patches[name] = t
	}
	return t
}

func newCensus() *census {
	return &census{patches: map[fare.Name]*tally{}}
}

// counter makes a census.
type counter struct {
	judge *fare.Judge
	out   *census
}

// count counts VMIs of one namespace.
func (c *counter) count(ctx context.Context, vmis []kubevirt.VirtualMachineInstance) error {
	inOrder := make([]*kubevirt.VirtualMachineInstance, 0, len(vmis))
	for i := range vmis {
		if !vmis[i].HasEnded() {
			inOrder = append(inOrder, &vmis[i])
		}
	}
	slices.SortFunc(inOrder, func(a, b *kubevirt.VirtualMachineInstance) int { return cmp.Compare(a.Name, b.Name) })
	for _, vmi := range inOrder {
		found, err := c.judge.Of(ctx, vmi)
		if err != nil {
			return err
		}
		if found.IsConcerned() {
			c.add(reference(vmi), found)
		}
	}
	c.out.bundles = c.judge.Contents()
	return nil
}

// add counts one VMI, for the patches that bind it and for those that it runs with.
func (c *counter) add(vmi v1alpha1.VMIReference, f *fare.Fare) {
	if f.Current {
		c.out.current++
	} else {
		c.out.outdated++
	}
	binds := map[fare.Name]bool{}
	for _, b := range f.Wish.Bindings {
		name := fare.NameOf(b.Patch)
		t := c.out.of(name)
		t.Matched++
		if f.Current {
			t.Current++
			continue
		}
		t.addOutdated(vmi)
		binds[name] = true
	}
	for _, p := range f.Runs {
		if !f.Current && !binds[p.Name] {
			c.out.of(p.Name).addOutdated(vmi)
		}
	}
	if f.Failure == "" {
		return
	}
	c.out.failed++
	for _, name := range f.Blamed {
		c.out.of(name).addFailure(vmi, shortened(f.Failure))
	}
}

func reference(vmi *kubevirt.VirtualMachineInstance) v1alpha1.VMIReference {
	return v1alpha1.VMIReference{Namespace: vmi.Namespace, Name: vmi.Name}
}

// shortened cuts a message to what the API allows.
func shortened(message string) string {
	return fmt.Sprintf("%.*s", v1alpha1.MaxFailureMessage, message)
}
