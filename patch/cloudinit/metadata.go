// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// metadata is the NoCloud or ConfigDrive object.
type metadata struct {
	member string
	fields []field
	given  *value // as Parse found it
	model  *value
	absent error // why there is nothing to edit, or nil
}

// field is a key of one of KubeVirt's metadata structs (NoCloudMetadata and ConfigDriveMetadata in pkg/cloud-init).
type field struct {
	name  string
	check func(*value) error
}

var (
	noCloudFields = []field{
		{"instance-type", wantString}, {"instance-id", wantString}, {"local-hostname", wantString}, {"public-keys", wantStrings},
	}
	configDriveFields = []field{
		{"instance_type", wantString}, {"instance_id", wantString}, {"local_hostname", wantString}, {"hostname", wantString},
		{"uuid", wantString}, {"devices", overwritten}, {"public_keys", wantStrings},
	}
)

func parseMetadata(e *envelope) (metadata, error) {
	m := metadata{member: memberNoCloud, fields: noCloudFields}
	noCloud, configDrive := e.get(memberNoCloud), e.get(memberConfigDrive)
	raw := noCloud
	switch {
	case noCloud != nil && configDrive != nil:
		m.absent = errors.New("both NoCloudMetaData and ConfigDriveMetaData are set; it is not clear which one to edit")
		return m, nil
	case noCloud == nil && configDrive == nil:
		m.absent = errors.New("neither NoCloudMetaData nor ConfigDriveMetaData is set; there is nothing to edit")
		return m, nil
	case noCloud == nil:
		m.member, m.fields, raw = memberConfigDrive, configDriveFields, configDrive
	}
	v, err := decodeJSON(raw)
	if err == nil && v.kind != kindObject {
		err = fmt.Errorf("want a JSON object, not %s", v.kind)
	}
	if err != nil {
		return m, fmt.Errorf("cannot read CloudInitData: %s: %w", m.member, err)
	}
	m.given, m.model = v, v
	return m, nil
}

func (m *metadata) apply(o *Operation) (bool, error) {
	if m.absent != nil {
		return false, m.absent
	}
	want, err := o.apply(m.model)
	if err != nil {
		return false, err
	}
	if equal(m.model, want, sameText) {
		return false, nil
	}
	if err := m.check(want); err != nil {
		return false, err
	}
	text := want.appendJSON(nil)
	if err := checkGrowth(len(m.given.appendJSON(nil)), len(text)); err != nil {
		return false, err
	}
	if _, err := decodeJSON(text); err != nil { // limits
		return false, err
	}
	m.model = want
	return true, nil
}

// check refuses a change of what KubeVirt would drop or fail on. Keys that were there stay, known or not.
func (m *metadata) check(want *value) error {
	if want.kind != kindObject {
		return fmt.Errorf("%s must stay an object, not become %s", m.member, want.kind)
	}
	before, after := m.model.members(), want.members()
	for _, key := range append(slices.Clone(m.model.keys), want.keys...) {
		i, was := before[key]
		j, is := after[key]
		if was && is && equal(m.model.items[i], want.items[j], sameText) {
			continue
		}
		known := slices.IndexFunc(m.fields, func(f field) bool { return f.name == key })
		if known < 0 {
			return fmt.Errorf("KubeVirt's %s has no key %.40q; it knows %s", m.member, key, m.known())
		}
		var item *value
		if is {
			item = want.items[j]
		}
		if err := m.fields[known].check(item); err != nil {
			return fmt.Errorf("key %.40q: %w", key, err)
		}
	}
	return nil
}

func (m *metadata) known() string {
	names := make([]string, len(m.fields))
	for i, f := range m.fields {
		names[i] = f.name
	}
	return strings.Join(names, ", ")
}

// wantString checks a field of type string; nil stands for its removal.
func wantString(v *value) error {
	if v != nil && v.kind != kindString {
		return fmt.Errorf("want a string, not %s", v.kind)
	}
	return nil
}

// wantStrings checks a field of type map[string]string.
func wantStrings(v *value) error {
	if v == nil {
		return nil
	}
	if v.kind != kindObject {
		return fmt.Errorf("want a mapping of strings, not %s", v.kind)
	}
	for i, item := range v.items {
		if item.kind != kindString {
			return fmt.Errorf("key %.40q below it: want a string, not %s", v.keys[i], item.kind)
		}
	}
	return nil
}

// overwritten refuses a field that KubeVirt fills in after the hook (GenerateLocalData, from DevicesData).
func overwritten(*value) error {
	return errors.New("KubeVirt writes it anew after the hook, so a change would be lost")
}
