// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"hash/fnv"
	"slices"
)

const (
	// writesCompared is how many places of one patch are compared with those of others, and
	// conditionsVaried how many conditions a place may have to be compared with more general ones.
	writesCompared   = 256
	conditionsVaried = 4
	// ConflictsShown is how many conflicts of one patch are told.
	ConflictsShown = 3
)

// Writes is what a patch leaves at certain places, whatever the domain and the cloud-init data
// are: literal values and removals, of rules that are not optional. It is for comparison with
// other patches.
type Writes struct {
	conditions []string // of the patch, sorted
	all        []write
}

// write is one place, and what it holds in the end.
type write struct {
	place   string
	value   string
	removed bool
	key     uint64   // of the place
	above   []uint64 // of what holds all of the place: more general paths, and what is around it
}

// Conflict tells that another patch writes something else to a place.
type Conflict struct {
	With  int    // the other one
	Place string // the more special of the two paths: "/domain/title", "userData /hostname"
}

// Writes finds out what the patch leaves, for a program of one patch.
func (p *Program) Writes() *Writes {
	out := &Writes{all: p.domainWrites()}
	for i := range p.patches {
		for _, c := range p.patches[i].source.MatchConditions {
			out.conditions = append(out.conditions, c.Expression)
		}
		out.all = append(out.all, cloudInitWrites(p.patches[i].cloudInit)...)
	}
	return out
}

// domainWrites goes through the rules in their order: what a later one may change, too, is not
// certain, unless that one is.
func (p *Program) domainWrites() []write {
	var certain []*Place
	listed := 0
	for _, rule := range p.Places() {
		if listed += len(rule.Places); rule.Unknown != "" || listed > writesCompared {
			certain = nil // it may have changed all of them
			continue
		}
		for i := range rule.Places {
			at := &rule.Places[i]
			certain = slices.DeleteFunc(certain, func(p *Place) bool { return p.mayMeet(at) })
			if !rule.Optional && !at.Incidental && at.isExact() && (at.Removed || at.Value != nil) {
				certain = append(certain, at)
			}
		}
	}
	all := make([]write, len(certain))
	for i, p := range certain {
		all[i] = p.write()
	}
	return all
}

// IsEmpty says whether there is nothing to compare.
func (w *Writes) IsEmpty() bool { return len(w.all) == 0 }

func (p *Place) write() write {
	w := write{place: p.String(), removed: p.Removed}
	if !p.Removed {
		w.value = *p.Value
	}
	key := func(steps []placeStep, part placePart, keep func(int, int) bool) uint64 {
		return hash(spellSteps(steps, keep) + [...]string{"/", "/.", "/@" + p.attribute, "/text()"}[part])
	}
	w.key = key(p.steps, p.part, func(int, int) bool { return true })
	if p.Removed && p.part == partElement {
		return w // only what lies in it can differ
	}
	for _, keep := range generalizations(p.steps) {
		if k := key(p.steps, p.part, keep); k != w.key {
			w.above = append(w.above, k)
		}
		for n := range p.steps {
			w.above = append(w.above, key(p.steps[:n+1], partElement, keep))
		}
	}
	slices.Sort(w.above)
	w.above = slices.Compact(w.above)
	return w
}

// generalizations choose conditions of a path in all ways: fewer of them select the same nodes
// and perhaps more.
func generalizations(steps []placeStep) []func(step, condition int) bool {
	var offsets []int
	n := 0
	for i := range steps {
		offsets = append(offsets, n)
		n += len(steps[i].conditions)
	}
	if n > conditionsVaried {
		return []func(int, int) bool{func(int, int) bool { return true }}
	}
	var all []func(int, int) bool
	for chosen := range 1 << n {
		all = append(all, func(step, condition int) bool { return chosen>>(offsets[step]+condition)&1 == 1 })
	}
	return all
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum64()
}

// differs says whether two writes leave different things where they meet.
func (w *write) differs(other *write) bool {
	return w.removed != other.removed || w.value != other.value
}

// together says whether one of two patches runs wherever the other one does.
func (w *Writes) together(other *Writes) bool {
	within := func(a, b []string) bool {
		return !slices.ContainsFunc(a, func(c string) bool { return !slices.Contains(b, c) })
	}
	return within(w.conditions, other.conditions) || within(other.conditions, w.conditions)
}

// Index holds patches that run on the same VMs, to find out with which of them another one
// conflicts. It is immutable.
type Index struct {
	patches []*Writes
	places  map[uint64][]entry // by the keys of their places
	below   map[uint64][]entry // by the keys of what is above them
}

// entry is one write of a patch of an index.
type entry struct {
	patch int
	*write
}

// NewIndex makes an index. A nil patch conflicts with none.
func NewIndex(patches []*Writes) *Index {
	x := &Index{patches: patches, places: map[uint64][]entry{}, below: map[uint64][]entry{}}
	for i, p := range patches {
		for j := range p.writes() {
			w := &p.all[j]
			x.places[w.key] = append(x.places[w.key], entry{i, w})
			for _, key := range w.above {
				x.below[key] = append(x.below[key], entry{i, w})
			}
		}
	}
	return x
}

// Conflicts are the first ConflictsShown patches of the index that write something else to a
// place of another one, which runs on the same VMs. Only what is certain counts: both write
// literal values, or remove, and one path selects all that the other one does.
func (x *Index) Conflicts(with *Writes) []Conflict {
	var found []Conflict
	compare := func(w *write, place func(entry) string, entries []entry) {
		for _, e := range entries {
			if w.differs(e.write) && with.together(x.patches[e.patch]) {
				found = note(found, Conflict{e.patch, place(e)})
			}
		}
	}
	for j := range with.writes() {
		w := &with.all[j]
		own := func(entry) string { return w.place }
		compare(w, own, x.places[w.key])
		for _, key := range w.above {
			compare(w, own, x.places[key])
		}
		compare(w, func(e entry) string { return e.place }, x.below[w.key])
	}
	return found
}

func (w *Writes) writes() []write {
	if w == nil {
		return nil
	}
	return w.all
}

// note keeps the first conflicts, by patch and by place, one of each patch.
func note(found []Conflict, c Conflict) []Conflict {
	i, known := slices.BinarySearchFunc(found, c, func(x, y Conflict) int { return x.With - y.With })
	switch {
	case known:
		found[i].Place = min(found[i].Place, c.Place)
		return found
	case i == ConflictsShown:
		return found
	}
	found = slices.Insert(found, i, c)
	return found[:min(len(found), ConflictsShown)]
}

// Contested says of each of many patches whether another one writes something else to a place
// of it, be they on the same VMs or not. It takes time in proportion to their number.
func Contested(patches []*Writes) []bool {
	buckets := map[uint64]*contest{}
	for _, p := range patches {
		for j := range p.writes() {
			w := &p.all[j]
			if b := buckets[w.key]; b == nil {
				buckets[w.key] = &contest{first: w}
			} else {
				b.contested = b.contested || w.differs(b.first)
			}
		}
	}
	within := map[*write]bool{}
	for _, p := range patches {
		for j := range p.writes() {
			w := &p.all[j]
			for _, key := range w.above {
				if b := buckets[key]; b != nil && (b.contested || w.differs(b.first)) {
					within[w], b.contested = true, true
				}
			}
		}
	}
	contested := make([]bool, len(patches))
	for i, p := range patches {
		for j := range p.writes() {
			contested[i] = contested[i] || within[&p.all[j]] || buckets[p.all[j].key].contested
		}
	}
	return contested
}

// contest is a place that patches write.
type contest struct {
	first     *write
	contested bool // something else is written there, too
}
