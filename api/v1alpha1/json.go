// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "bytes"

// JSON is any JSON value, null included, as its text.
//
// A field of this type is no pointer and has the tag option omitzero: an explicit
// null is then told from an absent field, which a pointer would merge. That holds
// for decoding from bytes; runtime.DefaultUnstructuredConverter drops nulls before
// they get here, so do not decode patches through it.
type JSON struct {
	// Raw is the JSON text; empty when the field is absent.
	Raw []byte `json:"-"`
}

// IsZero tells whether the value is absent. A JSON null is not.
func (j JSON) IsZero() bool { return len(j.Raw) == 0 }

// MarshalJSON returns the text; null where there is none.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j.IsZero() {
		return []byte("null"), nil
	}
	return j.Raw, nil
}

// UnmarshalJSON keeps a copy of the text, a null included.
func (j *JSON) UnmarshalJSON(text []byte) error {
	j.Raw = bytes.Clone(text)
	return nil
}
