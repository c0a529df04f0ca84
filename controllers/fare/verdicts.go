// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package fare

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
)

// maxVerdicts is how many patches are remembered. One takes some 200 bytes.
const maxVerdicts = 1 << 15

// Verdicts remembers which patches compile, and not what they compile to: there may be
// more patches than compiled ones fit into memory, and each is asked for in every pass.
type Verdicts struct {
	inner render.CompileFunc
	known *lru.Cache // errors, nil for none
}

type verdictKey struct {
	uid        types.UID
	generation int64
}

// NewVerdicts remembers what a function found.
func NewVerdicts(compile render.CompileFunc) *Verdicts {
	return &Verdicts{inner: compile, known: lru.New(maxVerdicts)}
}

// Compile is a render.CompileFunc for VMIs with a cloud-init volume, of whose programs
// rendering wants to know nothing but that there is one: they are empty.
func (v *Verdicts) Compile(p render.Patch) (*patch.Program, error) {
	key := verdictKey{p.Object.GetUID(), p.Object.GetGeneration()}
	if err, ok := v.known.Get(key); ok {
		if err != nil {
			return nil, err.(error)
		}
		return &patch.Program{}, nil
	}
	_, err := v.inner(p)
	if key.uid != "" {
		v.known.Add(key, err)
	}
	if err != nil {
		return nil, err
	}
	return &patch.Program{}, nil
}
