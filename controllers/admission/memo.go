// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// memo remembers what texts were decoded to, so that a list of ten thousand patches does not
// cost ten thousand decoded ones each time, in time and in memory. It holds what texts of at
// most max bytes together were decoded to, and forgets the least recently used ones first. It
// is safe for concurrent use; what it gives is shared, and must not be changed.
type memo[T any] struct {
	max int

	mu      sync.Mutex
	used    int
	entries map[[sha256.Size]byte]*list.Element
	order   list.List // of memoEntry[T]; the most recently used one first
}

type memoEntry[T any] struct {
	sum   [sha256.Size]byte
	size  int
	value T
}

func newMemo[T any](max int) *memo[T] {
	return &memo[T]{max: max, entries: map[[sha256.Size]byte]*list.Element{}}
}

// get gives what a text was decoded to, or decodes it. Errors are not remembered.
func (m *memo[T]) get(text []byte, decode func([]byte) (T, error)) (T, error) {
	sum := sha256.Sum256(text)
	if value, ok := m.find(sum); ok {
		return value, nil
	}
	value, err := decode(text)
	if err == nil {
		m.add(memoEntry[T]{sum: sum, size: len(text), value: value})
	}
	return value, err
}

func (m *memo[T]) find(sum [sha256.Size]byte) (value T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[sum]; e != nil {
		m.order.MoveToFront(e)
		return e.Value.(memoEntry[T]).value, true
	}
	return value, false
}

func (m *memo[T]) add(entry memoEntry[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[entry.sum] != nil {
		return // another one was faster
	}
	m.entries[entry.sum] = m.order.PushFront(entry)
	m.used += entry.size
	for m.used > m.max {
		oldest := m.order.Remove(m.order.Back()).(memoEntry[T])
		delete(m.entries, oldest.sum)
		m.used -= oldest.size
	}
}
