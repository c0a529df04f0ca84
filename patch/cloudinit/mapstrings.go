// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"fmt"
)

// MapStrings returns a JSON value with every string and every key of it replaced by what replace makes of it. Whatever that
// is, it stays one string. The strings of the result may have up to MaxValue bytes together, so that a
// replacement that grows cannot fill the memory; an error of replace ends the walk.
func MapStrings(value json.RawMessage, replace func(text string, isKey bool) (string, error)) (json.RawMessage, error) {
	v, err := decodeJSON(value)
	if err != nil {
		return nil, err
	}
	m := stringMapper{replace: replace}
	if v, err = m.value(v); err != nil {
		return nil, err
	}
	return v.appendJSON(nil), nil
}

type stringMapper struct {
	replace func(text string, isKey bool) (string, error)
	bytes   int // of the strings so far
}

func (m *stringMapper) text(s string, isKey bool) (string, error) {
	s, err := m.replace(s, isKey)
	if m.bytes += len(s); err == nil && m.bytes > MaxValue {
		err = fmt.Errorf("its strings have more than %d bytes (256 KiB, the limit)", MaxValue)
	}
	return s, err
}

func (m *stringMapper) value(v *value) (_ *value, err error) {
	mapped := *v
	if v.kind == kindString {
		mapped.text, err = m.text(v.text, false)
		return &mapped, err
	}
	mapped.keys, mapped.items = make([]string, len(v.keys)), make([]*value, len(v.items))
	for i := range v.items {
		if v.kind == kindObject {
			if mapped.keys[i], err = m.text(v.keys[i], true); err != nil {
				return nil, err
			}
		}
		if mapped.items[i], err = m.value(v.items[i]); err != nil {
			return nil, err
		}
	}
	return &mapped, nil
}
