// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

const roundTrip = "json-patch: YAML to JSON, patch, JSON to YAML"

// guestMTU is config/samples/guest-mtu.
func guestMTU() *bundle.Bundle {
	return oneDomainPatch(bundle.Patch{
		Variables: []bundle.Variable{{Name: "mtu", Expression: "int(vmi.metadata.annotations[?'example.com/mtu'].orValue('1400'))"}},
		CloudInit: []bundle.CloudInitRule{{Name: "mtu", Target: bundle.NetworkData, Op: bundle.OpAdd, Path: "/ethernets/enp1s0/mtu", Expression: "variables.mtu"}},
	})
}

// cloudInit compares the edit of the sample's network data.
func (b *bench) cloudInit(ctx context.Context, r *report) error {
	sample := filepath.Join(b.repo, "config", "samples", "guest-mtu")
	data, err := os.ReadFile(filepath.Join(sample, "cloud-init.json"))
	if err != nil {
		return err
	}
	vmi, err := os.ReadFile(filepath.Join(sample, "vmi.yaml"))
	if err == nil {
		vmi, err = yaml.YAMLToJSON(vmi)
	}
	if err != nil {
		return err
	}
	program, err := patch.Compile(guestMTU())
	if err != nil {
		return err
	}
	ours := func() ([]byte, error) { out, _, err := program.CloudInit(ctx, data, vmi); return out, err }
	theirs := func() ([]byte, error) { return withJSONPatch(data) }
	var contenders []contender
	for _, c := range []struct {
		name  string
		apply func() ([]byte, error)
	}{{"DomainPatch: CloudInit, its value from the VMI", ours}, {roundTrip, theirs}} {
		out, err := c.apply()
		if err == nil {
			err = hasMTU(out)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		contenders = append(contenders, contender{c.name, func() error { _, err := c.apply(); return err }})
	}
	r.CloudInit, err = b.race(ctx, fmt.Sprintf("guest-mtu on its network data (%d bytes of CloudInitData)", len(data)), roundTrip, contenders)
	return err
}

// withJSONPatch is the plain way, which loses comments and the order of keys.
func withJSONPatch(data []byte) ([]byte, error) {
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	network, _ := all["NetworkData"].(string)
	doc, err := yaml.YAMLToJSON([]byte(network))
	if err != nil {
		return nil, err
	}
	edit, err := jsonpatch.DecodePatch([]byte(`[{"op":"add","path":"/ethernets/enp1s0/mtu","value":8950}]`))
	if err != nil {
		return nil, err
	}
	if doc, err = edit.Apply(doc); err != nil {
		return nil, err
	}
	if doc, err = yaml.JSONToYAML(doc); err != nil {
		return nil, err
	}
	all["NetworkData"] = string(doc)
	return json.Marshal(all)
}

// hasMTU checks CloudInitData for the edit.
func hasMTU(data []byte) error {
	var all struct{ NetworkData string }
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	var network struct {
		Ethernets map[string]struct {
			MTU int `json:"mtu"`
		} `json:"ethernets"`
	}
	if err := yaml.Unmarshal([]byte(all.NetworkData), &network); err != nil {
		return err
	}
	if got := network.Ethernets["enp1s0"].MTU; got != 8950 {
		return fmt.Errorf("the MTU is %d instead of 8950", got)
	}
	return nil
}
