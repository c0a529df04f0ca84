// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxHookSidecarsBytes is the largest hookSidecars annotation that is read or
// written, in bytes: what Kubernetes allows for all annotations of an object together.
const MaxHookSidecarsBytes = 256 << 10

// HookSidecars is the list in a hookSidecars annotation. Entries that are not
// touched keep their bytes, whatever is in them: they belong to others, and KubeVirt
// may know fields that this package does not.
//
// The zero value is the empty list. A change never shows in a copy made before it.
//
// +kubebuilder:object:generate=false
type HookSidecars struct {
	entries  []string // each one's JSON
	original string   // the annotation as parsed, until a change
	changed  bool
}

// ParseHookSidecars reads the value of HookSidecarsAnnotation. The empty text, which
// is what looking up an absent annotation yields, is the empty list.
//
// Anything but a JSON array of objects is an error, as is a text over
// MaxHookSidecarsBytes or a field that occurs twice in an object, since readers differ
// in which of the two they take. Nothing else in an entry is judged. The error names
// the annotation and, where there is one, the index of the entry.
func ParseHookSidecars(annotation string) (HookSidecars, error) {
	if annotation == "" {
		return HookSidecars{}, nil
	}
	entries, err := parseEntries(annotation)
	if err != nil {
		return HookSidecars{}, fmt.Errorf("annotation %s: %w; correct or remove the annotation", HookSidecarsAnnotation, err)
	}
	return HookSidecars{entries: entries, original: annotation}, nil
}

func parseEntries(annotation string) ([]string, error) {
	if len(annotation) > MaxHookSidecarsBytes {
		return nil, fmt.Errorf("%d bytes are more than the limit of %d", len(annotation), MaxHookSidecarsBytes)
	}
	var raw []json.RawMessage
	err := json.Unmarshal([]byte(annotation), &raw)
	if wrongType := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrongType) || err == nil && raw == nil {
		return nil, errors.New("not a JSON array of objects")
	}
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	entries := make([]string, len(raw))
	for i, entry := range raw {
		if entry[0] != '{' {
			return nil, fmt.Errorf("[%d]: not a JSON object", i)
		}
		if err := checkFieldsUnique(entry); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		entries[i] = string(entry)
	}
	return entries, nil
}

// checkFieldsUnique refuses a field that occurs twice in one object, at any depth, in
// valid JSON; that it is valid also bounds the depth (encoding/json: 10,000).
func checkFieldsUnique(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a number beyond float64 is valid JSON
	return checkValue(decoder)
}

func checkValue(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[json.Token]bool{}
	for decoder.More() {
		if opening == '{' {
			field, err := decoder.Token()
			if err != nil {
				return err
			}
			if seen[field] {
				return fmt.Errorf("field %q occurs twice", field)
			}
			seen[field] = true
		}
		if err := checkValue(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // the closing bracket
	return err
}

// Len is the number of entries.
func (l HookSidecars) Len() int { return len(l.entries) }

// Entry decodes an entry as KubeVirt does: fields that HookSidecar lacks are ignored,
// and names match in any case. It fails where a field has another type than KubeVirt
// expects; KubeVirt then refuses the whole annotation. It panics, like an index of a
// slice, where i is out of range.
func (l HookSidecars) Entry(i int) (HookSidecar, error) {
	var entry HookSidecar
	if err := json.Unmarshal([]byte(l.entries[i]), &entry); err != nil {
		return HookSidecar{}, fmt.Errorf("annotation %s: [%d]: %w; correct or remove the entry", HookSidecarsAnnotation, i, err)
	}
	return entry, nil
}

// Append adds an entry of ours behind all others. It fails where the entry does not Validate.
func (l *HookSidecars) Append(entry HookSidecar) error {
	return l.splice(len(l.entries), len(l.entries), entry)
}

// Replace puts an entry of ours in the place of the one at i. It fails where the entry
// does not Validate, and panics where i is out of range.
func (l *HookSidecars) Replace(i int, entry HookSidecar) error {
	return l.splice(i, i+1, entry)
}

// Remove removes the entry at i. It panics where i is out of range.
func (l *HookSidecars) Remove(i int) {
	l.entries = slices.Delete(slices.Clone(l.entries), i, i+1)
	l.changed = true
}

func (l *HookSidecars) splice(from, to int, entry HookSidecar) error {
	if err := entry.Validate(); err != nil {
		return fmt.Errorf("annotation %s: [%d]: %w", HookSidecarsAnnotation, from, err)
	}
	text, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("annotation %s: [%d]: %w", HookSidecarsAnnotation, from, err)
	}
	l.entries = slices.Replace(slices.Clone(l.entries), from, to, string(text))
	l.changed = true
	return nil
}

// Encode gives the value of the annotation: the very text that was parsed where no
// entry was changed, else the entries, each untouched one with its own bytes. It fails
// where the result is over MaxHookSidecarsBytes.
func (l HookSidecars) Encode() (string, error) {
	if !l.changed {
		return l.original, nil
	}
	text := "[" + strings.Join(l.entries, ",") + "]"
	if len(text) > MaxHookSidecarsBytes {
		return "", fmt.Errorf("annotation %s: with the entry of DomainPatch its %d bytes are more than the limit of %d; shorten the other entries",
			HookSidecarsAnnotation, len(text), MaxHookSidecarsBytes)
	}
	return text, nil
}
