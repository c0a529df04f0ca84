// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// CloudInitRule is a generated rule on the cloud-init data.
type CloudInitRule struct {
	bundle.CloudInitRule
	// Comment is what a reader must know; empty for nothing.
	Comment string
}

// CloudInit is what turns cloud-init data into other such data.
type CloudInit struct {
	Rules []CloudInitRule
	// Output is what the rules make of the given data, byte for byte.
	Output []byte
	// Notes tell what differs and was left alone.
	Notes []string
}

var targets = []bundle.Target{bundle.UserData, bundle.NetworkData, bundle.MetaData}

// CloudInits finds the rules that turn KubeVirt's CloudInitData before into after, both as
// JSON. vmi, the VMI as JSON, may be nil.
func CloudInits(ctx context.Context, before, after, vmi []byte) (*CloudInit, error) {
	a, err := parseCloudInit("before", before)
	if err != nil {
		return nil, err
	}
	b, err := parseCloudInit("after", after)
	if err != nil {
		return nil, err
	}
	result := &CloudInit{}
	for _, target := range targets {
		if err := result.compare(a, b, target); err != nil {
			return nil, err
		}
	}
	if err := a.sameMembers(b); err != nil {
		return nil, err
	}
	switch n := len(result.Rules); {
	case n == 0 && len(result.Notes) > 0:
		return nil, fmt.Errorf("%w that a patch can express: %s", ErrEqual, strings.Join(result.Notes, "; "))
	case n == 0:
		return nil, ErrEqual
	case n > bundle.MaxRules:
		return nil, errTooMany
	}
	result.Output, err = apply(ctx, result.Rules, before, vmi)
	if err != nil {
		return nil, err
	}
	return result, checkCloudInit(result.Output, b)
}

// cloudInitData is CloudInitData with its members as JSON.
type cloudInitData struct {
	*cloudinit.Data
	members map[string]json.RawMessage
}

func parseCloudInit(which string, data []byte) (*cloudInitData, error) {
	d := &cloudInitData{}
	var err error
	if d.Data, err = cloudinit.Parse(data); err != nil {
		return nil, fmt.Errorf("the cloud-init data %s: %w", which, err)
	}
	if err := json.Unmarshal(data, &d.members); err != nil {
		return nil, fmt.Errorf("the cloud-init data %s: %w", which, err)
	}
	return d, nil
}

// memberOf are the members of CloudInitData that hold a target.
var memberOf = map[bundle.Target][]string{
	bundle.UserData: {"UserData"}, bundle.NetworkData: {"NetworkData"}, bundle.MetaData: {"NoCloudMetaData", "ConfigDriveMetaData"},
}

// sameText says whether a target stands in both as the same text.
func (d *cloudInitData) sameText(other *cloudInitData, target bundle.Target) bool {
	return !slices.ContainsFunc(memberOf[target], func(name string) bool { return !sameJSON(d.members[name], other.members[name]) })
}

// sameMembers refuses a difference in what no rule reaches.
func (d *cloudInitData) sameMembers(other *cloudInitData) error {
	names := slices.Sorted(maps.Keys(d.members))
	names = append(names, slices.Sorted(maps.Keys(other.members))...)
	for _, name := range names {
		isTarget := slices.Contains(slices.Concat(slices.Collect(maps.Values(memberOf))...), name)
		if !isTarget && !sameJSON(d.members[name], other.members[name]) {
			return fmt.Errorf("the member %.40q of the cloud-init data differs, and rules reach user data, network data and metadata alone", name)
		}
	}
	return nil
}

// compare adds the rules for one target.
func (c *CloudInit) compare(a, b *cloudInitData, target bundle.Target) error {
	if a.sameText(b, target) {
		return nil
	}
	x, err := a.Model(target)
	if err != nil {
		return fmt.Errorf("the cloud-init data before: %w", err)
	}
	y, err := b.Model(target)
	if err != nil {
		return fmt.Errorf("the cloud-init data after: %w", err)
	}
	d := &jsonDifference{target: target}
	d.compare("", x, y)
	if len(d.rules) == 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%s differs in comments or in how it is written alone, which rules do not touch", target))
	}
	c.Rules = append(c.Rules, d.rules...)
	return nil
}

// apply applies the rules with the engine.
func apply(ctx context.Context, rules []CloudInitRule, data, vmi []byte) ([]byte, error) {
	source := bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "generated", Name: "generated", FailurePolicy: bundle.Fail}
	for i := range rules {
		r := rules[i].CloudInitRule
		if r.Value != nil {
			r.Value = canonical(r.Value) // as the patch will come from the API server or from YAML
		}
		source.CloudInit = append(source.CloudInit, r)
	}
	program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{source}})
	if err == nil {
		data, _, err = program.CloudInit(ctx, data, vmi)
	}
	if failed := patch.Errors(err); len(failed) > 0 {
		err = errors.New(failed[0].Detail())
	}
	if err != nil {
		return nil, fmt.Errorf("no rules were found that make this difference: %w", err)
	}
	return data, nil
}

// checkCloudInit compares what the rules made with what is wanted.
func checkCloudInit(output []byte, want *cloudInitData) error {
	got, err := parseCloudInit("that comes out", output)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if want.sameText(got, target) {
			continue
		}
		x, err := want.Model(target)
		if err != nil {
			return err
		}
		y, err := got.Model(target)
		if err != nil {
			return err
		}
		if !sameJSON(x, y) {
			return fmt.Errorf("%s: no rules were found that make it what it should be", target)
		}
	}
	return nil
}

// sameJSON compares two JSON values, whatever the order of members; nil is null.
func sameJSON(a, b json.RawMessage) bool { return bytes.Equal(canonical(a), canonical(b)) }

// canonical is a JSON value with its members in alphabetical order.
func canonical(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("null")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return raw
	}
	out, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return out
}
