// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// patchName identifies a patch.
type patchName struct{ kind, namespace, name string }

// id names the patch as the engine does in its errors.
func (n patchName) id() string {
	return (&bundle.Patch{Kind: n.kind, Namespace: n.namespace, Name: n.name}).ID()
}

// content is what a bundle holds of patches, in their order. Its policies are not compared.
type content []containedPatch

type containedPatch struct {
	patchName
	sum [sha256.Size]byte // of all that the bundle holds of the patch
	// idle tells that the patch has no effect on a VMI without a cloud-init volume, in the
	// bundle or not: either its matchConditions leave the VMI out, and the shim skips it, or
	// they do not, and it is left out of the bundle.
	idle bool
}

// contentOf reads an encoded bundle.
func contentOf(encoded []byte) (content, error) {
	decoded, err := bundle.Decode(encoded)
	if err != nil {
		return nil, err
	}
	c := make(content, len(decoded.Patches))
	for i := range decoded.Patches {
		p := &decoded.Patches[i]
		text, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("cannot encode %s: %w", p.ID(), err)
		}
		c[i] = containedPatch{
			patchName: patchName{p.Kind, p.Namespace, p.Name},
			sum:       sha256.Sum256(text),
			idle:      len(p.CloudInit) > 0 && p.FailurePolicy == bundle.Ignore,
		}
	}
	return c, nil
}

// equals tells whether a VMI fares the same with both.
func (c content) equals(other content, cloudInit bool) bool {
	if !cloudInit {
		c, other = c.withoutIdle(), other.withoutIdle()
	}
	return slices.Equal(c, other)
}

func (c content) withoutIdle() content {
	isIdle := func(p containedPatch) bool { return p.idle }
	if !slices.ContainsFunc(c, isIdle) {
		return c
	}
	return slices.DeleteFunc(slices.Clone(c), isIdle)
}

// bundles tells what the bundles hold that VMIs of one namespace name. It remembers it, for
// a bundle with a given hash never changes.
type bundles struct {
	reader    client.Reader
	namespace string
	known     map[string]content // by hash, from the last time
	used      map[string]content // this time, for the next
}

// content is that of the bundle with a hash. It is not known where the ConfigMap is missing,
// is not that bundle, or was written by another version of this program.
func (b *bundles) content(ctx context.Context, hash string) (c content, known bool, err error) {
	if c, known = b.used[hash]; known {
		return c, true, nil
	}
	if c, known = b.known[hash]; !known {
		if c, known, err = b.read(ctx, hash); err != nil || !known {
			return nil, false, err
		}
	}
	b.used[hash] = c
	return c, true, nil
}

func (b *bundles) read(ctx context.Context, hash string) (c content, known bool, err error) {
	if len(hash) < v1alpha1.BundleIDLength {
		return nil, false, nil
	}
	key := client.ObjectKey{Namespace: b.namespace, Name: v1alpha1.BundleConfigMapPrefix + hash[:v1alpha1.BundleIDLength]}
	var cm corev1.ConfigMap
	if err := b.reader.Get(ctx, key, &cm, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("cannot read ConfigMap %s: %w", key, err)
	}
	encoded := []byte(cm.Data[v1alpha1.BundleKey])
	if bundle.Sum(encoded) != hash {
		return nil, false, nil
	}
	c, err = contentOf(encoded)
	return c, err == nil, nil
}
