// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// Names of patches and labels of a bad day. In each namespace there is a patch that VMs demand, one
// that selects VMs, one that some VMs demand before it is there, and one that comes and goes.
// All of the fleet's namespaces have a cluster patch that selects VMs, and any VM may demand another.
const (
	demanded        = "demanded"
	selected        = "selected"
	late            = "late"
	fleeting        = "fleeting"
	demandedCluster = "fleet-demanded"
	selectedCluster = "fleet-selected"
)

var (
	servers = map[string]string{"role": "server"}
	fleet   = map[string]string{"example.com/fleet": "true"}
)

// day is a bad day.
type day struct {
	*chaos
	namespaces []string
	version    map[string]int // of each patch that changes, by namespace and name
	created    int            // VMs
	killed     int            // managers
	changes    int            // of patches
	restarts   int            // of the API server
	touched    map[string]bool
}

// badDay creates VMs while managers are killed and started again, patches change, and the API
// server restarts in the middle of it.
func (c *chaos) badDay() {
	begin := time.Now()
	d := &day{chaos: c, version: map[string]int{}, touched: map[string]bool{}}
	d.begin()
	r := random(0)
	for d.killed < *kills {
		d.round(r)
	}
	d.must(d.createVMs(d.ctx, *vms-d.created))
	d.must(d.createLatePatches(d.ctx))
	settled := time.Now()
	for i, namespace := range d.namespaces {
		n := (*vms - i + len(d.namespaces) - 1) / len(d.namespaces)
		d.awaitPods(namespace, n, d.nudger())
	}
	d.must(d.AwaitManagers(d.ctx))
	d.summary(begin, settled)
	d.end()
}

// begin makes the namespaces, the last of which is not of the fleet, and the patches that are there
// from the start.
func (d *day) begin() {
	d.Helper()
	for i := range min(5, *vms) {
		namespace, set := fmt.Sprintf("bad-day-%d", i), labels.Set(fleet)
		if i == 4 {
			set = labels.Set{}
		}
		d.namespace(namespace, set)
		d.namespaces = append(d.namespaces, namespace)
		d.must(d.Create(d.ctx, newPatch(namespace, demanded, "1", nil)))
		d.must(d.Create(d.ctx, newPatch(namespace, selected, "1", servers)))
	}
	d.must(d.Create(d.ctx, newClusterPatch(demandedCluster, "1", nil, nil)))
	d.must(d.Create(d.ctx, newClusterPatch(selectedCluster, "1", servers, fleet)))
}

// vm is the VM with a number. All need a patch, most need several.
func (d *day) vm(i int) client.Object {
	set := labels.Set{}
	switch i % 4 {
	case 0:
		set[demand(demanded)] = "true"
	case 1:
		set["role"] = "server"
	case 2:
		set[demand(demanded)], set["role"] = "true", "server"
	case 3:
		set[demand(demanded)], set[demand(late)], set[demand(fleeting)] = "true", "true", v1alpha1.ReferenceOptional
	}
	if i%3 == 0 {
		set[demandCluster(demandedCluster)] = "true"
	}
	return newVM(d.namespaces[i%len(d.namespaces)], fmt.Sprintf("vm-%d", i), set)
}

func (d *day) createVMs(ctx context.Context, n int) error {
	for range max(n, 0) {
		if err := d.create(ctx, d.vm(d.created)); err != nil {
			return err
		}
		d.created++
	}
	return nil
}

// round kills one replica or both at some moment while VMs are created and patches change, and
// starts what it killed a moment later. Half of the rounds wait until both serve, the other half do
// not give them the time.
func (d *day) round(r *rand.Rand) {
	d.Helper()
	victims := []int{r.IntN(2)}
	if r.IntN(3) == 0 {
		victims = []int{0, 1}
	}
	before, down, awaits := randomTime(r), randomTime(r), r.IntN(2) == 0
	n, changes := (*vms-d.created)/(*kills-d.killed), rand.New(rand.NewPCG(r.Uint64(), 0))
	work, ctx := errgroup.WithContext(d.ctx)
	work.Go(func() error { return d.createVMs(ctx, n) })
	work.Go(func() error { return d.changePatches(ctx, changes) })
	if d.restarts == 0 && d.killed >= *kills/2 {
		d.restarts++
		work.Go(func() error { return d.RestartAPIServer(ctx) })
	}
	work.Go(func() error { return d.killAndStart(ctx, victims, before, down) })
	d.must(work.Wait())
	if awaits {
		d.must(d.AwaitManagers(d.ctx))
	}
}

