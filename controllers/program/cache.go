// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package program remembers compiled patches and policies, so that the webhooks and the
// controllers compile one once per change and not once per VM. It holds a bounded number
// of them, and forgets the least recently used ones first; it is no source of truth.
package program

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
)

// size is how many patches and policies are remembered. A patch takes some 10 to 100 KiB, and
// at most about 1 MiB: its expressions are bounded (bundle.MaxPatchExpressionBytes).
const size = 128

// Cache compiles patches and policies and remembers the outcome, errors included. Who asks
// while another one compiles the same waits for that. It is safe for concurrent use.
type Cache struct {
	mu       sync.Mutex // so that there is one outcome per key
	outcomes *lru.Cache
}

// NewCache returns an empty cache.
func NewCache() *Cache { return &Cache{outcomes: lru.New(size)} }

// key identifies a spec: the generation grows with every change of it.
type key struct {
	uid        types.UID
	generation int64
}

// outcome compiles when it is called first, and gives the same each time. The program of a
// policy is nil.
type outcome = func() (*patch.Program, error)

// Compiler compiles with this memory.
func (c *Cache) Compiler() render.Compiler {
	return render.Compiler{Patch: c.Compile, Policy: c.CompilePolicy}
}

// Compile is render.Compile with a memory. A patch that no API server has stored yet
// is compiled every time.
func (c *Cache) Compile(p render.Patch) (*patch.Program, error) {
	return c.remember(key{uid: p.Object.GetUID(), generation: p.Object.GetGeneration()}, func() (*patch.Program, error) {
		return render.Compile(p)
	})()
}

// CompilePolicy is Compile for policies.
func (c *Cache) CompilePolicy(p *v1alpha1.DomainPatchPolicy) error {
	_, err := c.remember(key{uid: p.UID, generation: p.Generation}, func() (*patch.Program, error) {
		return nil, render.CompilePolicy(p)
	})()
	return err
}

func (c *Cache) remember(k key, compile outcome) outcome {
	if k.uid == "" {
		return compile
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.outcomes.Get(k); ok {
		return known.(outcome)
	}
	o := sync.OnceValues(compile)
	c.outcomes.Add(k, o)
	return o
}
