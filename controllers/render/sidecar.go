// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// Names that the shim and KubeVirt's hook protocol use.
const (
	shimVersion         = "v1alpha3" // of the hook protocol: the first with Shutdown, without which the sidecar blocks migrations
	hookOnDefineDomain  = "OnDefineDomain"
	hookPreCloudInitIso = "PreCloudInitIso"
)

// Image is the shim's image, as it stands in entries of ours.
type Image struct {
	Name       string
	PullPolicy string // Always, IfNotPresent, Never, or empty for Kubernetes' choice
}

// Entry is the entry of the hookSidecars annotation that applies the bundle. Call it only
// where a patch applies.
func (b *Bundle) Entry(image Image) v1alpha1.HookSidecar {
	hooks := hookOnDefineDomain
	if b.CloudInit {
		hooks += "," + hookPreCloudInitIso
	}
	entry := v1alpha1.HookSidecar{
		Image:           image.Name,
		ImagePullPolicy: image.PullPolicy,
		Args: []string{"--version", shimVersion, v1alpha1.BundleArg, v1alpha1.HookPathOnDefineDomain,
			v1alpha1.SHA256Arg, b.SHA256, "--hooks", hooks},
		ConfigMap: &v1alpha1.HookSidecarConfigMap{
			Name: b.Name(), Key: v1alpha1.BundleKey, HookPath: v1alpha1.HookPathOnDefineDomain},
	}
	if b.PVC != nil {
		entry.PVC = &v1alpha1.HookSidecarPVC{Name: b.PVC.Name, VolumePath: b.PVC.VolumePath, SharedComputePath: b.PVC.SharedComputePath}
	}
	return entry
}

// Annotations gives the annotations that a VMI with these needs for the bundle, without
// the others that it has; none where no patch applies. Entries of others stay in place,
// before ours. It is idempotent.
//
// It replaces an entry of ours whose hash is the VMI's bundle annotation, for that one
// comes from an earlier call on this VMI, or on one that it was copied from. Any other
// entry of ours that is not what binds is an error, as is a malformed annotation.
func (b *Bundle) Annotations(existing map[string]string, image Image) (map[string]string, error) {
	if !b.Applies() {
		return nil, b.verify(existing, image)
	}
	list, err := v1alpha1.ParseHookSidecars(existing[v1alpha1.HookSidecarsAnnotation])
	if err != nil {
		return nil, err
	}
	ours, err := entriesOfOurs(list)
	if err != nil {
		return nil, err
	}
	want, marked := b.Entry(image), existing[v1alpha1.BundleAnnotation]
	for i := len(ours) - 1; i >= 0; i-- {
		entry := ours[i]
		if (entry.sha256 != marked || marked == "") && !entry.appliesLike(want) {
			return nil, b.stale(entry)
		}
		list.Remove(entry.index)
	}
	if err := b.checkVolume(list); err != nil {
		return nil, err
	}
	if err := list.Append(want); err != nil {
		return nil, err
	}
	text, err := list.Encode()
	if err != nil {
		return nil, err
	}
	return map[string]string{v1alpha1.HookSidecarsAnnotation: text, v1alpha1.BundleAnnotation: b.SHA256}, nil
}

// Verify checks that a VMI with these annotations gets the bundle and nothing else of
// ours. The tag of the image and its pull policy may differ, since an upgrade changes
// them. Where no patch applies, an annotation that does not parse is let pass: it is not
// ours, and what KubeVirt makes of it is KubeVirt's business.
//
// An entry for another bundle that is all else as Annotations writes it was written a
// moment ago: the patches changed in between, and there is nothing to correct.
func (b *Bundle) Verify(annotations map[string]string, image Image) error {
	err := b.verify(annotations, image)
	if written := bundleOf(annotations, image); err != nil && written != "" && written != b.SHA256 {
		return fmt.Errorf("the patches changed while the VMI was being created, so that bundle %s no longer binds, which it got: "+
			"KubeVirt tries again; try again if you created the VMI yourself", written)
	}
	return err
}

// bundleOf gives the hash of the bundle for which Annotations wrote these; empty if it did not.
func bundleOf(annotations map[string]string, image Image) string {
	list, err := v1alpha1.ParseHookSidecars(annotations[v1alpha1.HookSidecarsAnnotation])
	if err != nil {
		return ""
	}
	ours, err := entriesOfOurs(list)
	if err != nil || len(ours) != 1 || ours[0].sha256 != annotations[v1alpha1.BundleAnnotation] || !IsRendered(ours[0].HookSidecar, image) {
		return ""
	}
	if pvc := ours[0].PVC; pvc != nil {
		shared := v1alpha1.SharedPVC{Name: pvc.Name, VolumePath: pvc.VolumePath, SharedComputePath: pvc.SharedComputePath}
		if shared.Validate() != nil {
			return ""
		}
	}
	return ours[0].sha256
}

