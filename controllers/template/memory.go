// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"cmp"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// memory is what is known of VMs whose template does not have what binds. After a restart it
// fills again, since every VM is looked at once. Its zero value is empty. It is safe for
// concurrent use.
type memory struct {
	mutex sync.Mutex
	vms   map[types.NamespacedName]trouble
}

// trouble is why a template does not have what binds.
type trouble struct {
	reason string // of the event
	text   string
	taken  []Request // the patches that bind, where another manager owns the annotations
}

// set remembers the trouble of a VM, the zero value for none. It tells whether that is news,
// and the patches that lost or won a VM because of it.
func (m *memory) set(vm types.NamespacedName, now trouble) (news bool, patches []Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	before := m.vms[vm]
	switch {
	case now.reason == "":
		delete(m.vms, vm)
	case m.vms == nil:
		m.vms = map[types.NamespacedName]trouble{vm: now}
	default:
		m.vms[vm] = now
	}
	if !slices.Equal(before.taken, now.taken) {
		patches = append(slices.Clone(before.taken), now.taken...)
	}
	return now.reason != before.reason || now.text != before.text, patches
}

// takenFrom lists the VMs that start without a patch, in the order of their names.
func (m *memory) takenFrom(patch Request) []types.NamespacedName {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var all []types.NamespacedName
	for vm, t := range m.vms {
		if slices.Contains(t.taken, patch) {
			all = append(all, vm)
		}
	}
	slices.SortFunc(all, func(x, y types.NamespacedName) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return all
}
