// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// maxWrites is how many DomainPatches of one namespace a pass writes. The others wait for the
// next: one namespace with thousands of them must not hold up the rest of the cluster.
const maxWrites = 200

// Reconciler writes the counts of all patches. It is not safe for concurrent use.
type Reconciler struct {
	Client   client.Client
	Compile  render.CompileFunc
	Events   events.EventRecorder
	Interval time.Duration // see Interval

	changes    changes
	verdicts   *fare.Verdicts
	namespaces map[string]*census // without those that have nothing to count
	ended      time.Time          // the last pass
}

// Reconcile is one pass: it counts the namespaces that changed, and writes what became of that.
func (r *Reconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	if early := r.Interval - time.Since(r.ended); early > 0 {
		return ctrl.Result{RequeueAfter: early}, nil
	}
	defer func() { r.ended = time.Now() }()
	if r.verdicts == nil {
		r.verdicts, r.namespaces = fare.NewVerdicts(r.Compile), map[string]*census{}
	}
	marked, all := r.changes.take()
	left, err := r.pass(ctx, marked, all)
	if err != nil && all {
		r.changes.markAll()
	}
	for namespace := range left {
		r.changes.mark(namespace)
	}
	if err == nil && len(left) > 0 {
		return ctrl.Result{RequeueAfter: max(r.Interval, time.Millisecond)}, nil
	}
	return ctrl.Result{}, err
}

// pass counts namespaces, or all, and returns those that it is not done with.
func (r *Reconciler) pass(ctx context.Context, marked map[string]bool, all bool) (left map[string]bool, err error) {
	var cluster v1alpha1.ClusterDomainPatchList
	if err := r.Client.List(ctx, &cluster, client.UnsafeDisableDeepCopy); err != nil {
		return marked, fmt.Errorf("cannot list ClusterDomainPatches: %w", err)
	}
	if all {
		if marked, err = r.everyNamespace(ctx, marked); err != nil {
			return marked, err
		}
	}
	left = map[string]bool{}
	var errs []error
	for _, namespace := range slices.Sorted(maps.Keys(marked)) {
		done, err := r.countNamespace(ctx, namespace, cluster.Items)
		if err != nil || !done {
			left[namespace] = true
		}
		errs = append(errs, err)
	}
	errs = append(errs, r.writeTotals(ctx, cluster.Items))
	return left, errors.Join(errs...)
}

// everyNamespace adds to marked namespaces all that are or have been there.
func (r *Reconciler) everyNamespace(ctx context.Context, marked map[string]bool) (map[string]bool, error) {
	var list corev1.NamespaceList
	if err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return marked, fmt.Errorf("cannot list namespaces: %w", err)
	}
	all := map[string]bool{}
	maps.Copy(all, marked)
	for i := range list.Items {
		all[list.Items[i].Name] = true
	}
	for namespace := range r.namespaces {
		all[namespace] = true
	}
	return all, nil
}

// countNamespace counts a namespace, and writes what changed of its DomainPatches. It is not
// done where these are too many at once.
func (r *Reconciler) countNamespace(ctx context.Context, name string, cluster []v1alpha1.ClusterDomainPatch) (done bool, err error) {
	var patches v1alpha1.DomainPatchList
	if err := r.Client.List(ctx, &patches, client.InNamespace(name), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("cannot list the DomainPatches of namespace %s: %w", name, err)
	}
	counted, err := r.census(ctx, name, render.Patches(patches.Items, cluster))
	if err != nil {
		return false, err
	}
	if delete(r.namespaces, name); len(counted.patches) > 0 || len(counted.bundles) > 0 {
		r.namespaces[name] = counted
	}
	written := 0
	for _, p := range render.Patches(patches.Items, nil) {
		wrote, err := r.write(ctx, p, counted.patches[fare.NameOf(p)])
		if err != nil {
			return false, err
		}
		if wrote {
			written++
		}
		if written == maxWrites {
			return false, nil
		}
	}
	return true, nil
}

func (r *Reconciler) census(ctx context.Context, name string, patches []render.Patch) (*census, error) {
	var vmis kubevirt.VirtualMachineInstanceList
	if err := r.Client.List(ctx, &vmis, client.InNamespace(name), client.UnsafeDisableDeepCopy); err != nil && !meta.IsNoMatchError(err) {
		return nil, fmt.Errorf("cannot list the VirtualMachineInstances of namespace %s: %w", name, err)
	}
	var namespace corev1.Namespace
	if len(vmis.Items) > 0 {
		if err := r.Client.Get(ctx, client.ObjectKey{Name: name}, &namespace); err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("cannot read namespace %s: %w", name, err)
		}
	}
	var known map[string]fare.Content
	if last := r.namespaces[name]; last != nil {
		known = last.bundles
	}
	c := counter{out: newCensus(), judge: fare.NewJudge(render.Namespace{Name: name, Labels: namespace.Labels}, patches,
		r.verdicts.Compile, cached{r.Client, name}, known)}
	return c.out, c.count(ctx, vmis.Items)
}

// writeTotals adds up the namespaces, for ClusterDomainPatches and metrics.
func (r *Reconciler) writeTotals(ctx context.Context, cluster []v1alpha1.ClusterDomainPatch) error {
	inOrder := slices.Sorted(maps.Keys(r.namespaces))
	var errs []error
	for _, p := range render.Patches(nil, cluster) {
		total := &tally{}
		for _, namespace := range inOrder {
			if t := r.namespaces[namespace].patches[fare.NameOf(p)]; t != nil {
				total.add(t)
			}
		}
		_, err := r.write(ctx, p, total)
		errs = append(errs, err)
	}
	var all census
	for _, c := range r.namespaces {
		all.current, all.outdated, all.failed = all.current+c.current, all.outdated+c.outdated, all.failed+c.failed
	}
	metrics.VMIs.WithLabelValues("current").Set(float64(all.current))
	metrics.VMIs.WithLabelValues("outdated").Set(float64(all.outdated))
	metrics.VMIs.WithLabelValues("failed").Set(float64(all.failed))
	return errors.Join(errs...)
}
