// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package fare

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Content is what a bundle holds of patches, in their order. Its policies are not compared.
type Content []Contained

// Contained is one patch of a bundle.
type Contained struct {
	Name
	sum [sha256.Size]byte // of all that the bundle holds of the patch
	// idle tells that the patch has no effect on a VMI without a cloud-init volume, in the
	// bundle or not: either its matchConditions leave the VMI out, and the shim skips it, or
	// they do not, and it is left out of the bundle.
	idle bool
}

// contentOf reads an encoded bundle.
func contentOf(encoded []byte) (Content, error) {
	decoded, err := bundle.Decode(encoded)
	if err != nil {
		return nil, err
	}
	c := make(Content, len(decoded.Patches))
	for i := range decoded.Patches {
		p := &decoded.Patches[i]
		text, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("cannot encode %s: %w", p.ID(), err)
		}
		c[i] = Contained{
			Name: Name{p.Kind, p.Namespace, p.Name},
			sum:  sha256.Sum256(text),
			idle: len(p.CloudInit) > 0 && p.FailurePolicy == bundle.Ignore,
		}
	}
	return c, nil
}

// Equals tells whether a VMI fares the same with both.
func (c Content) Equals(other Content, cloudInit bool) bool {
	if !cloudInit {
		c, other = c.withoutIdle(), other.withoutIdle()
	}
	return slices.Equal(c, other)
}

func (c Content) withoutIdle() Content {
	isIdle := func(p Contained) bool { return p.idle }
	if !slices.ContainsFunc(c, isIdle) {
		return c
	}
	return slices.DeleteFunc(slices.Clone(c), isIdle)
}

// Changes are what a VMI gets when it runs with another Content.
type Changes struct {
	Added, Removed, Changed []Name
	// Reordered tells that patches that are in both apply in another order.
	Reordered bool
}

// ChangesTo tells what differs in another Content.
func (c Content) ChangesTo(other Content) Changes {
	var changes Changes
	find := func(in Content, name Name) int {
		return slices.IndexFunc(in, func(p Contained) bool { return p.Name == name })
	}
	last := -1
	for _, p := range c {
		i := find(other, p.Name)
		switch {
		case i < 0:
			changes.Removed = append(changes.Removed, p.Name)
			continue
		case other[i].sum != p.sum:
			changes.Changed = append(changes.Changed, p.Name)
		}
		changes.Reordered = changes.Reordered || i < last
		last = i
	}
	for _, p := range other {
		if find(c, p.Name) < 0 {
			changes.Added = append(changes.Added, p.Name)
		}
	}
	return changes
}

// contents tells what the bundles hold that VMIs of one namespace name. It remembers it, for
// a bundle with a given hash never changes.
type contents struct {
	source Source
	known  map[string]Content // by hash, from the last time
	used   map[string]Content // this time, for the next
}

// of is the content of the bundle with a hash. It is not known where the ConfigMap is missing,
// is not that bundle, or was written by another version of this program.
func (b *contents) of(ctx context.Context, hash string) (c Content, known bool, err error) {
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

func (b *contents) read(ctx context.Context, hash string) (c Content, known bool, err error) {
	if len(hash) < v1alpha1.BundleIDLength {
		return nil, false, nil
	}
	encoded, err := b.source.Bundle(ctx, v1alpha1.BundleConfigMapPrefix+hash[:v1alpha1.BundleIDLength])
	if err != nil || bundle.Sum(encoded) != hash {
		return nil, false, err
	}
	c, err = contentOf(encoded)
	return c, err == nil, nil
}
