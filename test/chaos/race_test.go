// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// vmAndPatchTogether applies VMs together with the patch that each demands, the VM first. Half of the
// patches follow at once, and are mostly faster than virt-controller; half a moment later. That no VMI
// is ever without is for the history to say; here, that each VM gets its patch in the end.
func (c *chaos) vmAndPatchTogether() {
	const namespace = "race-demand"
	c.namespace(namespace, labels.Set{})
	r := random(1)
	for i := range *races {
		name := fmt.Sprintf("race-%d", i)
		c.must(c.Create(c.ctx, newVM(namespace, name, labels.Set{demand(name): "true"})))
		if i%2 == 1 {
			c.must(pause(c.ctx, time.Duration(r.IntN(500))*time.Millisecond))
		}
		c.must(c.Create(c.ctx, newPatch(namespace, name, name, nil)))
	}
	c.awaitPods(namespace, *races, nil)
	patched := c.countPatched(namespace, func(name string) string { return kindPatch + " " + namespace + "/" + name })
	c.printf("VM first, then the patch that it demands: %d of %d VMs patched, %d of them refused at first\n", patched, *races, c.refused(namespace))
	c.deleteAll(namespace)
}

// refused is how many VMs of a namespace had their VMI refused at least once.
func (c *chaos) refused(namespace string) int {
	n := 0
	for _, vm := range c.history.all(kindVM) {
		for _, s := range vm.states {
			if vm.key.Namespace == namespace && s.value != "" {
				n++
				break
			}
		}
	}
	return n
}

// selectorThenVM creates patches with a selector, each accepted by one replica, and right after
// it a VM and a bare VMI that it selects, which the other replica has to know.
func (c *chaos) selectorThenVM() {
	const namespace = "race-selector"
	c.namespace(namespace, labels.Set{})
	half := *races / 2
	for i := range *races {
		switch i {
		case 0:
			c.route(0, 1)
		case half:
			c.route(1, 0)
		}
		name := fmt.Sprintf("race-%d", i)
		set := labels.Set{"race": name}
		patch := newPatch(namespace, name, name, set)
		c.must(c.Create(c.ctx, patch))
		vmi := newVMI(namespace, name+"-bare", set)
		vmi.SetAnnotations(map[string]string{noteAfter: patch.ResourceVersion})
		c.must(c.Create(c.ctx, vmi))
		c.must(c.Create(c.ctx, newVM(namespace, name, set)))
	}
	c.route(cluster.AnyManager, cluster.AnyManager)
	c.awaitPods(namespace, 2**races, nil)
	patched := c.countPatched(namespace, func(name string) string {
		return kindPatch + " " + namespace + "/" + strings.TrimSuffix(name, "-bare")
	})
	c.printf("patch with a selector accepted by one replica, then a VM and a VMI through the other: %d of %d patched, %d VMs refused at first\n",
		patched, 2**races, c.refused(namespace))
	c.deleteAll(namespace)
}

// route sends requests about VMIs to one replica and those about patches to another, and waits
// until both are reached: the API server's old connections are gone.
func (c *chaos) route(vmis, others int) {
	c.Helper()
	c.Route(vmis, others)
	c.must(c.Until(c.ctx, "webhooks are reached anew", func(ctx context.Context) error {
		return errors.Join(
			c.Create(ctx, newVMI("default", "probe", nil), client.DryRunAll),
			c.Create(ctx, newPatch("default", "probe", "", nil), client.DryRunAll))
	}))
}

// countPatched counts the VMIs of a namespace that have a patch, and fails the test for the others.
func (c *chaos) countPatched(namespace string, want func(name string) string) int {
	c.Helper()
	check, patched := c.history.checker(c.namespaces), 0
	for _, vmi := range c.history.living(kindVMI) {
		if vmi.key.Namespace != namespace {
			continue
		}
		applied, err := check.applied(vmi, vmi.states[0].value.(instance))
		if _, ok := applied[want(vmi.key.Name)]; !ok || err != nil {
			c.Errorf("VMI %s has %v, not %s: %v", vmi.key, applied, want(vmi.key.Name), err)
			continue
		}
		patched++
	}
	return patched
}
