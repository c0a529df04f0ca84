// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

const (
	clusterPatches = 10
	// leastPatches give each namespace that races through the manager's webhooks its two, and one of the others.
	leastPatches = clusterPatches + 2*raceNamespaces + 2
)

// patch is one of the fleet, and what it must do, said a second time: nothing here asks the
// code under test which VMIs a patch binds.
type patch struct {
	namespace string // empty: a ClusterDomainPatch
	name      string
	spec      v1alpha1.ClusterDomainPatchSpec
	binds     func(vmi) bool // by its selectors
	refers    func(vmi) bool // VMIs that are planned with a reference
	reference string         // the value of that
}

func (p *patch) matches(v vmi) bool {
	if p.namespace != "" && p.namespace != v.namespace.name {
		return false
	}
	return p.binds != nil && p.binds(v) || p.refers != nil && p.refers(v)
}

func (p *patch) referenceLabel() string {
	if p.namespace == "" {
		return v1alpha1.ClusterDomainPatchReferencePrefix + p.name
	}
	return v1alpha1.DomainPatchReferencePrefix + p.name
}

func (p *patch) key() client.ObjectKey { return client.ObjectKey{Namespace: p.namespace, Name: p.name} }

func (p *patch) String() string {
	if p.namespace == "" {
		return "ClusterDomainPatch " + p.name
	}
	return "DomainPatch " + p.key().String()
}

func (p *patch) object() client.Object {
	if p.namespace == "" {
		return &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: p.name}, Spec: p.spec}
	}
	return &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: p.name}, Spec: p.spec.DomainPatchSpec}
}

// sysinfo is the rule whose value changes when a patch does.
func sysinfo(entry, value string) []v1alpha1.DomainRule {
	return []v1alpha1.DomainRule{
		{Op: "set", Path: "/domain/os/smbios/@mode", Value: new("sysinfo")},
		{Op: "set", Path: fmt.Sprintf("/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='%s']", entry), Value: &value},
	}
}

func set(path, value string) []v1alpha1.DomainRule {
	return []v1alpha1.DomainRule{{Op: "set", Path: path, Value: &value, Expect: "Any"}}
}

func having(label, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{label: value}}
}

func clusterPatch(name string, rules []v1alpha1.DomainRule) *patch {
	return &patch{name: name, spec: v1alpha1.ClusterDomainPatchSpec{DomainPatchSpec: v1alpha1.DomainPatchSpec{Domain: rules}}}
}

// Names of the patches that are changed.
const (
	everywhere = "asset" // the ClusterDomainPatch that every VMI gets
	site       = "site"  // the DomainPatch that every VMI of its namespace gets
)

// wide is the patch that every VMI gets.
func (f *fleet) wide() *patch { return f.patches[0] }

// narrow is a patch that the VMIs of one namespace get.
func (f *fleet) narrow() *patch {
	for _, p := range slices.Backward(f.patches) {
		if p.name == site {
			return p
		}
	}
	return f.wide()
}

// clusterWide are the ClusterDomainPatches: one for all VMIs, one for each tier, some for the VMIs
// of some namespaces, one by reference, and two that no VMI gets.
func clusterWide() []*patch {
	asset := clusterPatch(everywhere, sysinfo("asset", "fleet"))
	asset.spec.Selector = &metav1.LabelSelector{}
	asset.spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "has-vendor",
		Expression: "'smbios.vm.kubevirt.io/baseBoardManufacturer' in vmi.metadata.annotations"}}
	asset.binds = func(vmi) bool { return true }
	patches := []*patch{asset}
	for _, tier := range []struct{ name, path, value string }{
		{"web", "/domain/devices/interface/mtu/@size", "8950"},
		{"db", "/domain/devices/disk[alias/@name='ua-data']/iotune/total_iops_sec", "5000"},
		{"batch", "/domain/devices/disk[alias/@name='ua-data']/driver/@discard", "unmap"},
	} {
		p := clusterPatch("tier-"+tier.name, set(tier.path, tier.value))
		p.spec.Selector = having(tierLabel, tier.name)
		p.binds = func(v vmi) bool { return v.labels[tierLabel] == tier.name }
		patches = append(patches, p)
	}
	windows := clusterPatch("windows", set("/domain/clock/timer[@name='hypervclock']/@present", "yes"))
	windows.spec.Selector = having(osLabel, "windows")
	windows.binds = func(v vmi) bool { return v.labels[osLabel] == "windows" }
	for _, env := range []string{"prod", "staging", "lab"} { // there is no lab
		p := clusterPatch("env-"+env, sysinfo("location", env))
		p.spec.Selector, p.spec.NamespaceSelector = &metav1.LabelSelector{}, having(envLabel, env)
		p.binds = func(v vmi) bool { return v.namespace.env == env }
		patches = append(patches, p)
	}
	debug := clusterPatch("debug", sysinfo("serial", "debug"))
	debug.reference = v1alpha1.ReferenceOptional
	debug.refers = func(v vmi) bool { return v.namespace.env == "dev" && v.labels[tierLabel] == "batch" }
	return append(patches, windows, debug, clusterPatch("unused", sysinfo("version", "1")))
}

// namespaced are n DomainPatches, two in a namespace: one for all of its VMIs, which edits
// cloud-init, too, and one that databases demand. The namespaces of the race have theirs first.
func (f *fleet) namespaced(n int) []*patch {
	owners := append([]*namespace{}, f.patched...)
	for i := 0; len(owners) < (n+1)/2 && i < len(f.namespaces); i++ {
		spread := max(1, len(f.namespaces)/((n+1)/2))
		owners = append(owners, f.namespaces[i*spread%len(f.namespaces)])
	}
	var patches []*patch
	for _, owner := range owners {
		patches = append(patches, sitePatch(owner.name), limitsPatch(owner.name))
	}
	return patches[:n]
}

func sitePatch(namespace string) *patch {
	p := &patch{namespace: namespace, name: site, binds: func(vmi) bool { return true }}
	p.spec.Selector = &metav1.LabelSelector{}
	p.spec.Domain = sysinfo("product", "site")
	p.spec.Domain = append(p.spec.Domain, v1alpha1.DomainRule{Op: "set", Path: "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']",
		Expression: "vmi.metadata.annotations['smbios.vm.kubevirt.io/baseBoardManufacturer']"})
	p.spec.CloudInit = []v1alpha1.CloudInitRule{{Target: "userData", Op: "add", Path: "/write_files/-",
		Value: v1alpha1.JSON{Raw: []byte(`{"path":"/etc/issue","content":"site\n"}`)}}}
	return p
}

func limitsPatch(namespace string) *patch {
	p := &patch{namespace: namespace, name: "limits", reference: v1alpha1.ReferenceDemanded,
		refers: func(v vmi) bool { return v.namespace.name == namespace && v.labels[tierLabel] == "db" }}
	p.spec.Domain = set("/domain/devices/disk[alias/@name='ua-rootdisk']/iotune/total_iops_sec", "500")
	return p
}

// change gives a patch another content, or its first one again.
func (p *patch) change(value string) { p.spec.Domain[1].Value = &value }
