// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// errorPrefix begins the errors of the shim, wherever KubeVirt repeats them.
const errorPrefix = "domainpatch: "

// tally is what is counted for one patch; v1alpha1.DomainPatchStatus says what it means.
type tally struct{ matched, current, outdated, failed int32 }

// count tallies the VMIs of a namespace by the names of its patches.
func count(ctx context.Context, vmis []kubevirt.VirtualMachineInstance, patches []render.Patch, compile render.CompileFunc) (map[string]tally, error) {
	tallies := map[string]tally{}
	c := counter{compile: compile, hashes: map[string]string{}}
	for i := range vmis {
		vmi := &vmis[i]
		bindings, err := render.Bindings(vmi.Labels, render.Namespace{Name: vmi.Namespace}, patches)
		if err != nil || len(bindings) == 0 {
			continue // it would be refused, or start without patches
		}
		current, err := c.isCurrent(ctx, vmi, bindings)
		if err != nil {
			return nil, err
		}
		blamed := blame(vmi.SyncError(), bindings)
		for _, b := range bindings {
			t := tallies[b.Patch.Name]
			t.matched++
			if current {
				t.current++
			} else {
				t.outdated++
			}
			if blamed[b.Patch.Name] {
				t.failed++
			}
			tallies[b.Patch.Name] = t
		}
	}
	return tallies, nil
}

// counter remembers the hashes of bundles, since most VMIs share theirs.
type counter struct {
	compile render.CompileFunc
	hashes  map[string]string // by the names of the patches; empty where they refuse or do not apply
}

// isCurrent tells whether a VMI runs with the bundle that it would get now.
func (c *counter) isCurrent(ctx context.Context, vmi *kubevirt.VirtualMachineInstance, bindings []render.Binding) (bool, error) {
	key, dependsOnVMI := "", false
	for _, b := range bindings {
		key += fmt.Sprintf("%s %t\n", b.Patch.Name, b.Demanded)
		dependsOnVMI = dependsOnVMI || len(b.Patch.Spec.CloudInit) > 0
	}
	hash, known := c.hashes[key]
	if !known || dependsOnVMI {
		var err error
		if hash, err = c.hash(ctx, vmi, bindings); err != nil {
			return false, err
		}
		c.hashes[key] = hash
	}
	return hash != "" && hash == vmi.Annotations[v1alpha1.BundleAnnotation], nil
}

// hash is that of the bundle that a VMI would get now; empty for none.
func (c *counter) hash(ctx context.Context, vmi *kubevirt.VirtualMachineInstance, bindings []render.Binding) (string, error) {
	typed := *vmi // a list leaves kind and apiVersion out
	typed.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("VirtualMachineInstance"))
	text, err := json.Marshal(&typed)
	if err != nil {
		return "", fmt.Errorf("cannot encode VirtualMachineInstance %s/%s: %w", vmi.Namespace, vmi.Name, err)
	}
	parsed, err := render.ParseVMI(text)
	if err != nil {
		return "", err
	}
	b, err := render.Build(ctx, parsed, bindings, nil, render.Compiler{Patch: c.compile, Policy: render.CompilePolicy})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", nil // refused: what it runs with is not what it would get
	}
	return b.SHA256, nil
}

// blame tells which of the bound patches an error of a VM start is about: those that it
// names, or all where it is the shim's but names none.
func blame(syncError string, bindings []render.Binding) map[string]bool {
	_, reason, ok := strings.Cut(syncError, errorPrefix)
	if !ok {
		return nil
	}
	named, all := map[string]bool{}, map[string]bool{}
	for _, b := range bindings {
		all[b.Patch.Name] = true
		if strings.Contains(reason, b.Patch.ID()+": ") {
			named[b.Patch.Name] = true
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}
