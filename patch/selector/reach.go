// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch/document"
)

// Reach is how far a path that selects nothing comes in a document. The zero value says that it
// comes nowhere, or that this is not known.
type Reach struct {
	Nodes int // that the part of the path selects that still selects something
	steps int // of that part
	bare  bool
}

// Reach follows a path that selects nothing to where it stops. A path with | stops in several
// places, so that nothing is said of it, nor when the budget ends.
func (p *Path) Reach(d *document.Document, b *Budget) (reach Reach) {
	for n := 1; n <= len(p.steps); n++ {
		for _, bare := range []bool{true, false} {
			nodes, err := p.part(n, bare).Select(d, b)
			if err != nil {
				return Reach{}
			}
			if len(nodes) == 0 {
				return reach
			}
			reach = Reach{Nodes: len(nodes), steps: n, bare: bare}
		}
	}
	return reach
}

// part is the first n steps, the last one without its predicates if it is to be bare.
func (p *Path) part(n int, bare bool) *Path {
	steps := slices.Clone(p.steps[:n])
	if last := &steps[n-1]; bare {
		last.Equal, last.predicates, last.positional = nil, nil, false
	}
	return &Path{source: p.source, steps: steps}
}

// Spell writes what of the path selects the nodes of a Reach, and what none of them has. The Reach
// may be that of the path with other literals; it must not be the zero value.
func (p *Path) Spell(r Reach) (reached, missing string) {
	reached = (&location{absolute: true, steps: p.part(r.steps, r.bare).steps}).spell()
	if r.bare {
		whole := (&location{absolute: true, steps: p.steps[:r.steps]}).spell()
		return reached, strings.TrimPrefix(whole, reached)
	}
	next := p.part(r.steps+1, true).steps[r.steps:]
	missing = (&location{absolute: true, steps: next}).spell()
	if !next[0].Descendant {
		missing = missing[len("/"):]
	}
	return reached, missing
}
