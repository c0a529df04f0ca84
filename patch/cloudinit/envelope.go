// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Members of CloudInitData, by the names of KubeVirt's Go fields.
const (
	memberUserData    = "UserData"
	memberNetworkData = "NetworkData"
	memberNoCloud     = "NoCloudMetaData"
	memberConfigDrive = "ConfigDriveMetaData"
	memberDataSource  = "DataSource"
)

// envelope is the JSON object around the documents, with the place of every member's value.
type envelope struct {
	input []byte
	spans []span
	end   int // offset of the closing brace
}

// span is the value of a member: input[from:to].
type span struct {
	name     string
	from, to int
}

// member is a new value for a member, as JSON.
type member struct {
	name string
	json []byte
}

func parseEnvelope(data []byte) (*envelope, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, over the limit of %d bytes (512 KiB)", len(data), MaxBytes)
	}
	v, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	if v.kind != kindObject {
		return nil, fmt.Errorf("want a JSON object, not %s", v.kind)
	}
	e := &envelope{input: data}
	d := json.NewDecoder(bytes.NewReader(data))
	_, err = d.Token() // the opening brace
	for err == nil && d.More() {
		err = e.scan(d)
	}
	if err != nil {
		return nil, err
	}
	if err := e.isCloudInitData(); err != nil {
		return nil, err
	}
	e.end = bytes.LastIndexByte(data, '}')
	return e, nil
}

// knownMembers are those of KubeVirt's CloudInitData.
var knownMembers = []string{memberUserData, memberNetworkData, memberNoCloud, memberConfigDrive, memberDataSource, "DevicesData", "VolumeName"}

// isCloudInitData refuses what is something else: unknown members beside known ones are of a later KubeVirt.
func (e *envelope) isCloudInitData() error {
	isMember := func(s span) bool { return slices.Contains(knownMembers, s.name) }
	if len(e.spans) == 0 || slices.ContainsFunc(e.spans, isMember) {
		return nil
	}
	return fmt.Errorf("none of its members is one of CloudInitData, such as %s: the first is %.40q", memberUserData, e.spans[0].name)
}

// scan records one member. Go, and so KubeVirt, reads names regardless of case: another spelling of a known name is ambiguous.
func (e *envelope) scan(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	name, _ := token.(string)
	for _, known := range []string{memberUserData, memberNetworkData, memberNoCloud, memberConfigDrive, memberDataSource} {
		if name != known && strings.EqualFold(name, known) {
			return fmt.Errorf("member %.40q: the name must be spelled %s", name, known)
		}
	}
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	to := int(d.InputOffset())
	e.spans = append(e.spans, span{name, to - len(raw), to})
	return nil
}

// get returns the JSON of a member, nil if it is absent or null.
func (e *envelope) get(name string) json.RawMessage {
	i := slices.IndexFunc(e.spans, func(s span) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	raw := e.input[e.spans[i].from:e.spans[i].to]
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// text returns a member that must be a string; absent and null count as empty.
func (e *envelope) text(name string) (string, error) {
	raw := e.get(name)
	if raw == nil {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("cannot read CloudInitData: %s: want a string", name)
	}
	return s, nil
}

// replace returns the input with other values for some members. A member that the input lacks goes to its end.
func (e *envelope) replace(changed []member) []byte {
	if len(changed) == 0 {
		return e.input
	}
	var out []byte
	done := 0
	for _, s := range e.spans {
		if i := slices.IndexFunc(changed, func(m member) bool { return m.name == s.name }); i >= 0 {
			out = append(append(out, e.input[done:s.from]...), changed[i].json...)
			done = s.to
		}
	}
	out = append(out, e.input[done:e.end]...)
	members := len(e.spans)
	for _, m := range changed {
		if !slices.ContainsFunc(e.spans, func(s span) bool { return s.name == m.name }) {
			out = append(appendQuoted(appendComma(out, members), m.name), ':')
			out = append(out, m.json...)
			members++
		}
	}
	return append(out, e.input[e.end:]...)
}
