// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package program remembers compiled patches, so that the webhooks and the controllers
// compile a patch once per change and not once per VM. It holds a bounded number of
// them, and forgets the least recently used ones first; it is no source of truth.
package program

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
)

// size is how many patches are remembered. One takes some 10 to 100 KiB, and at most about
// 1 MiB: its expressions are bounded (bundle.MaxPatchExpressionBytes).
const size = 128

// Cache compiles patches and remembers the outcome, errors included. It is safe for
// concurrent use.
type Cache struct {
	outcomes *lru.Cache
}

// NewCache returns an empty cache.
func NewCache() *Cache { return &Cache{outcomes: lru.New(size)} }

// key identifies a spec: the generation grows with every change of it.
type key struct {
	uid        types.UID
	generation int64
}

type outcome struct {
	program *patch.Program
	err     error
}

// Compile is render.Compile with a memory. A patch that no API server has stored yet
// is compiled every time.
func (c *Cache) Compile(p render.Patch) (*patch.Program, error) {
	k := key{uid: p.Object.GetUID(), generation: p.Object.GetGeneration()}
	if k.uid == "" {
		return render.Compile(p)
	}
	if known, ok := c.outcomes.Get(k); ok {
		o := known.(outcome)
		return o.program, o.err
	}
	var o outcome
	o.program, o.err = render.Compile(p)
	c.outcomes.Add(k, o)
	return o.program, o.err
}