func randomTime(r *rand.Rand) time.Duration { return time.Duration(r.IntN(800)) * time.Millisecond }

// killAndStart is what the bad day is about. The times are no waiting for anything.
func (d *day) killAndStart(ctx context.Context, victims []int, before, down time.Duration) error {
	if err := pause(ctx, before); err != nil {
		return err
	}
	for _, victim := range victims {
		// It may have ended by itself just now; then it is there again soon.
		if err := d.Until(ctx, "a manager can be killed", func(context.Context) error { return d.KillManager(victim) }); err != nil {
			return err
		}
		d.killed++
	}
	if err := pause(ctx, down); err != nil {
		return err
	}
	for _, victim := range victims {
		if err := d.StartManager(victim); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, t time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(t):
		return nil
	}
}

// changePatches gives one patch a new version, and creates or deletes another.
func (d *day) changePatches(ctx context.Context, r *rand.Rand) error {
	namespace := d.namespaces[r.IntN(len(d.namespaces))]
	patches := []client.Object{
		newPatch(namespace, demanded, "", nil), newPatch(namespace, selected, "", nil),
		newClusterPatch(demandedCluster, "", nil, nil), newClusterPatch(selectedCluster, "", nil, nil),
	}
	if err := d.change(ctx, patches[r.IntN(len(patches))]); err != nil {
		return err
	}
	d.changes++
	patch := newPatch(namespace, fleeting, "1", servers)
	return d.retry(ctx, "patch "+fleeting+" comes or goes", func(ctx context.Context) error {
		err := d.Create(ctx, patch)
		if err != nil {
			patch.ResourceVersion = ""
			return client.IgnoreNotFound(d.Delete(ctx, patch))
		}
		return nil
	})
}

func (d *day) change(ctx context.Context, patch client.Object) error {
	key := patch.GetNamespace() + "/" + patch.GetName()
	d.version[key]++
	body := fmt.Appendf(nil, `[{"op":"replace","path":"/spec/domain/0/value","value":"%d"}]`, d.version[key]+1)
	return d.retry(ctx, "patch "+key+" is changed", func(ctx context.Context) error {
		return d.Patch(ctx, patch, client.RawPatch("application/json-patch+json", body))
	})
}

func (d *day) createLatePatches(ctx context.Context) error {
	for _, namespace := range d.namespaces {
		if err := d.create(ctx, newPatch(namespace, late, "1", nil)); err != nil {
			return err
		}
	}
	return nil
}

// nudger touches VMs that have no VMI, every now and then. virt-controller tries again by itself,
// too, after as long a time as it has been refused, which grows to 1000 s.
func (d *day) nudger() func([]string) {
	next := time.Now().Add(time.Minute)
	return func(missing []string) {
		if time.Now().Before(next) {
			return
		}
		next = time.Now().Add(time.Minute)
		for _, key := range missing {
			namespace, name, _ := strings.Cut(key, "/")
			body := fmt.Appendf(nil, `{"metadata":{"annotations":{"chaos.test/touched":%q}}}`, next)
			if d.Patch(d.ctx, newVM(namespace, name, nil), client.RawPatch("application/merge-patch+json", body)) == nil {
				d.touched[key] = true
			}
		}
	}
}

func (d *day) summary(begin, settled time.Time) {
	refused, bundles := 0, 0
	for _, namespace := range d.namespaces {
		refused += d.refused(namespace)
	}
	for _, b := range d.bundles() {
		if strings.HasPrefix(b.key.Namespace, "bad-day-") {
			bundles++
		}
	}
	d.printf("bad day: %d VMs in %d namespaces, %d kills of managers, %d more ends (the API server was away), %d changes of patches, %d API server restarts\n",
		d.created, len(d.namespaces), d.killed, d.ManagerEnds(), d.changes, d.restarts)
	d.printf("bad day: %d VMs had their VMI refused at first; all had VMI and Pod %.0fs after the last kill, %d after they were touched\n",
		refused, time.Since(settled).Seconds(), len(d.touched))
	d.printf("bad day: %d bundles written; %d requests of the test had to be made again; %.0fs in all\n", bundles, d.retries.Load(), time.Since(begin).Seconds())
}

// end deletes everything.
func (d *day) end() {
	d.Helper()
	for _, name := range []string{demandedCluster, selectedCluster} {
		d.must(d.Delete(d.ctx, newClusterPatch(name, "", nil, nil)))
	}
	d.deleteAll(append(d.namespaces, resident)...)
}
