// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package fare

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Source gives what a Judge needs to know of one namespace beside its VMIs and patches.
type Source interface {
	// Bundle gives the data of a bundle's ConfigMap by its name; nil where that is missing. The Judge checks it.
	Bundle(ctx context.Context, configMap string) ([]byte, error)
	// SyncFailures gives the events with reason kubevirt.EventSyncFailed, others among them or not.
	SyncFailures(ctx context.Context) ([]corev1.Event, error)
}

// Name identifies a patch.
type Name struct{ Kind, Namespace, Name string }

// NameOf names a patch.
func NameOf(p render.Patch) Name { return Name{p.Kind, p.Namespace, p.Name} }

// ID names the patch as the engine does in its errors.
func (n Name) ID() string {
	return (&bundle.Patch{Kind: n.Kind, Namespace: n.Namespace, Name: n.Name}).ID()
}

// Fare is how one VMI fares.
type Fare struct {
	// Wish is what the VMI would get if it were created now. VMIs that are alike share it.
	Wish *Wish
	// Hash is the SHA-256 of the bundle that the VMI runs with; empty for none.
	Hash string
	// Runs is what that bundle holds. It is not known where its ConfigMap is missing or is not
	// that bundle.
	Runs  Content
	Known bool
	// Current tells that the VMI runs with what it would get. A changed policy alone makes no difference.
	Current bool
	// Failure is why the VMI could not be started, if that is ours; Blamed are the patches that it
	// is about.
	Failure string
	Blamed  []Name
}

// Judge tells how the VMIs of one namespace fare. It is not safe for concurrent use.
type Judge struct {
	wishes   *wishes
	contents contents
	failures failures
	entries  map[string]v1alpha1.HookSidecar // of ours, by the annotation that Slim leaves
}

// NewJudge returns a Judge of a namespace in which these patches may bind: its DomainPatches, and
// ClusterDomainPatches. compile is that of NewVerdicts, or alike. known are Contents of an earlier
// Judge of the namespace; nil for none.
func NewJudge(namespace render.Namespace, patches []render.Patch, compile render.CompileFunc, source Source, known map[string]Content) *Judge {
	return &Judge{
		wishes:   newWishes(namespace, patches, compile),
		contents: contents{source: source, known: known, used: map[string]Content{}},
		failures: failures{source: source},
		entries:  map[string]v1alpha1.HookSidecar{},
	}
}

// Contents are those of the bundles that the VMIs run with, by hash.
func (j *Judge) Contents() map[string]Content { return j.contents.used }

// IsConcerned tells whether patches have anything to do with the VMI, now or if it were created anew.
func (f *Fare) IsConcerned() bool { return f.Hash != "" || len(f.Wish.Bindings) > 0 }

// Of tells how a VMI fares, as kubevirt.Slim leaves it.
func (j *Judge) Of(ctx context.Context, vmi *kubevirt.VirtualMachineInstance) (*Fare, error) {
	want, err := j.wishes.of(ctx, vmi)
	if err != nil {
		return nil, err
	}
	f := &Fare{Wish: want, Hash: vmi.Annotations[v1alpha1.BundleAnnotation]}
	if !f.IsConcerned() {
		f.Known, f.Current = true, want.Refused == nil
		return f, nil
	}
	own := j.entry(vmi)
	applied := f.Hash
	if own.Image == "" { // the annotation alone applies nothing
		applied = ""
	}
	if f.Runs, f.Known, err = j.runs(ctx, applied, want); err != nil {
		return nil, err
	}
	f.Current = f.Known && want.Refused == nil && f.Runs.Equals(want.Content, vmi.HasCloudInit()) && samePVC(own.PVC, want.PVC)
	if f.Failure, err = j.failures.of(ctx, vmi, own.Image); err != nil {
		return nil, err
	}
	if f.Failure != "" {
		f.Blamed = blamed(f.Failure, f.concerned())
	}
	return f, nil
}

// concerned are the patches that the VMI runs with, or where these are not known those that bind it.
func (f *Fare) concerned() []Name {
	var all []Name
	for _, p := range f.Runs {
		all = append(all, p.Name)
	}
	if len(all) > 0 {
		return all
	}
	for _, b := range f.Wish.Bindings {
		all = append(all, NameOf(b.Patch))
	}
	return all
}

// runs is what the bundle with a hash holds, and nothing where there is no hash.
func (j *Judge) runs(ctx context.Context, hash string, want *Wish) (runs Content, known bool, err error) {
	switch hash {
	case "":
		return nil, true, nil
	case want.sha256: // the most common case needs no ConfigMap
		j.contents.used[hash] = want.Content
		return want.Content, true, nil
	}
	return j.contents.of(ctx, hash)
}

// entry is the one in the hookSidecars annotation that applies the VMI's bundle; the zero one
// where there is none. Slim leaves no other.
func (j *Judge) entry(vmi *kubevirt.VirtualMachineInstance) v1alpha1.HookSidecar {
	annotation := vmi.Annotations[v1alpha1.HookSidecarsAnnotation]
	if known, ok := j.entries[annotation]; ok {
		return known
	}
	var entry v1alpha1.HookSidecar
	if list, err := v1alpha1.ParseHookSidecars(annotation); err == nil && list.Len() > 0 {
		if first, err := list.Entry(0); err == nil {
			entry = first
		}
	}
	j.entries[annotation] = entry
	return entry
}

func samePVC(have *v1alpha1.HookSidecarPVC, want *v1alpha1.SharedPVC) bool {
	if have == nil || want == nil {
		return have == nil && want == nil
	}
	return *have == v1alpha1.HookSidecarPVC{Name: want.Name, VolumePath: want.VolumePath, SharedComputePath: want.SharedComputePath}
}
