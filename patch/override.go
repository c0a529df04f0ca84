// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// overrides are what the current rule overrode.
type overrides struct {
	current string // the patch whose rule runs
	found   []Override
}

// override counts a place that another patch wrote; there is none where the author is unknown.
func (o *overrides) override(author string, at fmt.Stringer) {
	if author == "" || author == o.current {
		return
	}
	for i := range o.found {
		if f := &o.found[i]; f.Patch == author {
			f.Nodes++
			return
		}
	}
	o.found = append(o.found, Override{Patch: author, Place: at.String(), Nodes: 1})
}

// take gives what the current rule overrode, and begins anew.
func (o *overrides) take() []Override {
	taken := o.found
	o.found = nil
	slices.SortFunc(taken, func(x, y Override) int { return cmp.Compare(x.Patch, y.Patch) })
	return taken
}

// pointer is a place in the cloud-init data.
type pointer struct {
	target bundle.Target
	path   string // JSON Pointer (RFC 6901)
}

func (p pointer) String() string { return string(p.target) + " " + p.path }

// computedPointer is a place whose keys an expression gave, which may be text from outside.
type computedPointer pointer

func (p computedPointer) String() string { return fmt.Sprintf("%s %.100q", p.target, p.path) }

// cloudInitAuthors are the patches that wrote something of the cloud-init data in this call.
// Elements of lists are not remembered: other rules move them.
type cloudInitAuthors struct {
	overrides
	wrote    map[pointer]string // nil where nothing is to be remembered
	computed bool               // an expression gave the value of the current rule
}

// note notes a rule that changed something.
func (a *cloudInitAuthors) note(o *cloudinit.Operation, computed bool) {
	a.computed = computed && o.Op == bundle.OpMerge
	if a.wrote == nil {
		return
	}
	removes := o.Op == bundle.OpRemove || o.Op == bundle.OpReplace
	if o.Op == bundle.OpMove {
		a.overwrite(pointer{o.Target, o.From}, true)
	}
	for _, path := range writtenPaths(o) {
		a.overwrite(pointer{o.Target, path}, removes)
	}
}

// writtenPaths are the places that an operation writes: one, or every leaf of a merge.
func writtenPaths(o *cloudinit.Operation) []string {
	if o.Op != bundle.OpMerge {
		return []string{o.Path}
	}
	var value any
	if json.Unmarshal(o.Value, &value) != nil {
		return nil
	}
	return leaves(o.Path, value)
}

func leaves(path string, value any) []string {
	object, ok := value.(map[string]any)
	if !ok {
		return []string{path}
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		all = append(all, leaves(path+cloudinit.Pointer(key), object[key])...)
	}
	return all
}

// overwrite notes that the current patch wrote a place. What another patch wrote there or
// below is overridden; what it wrote around it is, if something of that goes.
func (a *cloudInitAuthors) overwrite(at pointer, removes bool) {
	if inList(at.path) {
		return
	}
	for _, p := range slices.SortedFunc(maps.Keys(a.wrote), func(x, y pointer) int { return cmp.Compare(x.path, y.path) }) {
		if p.target == at.target && (p == at || strings.HasPrefix(p.path, at.path+"/") || removes && strings.HasPrefix(at.path, p.path+"/")) {
			a.override(a.wrote[p], a.place(at))
		}
	}
	a.wrote[at] = a.current
}

// place is how a report names a place that the current rule wrote.
func (a *cloudInitAuthors) place(at pointer) fmt.Stringer {
	if a.computed {
		return computedPointer(at)
	}
	return at
}

// inList says whether a pointer may go through a list.
func inList(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(token string) bool {
		return token == "-" || token != "" && strings.Trim(token, "0123456789") == ""
	})
}