func (b *Bundle) verify(annotations map[string]string, image Image) error {
	list, err := v1alpha1.ParseHookSidecars(annotations[v1alpha1.HookSidecarsAnnotation])
	var ours []ownEntry
	if err == nil {
		ours, err = entriesOfOurs(list)
	}
	if err != nil && b.Applies() {
		return err
	}
	marked, isMarked := annotations[v1alpha1.BundleAnnotation]
	switch {
	case !b.Applies() && len(ours) > 0:
		return b.stale(ours[0])
	case !b.Applies() && isMarked:
		return fmt.Errorf("annotation %s is %q, but no patch binds: remove the annotation from the VM template", v1alpha1.BundleAnnotation, marked)
	case !b.Applies():
		return nil
	case len(ours) == 0:
		return fmt.Errorf("annotation %s has no entry that applies bundle %s, which binds: create the VMI again, or look for a webhook that removes the entry",
			v1alpha1.HookSidecarsAnnotation, b.SHA256)
	case len(ours) > 1:
		return fmt.Errorf("annotation %s has %d entries of DomainPatch instead of one: remove them from the VM template",
			v1alpha1.HookSidecarsAnnotation, len(ours))
	case !ours[0].appliesLike(b.Entry(image)):
		return b.stale(ours[0])
	case marked != b.SHA256:
		return fmt.Errorf("annotation %s is %q instead of %s, the bundle that binds: create the VMI again, or look for a webhook that changes it",
			v1alpha1.BundleAnnotation, marked, b.SHA256)
	}
	list.Remove(ours[0].index)
	return b.checkVolume(list)
}

// checkVolume refuses entries of others whose volume would have the name of the bundle's: no
// pod can have both.
func (b *Bundle) checkVolume(others v1alpha1.HookSidecars) error {
	if b.PVC == nil {
		return nil
	}
	for i := range others.Len() {
		entry, err := others.Entry(i)
		if err != nil {
			return err
		}
		if entry.PVC != nil && entry.PVC.Name == b.PVC.Name || entry.ConfigMap != nil && entry.ConfigMap.Name == b.PVC.Name {
			return fmt.Errorf("annotation %s: [%d] has a volume %q, and so has the ClusterDomainPatch that binds, in spec.pvc: remove the entry from the VM template",
				v1alpha1.HookSidecarsAnnotation, i, b.PVC.Name)
		}
	}
	return nil
}

// IsRendered tells whether an entry is one that Entry makes, of whatever bundle; the image's
// tag and the pull policy may differ. The claim of an entry (pvc) is not judged: which one is
// right is for Verify to say, which knows the bundle.
func IsRendered(entry v1alpha1.HookSidecar, image Image) bool {
	sum, ok := entry.BundleSHA256()
	if !ok || len(sum) != hex.EncodedLen(sha256.Size) {
		return false
	}
	b := Bundle{SHA256: sum}
	got := ownEntry{HookSidecar: entry}
	got.PVC = nil
	withoutCloudInit := got.appliesLike(b.Entry(image))
	b.CloudInit = true
	return withoutCloudInit || got.appliesLike(b.Entry(image))
}

// ownEntry is an entry of the annotation that is DomainPatch's, whoever wrote it.
type ownEntry struct {
	v1alpha1.HookSidecar
	index  int
	sha256 string
}

func entriesOfOurs(list v1alpha1.HookSidecars) ([]ownEntry, error) {
	var ours []ownEntry
	for i := range list.Len() {
		entry, err := list.Entry(i)
		if err != nil {
			return nil, err
		}
		if sha256, ok := entry.BundleSHA256(); ok {
			ours = append(ours, ownEntry{HookSidecar: entry, index: i, sha256: sha256})
		}
	}
	return ours, nil
}

// appliesLike compares everything but the image's tag and pull policy.
func (e ownEntry) appliesLike(want v1alpha1.HookSidecar) bool {
	got := e.HookSidecar
	got.Image, want.Image = Repository(got.Image), Repository(want.Image)
	got.ImagePullPolicy, want.ImagePullPolicy = "", ""
	if len(got.Command) == 0 {
		got.Command = nil
	}
	return reflect.DeepEqual(got, want)
}

// Repository is an image's name without tag and digest.
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		return image[:colon]
	}
	return image
}

// stale says that an entry of ours is not what binds, naming both hashes.
func (b *Bundle) stale(entry ownEntry) error {
	place := fmt.Sprintf("annotation %s: [%d]", v1alpha1.HookSidecarsAnnotation, entry.index)
	const remedy = "remove the entry from the VM template, the webhook adds what binds"
	switch {
	case !b.Applies():
		return fmt.Errorf("%s applies bundle %q, but no patch binds: %s", place, entry.sha256, remedy)
	case entry.sha256 == b.SHA256:
		return fmt.Errorf("%s applies bundle %s, which binds, but not in the way that bundle %s must be applied (image, command, arguments or mounts): %s",
			place, entry.sha256, b.SHA256, remedy)
	}
	return fmt.Errorf("%s applies bundle %q, but bundle %s binds: %s", place, entry.sha256, b.SHA256, remedy)
}
