// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Overview is everything of a namespace, or of a cluster. Lists that were not asked for are absent.
type Overview struct {
	Patches  []Patch  `json:"patches,omitempty"`
	Policies []Policy `json:"policies,omitempty"`
	VMs      []VM     `json:"vms,omitempty"`
	Bundles  []Bundle `json:"bundles,omitempty"`
	// Notes say what could not be read and what follows from that.
	Notes []string `json:"notes,omitempty"`
}

// Overview lists all that there is. The scope's labels are those of VMs.
func (c *Cluster) Overview(ctx context.Context, s Scope) (*Overview, error) {
	everything := Scope{Namespace: s.Namespace}
	o := &Overview{}
	var err error
	if o.Patches, err = c.Patches(ctx, bundle.KindDomainPatch, everything); err != nil { // who may not see these sees nothing
		return nil, err
	}
	cluster, err := c.Patches(ctx, bundle.KindClusterDomainPatch, everything)
	if err = c.tolerate(err, "ClusterDomainPatches are not shown"); err != nil {
		return nil, err
	}
	o.Patches = append(o.Patches, cluster...)
	o.Policies, err = c.Policies(ctx, everything)
	if err = c.tolerate(err, "policies are not shown"); err != nil {
		return nil, err
	}
	o.VMs, err = c.VMs(ctx, s)
	if err = c.tolerateNoKubeVirt(c.tolerate(err, "VMs are not shown")); err != nil {
		return nil, err
	}
	o.Bundles, err = c.Bundles(ctx, everything)
	if err = c.tolerateNoKubeVirt(c.tolerate(err, "bundles are not shown")); err != nil {
		return nil, err
	}
	o.Notes = c.Notes()
	return o, nil
}

// tolerateNoKubeVirt is for a cluster in which our objects were installed first.
func (c *Cluster) tolerateNoKubeVirt(err error) error {
	var missing *remote.NotInstalled
	if errors.As(err, &missing) && missing.Group() == kubevirt.GroupVersion.Group {
		c.note("%v", missing)
		return nil
	}
	return err
}

// Names are those of the objects of a kind as the plugin calls it, for a shell to complete.
func (c *Cluster) Names(ctx context.Context, kind, namespace string) ([]string, error) {
	resource := map[string]remote.Resource{
		"dp": remote.DomainPatches, "cdp": remote.ClusterDomainPatches, "dpp": remote.DomainPatchPolicies,
		"vm": remote.VirtualMachines, "vmi": remote.VirtualMachineInstances, "bundle": remote.ConfigMaps,
	}[kind]
	selection := remote.Selection{Namespace: namespace}
	switch kind {
	case "cdp", "dpp":
		selection.Namespace = ""
	case "bundle":
		selection.Labels = bundleLabels
	}
	var names []string
	err := remote.List(ctx, c.Reader, resource, selection, func(items []object) error {
		for i := range items {
			names = append(names, items[i].Name)
		}
		return nil
	})
	return names, err
}
