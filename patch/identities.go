// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/schema"
)

// Identity is what tells an element from its siblings of the same name: a row of the table of
// identities, read for one element.
type Identity struct {
	// Paths lead from the element to what identifies it, such as target/@dev; together they
	// do. None where libvirt allows the element once per parent.
	Paths []string
	// Value is what stands there, folded as libvirt folds it: elements with equal paths and
	// values are the same.
	Value string
	// Survives says whether KubeVirt keeps it between two calls of the hook.
	Survives bool
}

// Identities lists the identities that an element carries, best first: an alias of the user's
// own before all others, since KubeVirt names it after the VM's spec. None where nothing but
// its content tells the element from its siblings.
func Identities(e *xmlquery.Node) []Identity {
	if e.Parent == nil {
		return nil
	}
	var all []Identity
	for _, k := range keysOf(e.Parent, tableName(e)) {
		if value, ok := k.value(e); ok {
			all = append(all, Identity{Paths: k.paths(), Value: value, Survives: k.survives(schema.Of(e)) == nil})
		}
	}
	slices.SortStableFunc(all, func(a, b Identity) int { return cmp.Compare(b.isUsers(), a.isUsers()) })
	return all
}

// isUsers is 1 for an alias of a user's own, else 0.
func (i Identity) isUsers() int {
	if len(i.Paths) == 1 && i.Paths[0] == "alias/@name" && strings.HasPrefix(i.Value, "name=ua-") {
		return 1
	}
	return 0
}

// IsList says whether an element stands in a list whose order and number count, as QEMU's
// arguments do.
func IsList(e *xmlquery.Node) bool {
	return e.Parent != nil && isListed(e.Parent, tableName(e))
}

// paths are the parts of the key, each as a path from the element.
func (k key) paths() []string {
	if k.text {
		return []string{k.child}
	}
	prefix := ""
	if k.child != "" {
		prefix = k.child + "/"
	}
	var all []string
	for _, name := range k.attributes() {
		all = append(all, prefix+"@"+name)
	}
	return all
}
