// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Bundle is a ConfigMap with the patches of VMs.
type Bundle struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	SHA256    string `json:"sha256"` // of its content
	Bytes     int    `json:"bytes"`
	// Patches and Policies are what it holds, in order.
	Patches  []string `json:"patches"`
	Policies []string `json:"policies,omitempty"`
	// Users counts the VirtualMachineInstances that name it, and the templates of VMs that do.
	Users int `json:"users"`
	// UsedBy names them, where one bundle was asked for.
	UsedBy []string `json:"usedBy,omitempty"`
	// UnusedSince is when the operator found that nobody names it, in RFC 3339; empty where somebody
	// does or it has not looked yet. It deletes such a bundle ten minutes later, by default.
	UnusedSince string `json:"unusedSince,omitempty"`
	// Why says what is wrong with it.
	Why string `json:"why,omitempty"`
}

// bundleLabels select the ConfigMaps of bundles.
const bundleLabels = v1alpha1.ManagedByLabel + "=" + v1alpha1.ManagedByValue + "," + v1alpha1.BundleIDLabel

// Bundles lists the bundles by namespace and name.
func (c *Cluster) Bundles(ctx context.Context, s Scope) ([]Bundle, error) {
	var all []Bundle
	err := remote.List(ctx, c.Reader, remote.ConfigMaps, remote.Selection{Namespace: s.Namespace, Labels: bundleLabels}, func(items []corev1.ConfigMap) error {
		for i := range items {
			if s.selects(items[i].Labels) {
				all = append(all, bundleOf(&items[i]))
			}
		}
		c.progress("configmaps", len(all))
		return nil
	})
	if err != nil {
		return nil, err
	}
	users, err := c.bundleUsers(ctx, s.Namespace)
	for i := range all {
		all[i].Users = len(users[key{all[i].Namespace, all[i].SHA256}])
	}
	slices.SortFunc(all, func(a, b Bundle) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, err
}

// Bundle gives one bundle, by the name of its ConfigMap.
func (c *Cluster) Bundle(ctx context.Context, namespace, name string) (Bundle, error) {
	configMap, err := remote.Get[corev1.ConfigMap](ctx, c.Reader, remote.ConfigMaps, namespace, name)
	if err != nil {
		return Bundle{}, err
	}
	b := bundleOf(&configMap)
	users, err := c.bundleUsers(ctx, namespace)
	b.UsedBy = users[key{b.Namespace, b.SHA256}]
	b.Users = len(b.UsedBy)
	return b, err
}

func bundleOf(configMap *corev1.ConfigMap) Bundle {
	text := []byte(configMap.Data[v1alpha1.BundleKey])
	b := Bundle{Namespace: configMap.Namespace, Name: configMap.Name, SHA256: bundle.Sum(text), Bytes: len(text),
		Patches: []string{}, UnusedSince: configMap.Annotations[v1alpha1.UnusedSinceAnnotation]}
	decoded, err := bundle.Decode(text)
	switch {
	case err != nil:
		b.Why = "not understood: " + err.Error()
		return b
	case configMap.Name != v1alpha1.BundleConfigMapPrefix+b.SHA256[:v1alpha1.BundleIDLength]:
		b.Why = "its name is not that of its content: somebody changed it"
	}
	for i := range decoded.Patches {
		b.Patches = append(b.Patches, decoded.Patches[i].ID())
	}
	for i := range decoded.Policies {
		b.Policies = append(b.Policies, decoded.Policies[i].Name)
	}
	return b
}

// key is a bundle's content in a namespace.
type key struct{ namespace, sha256 string }

// bundleUsers lists who names which bundle.
func (c *Cluster) bundleUsers(ctx context.Context, namespace string) (map[key][]string, error) {
	users := map[key][]string{}
	add := func(kind, namespace, name string, annotations map[string]string) {
		if hash := annotations[v1alpha1.BundleAnnotation]; hash != "" {
			users[key{namespace, hash}] = append(users[key{namespace, hash}], kind+" "+name)
		}
	}
	selection := remote.Selection{Namespace: namespace}
	err := remote.List(ctx, c.Reader, remote.VirtualMachineInstances, selection, func(items []object) error {
		for i := range items {
			add("VirtualMachineInstance", items[i].Namespace, items[i].Name, items[i].Annotations)
		}
		return nil
	})
	if err = c.tolerate(err, "who uses a bundle is not shown"); err != nil {
		return nil, err
	}
	err = remote.List(ctx, c.Reader, remote.VirtualMachines, selection, func(items []virtualMachine) error {
		for i := range items {
			if t := items[i].Spec.Template; t != nil {
				add("VirtualMachine", items[i].Namespace, items[i].Name, t.Metadata.Annotations)
			}
		}
		return nil
	})
	return users, c.tolerate(err, "templates that name a bundle are not counted")
}
