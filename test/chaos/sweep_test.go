// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// swept is about when a bundle is swept after its last VMI: marked after a tenth of sweepAfter, and
// deleted after all of it.
const swept = 11 * sweepAfter / 10

// resident is a namespace with a VMI that stays to the end of the bad day: its bundle must stay, too,
// however often others are swept.
const resident = "resident"

func (c *chaos) createResident() {
	c.namespace(resident, labels.Set{})
	c.must(c.Create(c.ctx, newPatch(resident, demanded, "1", nil)))
	c.must(c.Create(c.ctx, newVMI(resident, "vmi", labels.Set{demand(demanded): "true"})))
}

// sweepAndVMI creates VMIs just when the bundle that they need is about to be swept, several at a
// time. That none is ever without its ConfigMap is for the history to say.
func (c *chaos) sweepAndVMI() {
	const atATime = 20
	c.createResident()
	namespaces, group := []string{}, errgroup.Group{}
	for i := range min(atATime, *races) {
		namespace := fmt.Sprintf("race-sweep-%d", i)
		c.namespace(namespace, labels.Set{})
		namespaces = append(namespaces, namespace)
		c.must(c.Create(c.ctx, newPatch(namespace, demanded, "1", nil)))
		n, r := (*races-i+atATime-1)/atATime, random(uint64(100+i))
		group.Go(func() error { return c.reuse(c.ctx, namespace, n, r) })
	}
	c.must(group.Wait())
	gone := 0
	for _, b := range c.bundles() {
		if b.gone != math.MaxUint64 && slices.Contains(namespaces, b.key.Namespace) {
			gone++
		}
	}
	c.printf("VMI when the bundle that it needs is about to be swept: %d times; the sweep came first %d times\n", *races, gone)
	c.deleteAll(namespaces...)
}

// reuse creates a VMI, and n more, each about when the bundle of the one before is swept.
func (c *chaos) reuse(ctx context.Context, namespace string, n int, r *rand.Rand) error {
	for i := range 1 + n {
		vmi := newVMI(namespace, fmt.Sprintf("vmi-%d", i), labels.Set{demand(demanded): "true"})
		if err := c.Create(ctx, vmi); err != nil {
			return err
		}
		if i == n {
			return nil
		}
		if err := c.Delete(ctx, vmi); err != nil {
			return err
		}
		err := c.Until(ctx, "a VMI is gone", func(ctx context.Context) error {
			if err := c.Get(ctx, client.ObjectKeyFromObject(vmi), vmi); err != nil {
				return client.IgnoreNotFound(err)
			}
			return errors.New("it is not")
		})
		if err != nil {
			return err
		}
		if err := pause(ctx, swept+time.Duration(r.IntN(1000)-500)*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
