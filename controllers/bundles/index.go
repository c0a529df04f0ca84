// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// user is an object that names a bundle of its namespace.
type user struct {
	kind int // in Reconciler.Users
	name string
	uid  types.UID
}

// index knows who names which ConfigMap, whether it exists or not. A question costs the same
// for one user as for ten thousand. It is safe for concurrent use.
type index struct {
	mu       sync.RWMutex
	entries  map[types.NamespacedName]*entry
	complete bool
}

// entry is a ConfigMap that somebody names.
type entry struct {
	users map[user]struct{}
	// deleted is the bundle of a ConfigMap that was deleted all the same. It goes with the
	// last user, so that nobody can fill the memory with ConfigMaps made to be deleted.
	deleted string
}

func (x *index) add(configMap types.NamespacedName, u user) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[configMap]
	if e == nil {
		e = &entry{users: map[user]struct{}{}}
		if x.entries == nil {
			x.entries = map[types.NamespacedName]*entry{}
		}
		x.entries[configMap] = e
	}
	e.users[u] = struct{}{}
}

func (x *index) remove(configMap types.NamespacedName, u user) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[configMap]
	if e == nil {
		return
	}
	delete(e.users, u)
	if len(e.users) == 0 {
		delete(x.entries, configMap)
	}
}

// isNamed tells whether anybody names the ConfigMap.
func (x *index) isNamed(configMap types.NamespacedName) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.entries[configMap] != nil
}

// users lists who names the ConfigMap, in a stable order.
func (x *index) users(configMap types.NamespacedName) []user {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.entries[configMap]
	if e == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(e.users), func(a, b user) int { return strings.Compare(a.name, b.name) })
}

// named lists the ConfigMaps that anybody names.
func (x *index) named() []types.NamespacedName {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.entries))
}

// keep remembers a bundle while anybody names its ConfigMap; empty forgets it.
func (x *index) keep(configMap types.NamespacedName, bundle string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[configMap]; e != nil {
		e.deleted = bundle
	}
}

// kept gives what keep remembers.
func (x *index) kept(configMap types.NamespacedName) string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.entries[configMap]; e != nil {
		return e.deleted
	}
	return ""
}

// setComplete tells that the index has all users that there were at the start.
func (x *index) setComplete() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.complete = true
}

func (x *index) isComplete() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.complete
}
