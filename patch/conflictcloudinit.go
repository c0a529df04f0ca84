// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// cloudInitWrite is what a rule leaves at a place of the cloud-init data.
type cloudInitWrite struct {
	pointer
	value   string // as canonical JSON
	removed bool
	certain bool
}

// cloudInitWrites is domainWrites for rules on cloud-init data. Elements of lists are left out:
// other rules move them.
func cloudInitWrites(rules []cloudInitRule) []write {
	var certain []cloudInitWrite
	listed := 0
	for i := range rules {
		found := rules[i].writes()
		if listed += len(found); listed > writesCompared {
			return nil
		}
		for _, w := range found {
			certain = slices.DeleteFunc(certain, func(c cloudInitWrite) bool { return c.meets(w.pointer) })
			if w.certain && !inList(w.path) {
				certain = append(certain, w)
			}
		}
	}
	all := make([]write, len(certain))
	for i, w := range certain {
		all[i] = write{place: w.String(), value: w.value, removed: w.removed, key: hash(w.String())}
		for path := w.path; path != ""; {
			path = path[:strings.LastIndexByte(path, '/')]
			all[i].above = append(all[i].above, hash(pointer{w.target, path}.String()+" removed"))
		}
		if w.removed {
			all[i].key, all[i].above = hash(w.String()+" removed"), []uint64{hash(w.String())}
		}
	}
	return all
}

// meets says whether one of two places lies in the other.
func (p pointer) meets(q pointer) bool {
	return p.target == q.target && (strings.HasPrefix(p.path+"/", q.path+"/") || strings.HasPrefix(q.path+"/", p.path+"/"))
}

// writes are the places that a rule writes.
func (r *cloudInitRule) writes() []cloudInitWrite {
	at := cloudInitWrite{pointer: pointer{r.Target, r.Path}, certain: r.when == nil && r.expression == nil && !r.template}
	var value any
	switch r.operation.Op {
	case bundle.OpTest:
		return nil
	case bundle.OpRemove:
		at.removed = true
		return []cloudInitWrite{at}
	case bundle.OpMove, bundle.OpCopy:
		at.certain = false
		return []cloudInitWrite{at, {pointer: pointer{r.Target, r.From}}}
	}
	if json.Unmarshal(r.operation.Value, &value) != nil {
		at.certain = false
		return []cloudInitWrite{at}
	}
	if r.operation.Op == bundle.OpMerge {
		return merged(at, value)
	}
	return []cloudInitWrite{at.with(value)}
}

// merged are the leaves of a merge; null removes.
func merged(at cloudInitWrite, value any) []cloudInitWrite {
	object, ok := value.(map[string]any)
	if !ok {
		at.removed = value == nil
		return []cloudInitWrite{at.with(value)}
	}
	var all []cloudInitWrite
	for _, key := range slices.Sorted(maps.Keys(object)) {
		below := at
		below.path += cloudinit.Pointer(key)
		all = append(all, merged(below, object[key])...)
	}
	return all
}

func (w cloudInitWrite) with(value any) cloudInitWrite {
	if !w.removed {
		text, err := json.Marshal(value)
		w.value, w.certain = string(text), w.certain && err == nil
	}
	return w
}
