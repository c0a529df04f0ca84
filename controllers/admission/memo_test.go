// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"errors"
	"strings"
	"testing"
)

func TestMemo(t *testing.T) {
	m := newMemo[string](10)
	decodes := 0
	get := func(text string) {
		t.Helper()
		value, err := m.get([]byte(text), func(text []byte) (string, error) {
			decodes++
			return strings.ToUpper(string(text)), nil
		})
		if err != nil || value != strings.ToUpper(text) {
			t.Errorf("%q was decoded to %q, %v", text, value, err)
		}
	}
	steps := []struct {
		reason  string
		text    string
		decodes int // so far
	}{
		{"the first time", "aaaa", 1},
		{"it is known", "aaaa", 1},
		{"another", "bbbb", 2},
		{"used again", "aaaa", 2},
		{"no room: what was used least goes", "cccc", 3},
		{"it was used", "aaaa", 3},
		{"it went", "bbbb", 4},
		{"more than there is room for", "dddddddddddd", 5},
		{"is not remembered", "dddddddddddd", 6},
		{"empty", "", 7},
		{"empty again", "", 7},
	}
	for _, step := range steps {
		get(step.text)
		if decodes != step.decodes {
			t.Fatalf("%q: %d decoded, want %d: %s", step.text, decodes, step.decodes, step.reason)
		}
		if m.used > m.max || len(m.entries) != m.order.Len() {
			t.Fatalf("%d bytes used, %d entries, %d in order", m.used, len(m.entries), m.order.Len())
		}
	}
	failure := errors.New("failure")
	if _, err := m.get([]byte("e"), func([]byte) (string, error) { return "", failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	get("e")
}
