// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/program"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// requests notes what a manager asks the API server for.
type requests struct {
	mu    sync.Mutex
	all   []string // method and URL
	times []time.Time
}

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		r.mu.Lock()
		r.all, r.times = append(r.all, req.Method+" "+req.URL.RequestURI()), append(r.times, time.Now())
		r.mu.Unlock()
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// since are the requests behind the first n that are no watches, and how many requests there are now.
func (r *requests) since(n int) (others []string, now int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.all[n:] {
		if !strings.Contains(line, "watch=true") {
			others = append(others, line)
		}
	}
	return others, len(r.all)
}

// startManager runs the reconciler alone, with a cache as the operator has it.
func startManager(t *testing.T, c *testcluster.Cluster, interval time.Duration) *requests {
	t.Helper()
	asked := &requests{}
	cfg := rest.CopyConfig(c.Env.Config)
	cfg.Wrap(asked.wrap)
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:     testcluster.Scheme(t),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}, // one per test
		Cache: cache.Options{DefaultTransform: kubevirt.Slim(),
			ByObject: map[client.Object]cache.ByObject{&corev1.Event{}: {Field: kubevirt.SyncFailures(), Transform: kubevirt.SlimEvent}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{Client: mgr.GetClient(), Compile: program.NewCache().Compile, Events: mgr.GetEventRecorder("test"), Interval: interval}
	if err := r.SetupWithManager(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return asked
}

// waitFor waits until the numbers of a patch are as wanted.
func waitFor(t *testing.T, c client.Client, patch client.Object, want shorthand, reason string) {
	t.Helper()
	var s v1alpha1.DomainPatchStatus
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		s, _ = statusOf(t, c, patch)
		return shorthand{s.Matched, s.Current, s.Outdated, s.Failed} == want, nil
	})
	if err != nil {
		t.Fatalf("%T: %+v, want %+v: %s", patch, s, want, reason)
	}
}

func merge(t *testing.T, c client.Client, object client.Object, patch string) {
	t.Helper()
	if err := c.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

// TestWatches changes one thing at a time and wants the numbers to follow. Then nothing
// changes that counts, and the manager is to be silent.
func TestWatches(t *testing.T) {
	c := testcluster.Start(t, testcluster.Options{NoKubeVirt: true})
	c.Namespace(t, "vms")
	a, cluster := domainPatch("a"), clusterPatch("c", func(cdp *v1alpha1.ClusterDomainPatch) {
		cdp.Spec.Selector, cdp.Spec.NamespaceSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	})
	c.Add(t, a, cluster)
	asked := startManager(t, c, 100*time.Millisecond)
	c.InstallKubeVirtCRDs(t)
	alone, both := made(t, nil, a), made(t, nil, a, cluster)
	v := stored("vms", vmi(t, "v", alone, labelled(ref+"a")))
	c.Add(t, v)
	waitFor(t, c, a, shorthand{1, 1, 0, 0}, "a VMI, of a kind that was not there when the manager started")
	merge(t, c, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "vms"}}, `{"metadata":{"labels":{"tier":"gold"}}}`)
	waitFor(t, c, cluster, shorthand{1, 0, 1, 0}, "labels of the namespace")
	waitFor(t, c, a, shorthand{1, 0, 1, 0}, "labels of the namespace")
	merge(t, c, cluster, `{"spec":{"namespaceSelector":{"matchLabels":{"tier":"silver"}}}}`)
	waitFor(t, c, cluster, shorthand{}, "the selector of the ClusterDomainPatch")
	waitFor(t, c, a, shorthand{1, 1, 0, 0}, "the selector of the ClusterDomainPatch")

	w := stored("vms", vmi(t, "w", both))
	c.Add(t, w, stored("vms", vmi(t, "z", nil, labelled("probe"))))
	settle(t, c)
	c.Add(t, bundles.ConfigMap(both, "vms"))
	waitFor(t, c, cluster, shorthand{0, 0, 1, 0}, "the bundle of a VMI that nothing binds")
	waitFor(t, c, a, shorthand{1, 1, 1, 0}, "the bundle of a VMI that nothing binds")
	merge(t, c, w, `{"status":{"phase":"Succeeded"}}`)
	waitFor(t, c, cluster, shorthand{}, "it ends")

	merge(t, c, v, `{"status":{"conditions":[{"type":"Synchronized","status":"False","message":"no connection"}]}}`)
	settle(t, c)
	event := syncFailed("e", string(v.GetUID()), fmt.Sprintf(syncError, "no"))
	event.InvolvedObject.Namespace, event.InvolvedObject.Name, event.InvolvedObject.Kind = "vms", "v", "VirtualMachineInstance"
	c.Add(t, event)
	waitFor(t, c, a, shorthand{1, 1, 0, 1}, "an event")
	merge(t, c, v, `{"status":{"conditions":[]}}`)
	waitFor(t, c, a, shorthand{1, 1, 0, 0}, "it starts")
	merge(t, c, v, `{"metadata":{"labels":{"`+ref+`a":null}}}`)
	waitFor(t, c, a, shorthand{0, 0, 1, 0}, "a label")

	_, before := asked.since(0)
	for i := range 20 {
		merge(t, c, v, fmt.Sprintf(`{"status":{"guestOSInfo":{"version":"%d"},"phase":"Running"}}`, i))
	}
	b := domainPatch("b", func(dp *v1alpha1.DomainPatch) { dp.Spec.Selector = &metav1.LabelSelector{} })
	c.Add(t, b)
	waitFor(t, c, b, shorthand{2, 0, 2, 0}, "a new patch")
	others, _ := asked.since(before)
	for _, line := range others {
		if !strings.Contains(line, "/domainpatches/b/status") && !strings.Contains(line, "/events") {
			t.Errorf("%s: want the new patch to be written, and nothing else", line)
		}
	}
	checkStreamed(t, asked)
}

// TestWritesAreApart changes a VMI all the time, and wants no patch to be written more often than agreed.
func TestWritesAreApart(t *testing.T) {
	const interval = 500 * time.Millisecond
	c := testcluster.Start(t, testcluster.Options{})
	c.Namespace(t, "vms")
	a, cluster := domainPatch("a"), clusterPatch("c")
	v := stored("vms", vmi(t, "v", nil))
	c.Add(t, a, cluster, v)
	asked := startManager(t, c, interval)
	const writes = 5
	path := "PATCH /apis/" + v1alpha1.GroupVersion.String() + "/"
	deadline := time.Now().Add(time.Minute)
	for i := 0; len(asked.to(path+"namespaces/vms/domainpatches/a/")) < writes || len(asked.to(path+"clusterdomainpatches/c/")) < writes; i++ {
		value := fmt.Sprint(i%2 == 0)
		merge(t, c, v, fmt.Sprintf(`{"metadata":{"labels":{%q:%q,%q:%q}}}`, ref+"a", value, clusterRef+"c", value))
		if time.Now().After(deadline) {
			t.Fatalf("fewer than %d writes in a minute", writes)
		}
	}
	for _, times := range [][]time.Time{asked.to(path + "namespaces/vms/domainpatches/a/"), asked.to(path + "clusterdomainpatches/c/")} {
		for i := 1; i < len(times); i++ {
			if apart := times[i].Sub(times[i-1]); apart < interval {
				t.Errorf("writes are %v apart, want at least %v", apart, interval)
			}
		}
	}
}

// to are the times of requests that begin so.
func (r *requests) to(prefix string) []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []time.Time
	for i, line := range r.all {
		if strings.HasPrefix(line, prefix) {
			found = append(found, r.times[i])
		}
	}
	return found
}

// settle waits for a pass that saw all that is there now: in it a new patch is counted, for VMI z alone.
func settle(t *testing.T, c *testcluster.Cluster) {
	t.Helper()
	probe := domainPatch("", func(dp *v1alpha1.DomainPatch) {
		dp.GenerateName = "probe-"
		dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"probe": "true"}}
	})
	c.Add(t, probe)
	waitFor(t, c, probe, shorthand{1, 0, 1, 0}, "a probe")
}

// checkStreamed wants the caches to be filled by streams, in which the API server sends one object
// after the other: a list of ten thousand VMIs would be in memory as a whole.
func checkStreamed(t *testing.T, asked *requests) {
	t.Helper()
	asked.mu.Lock()
	defer asked.mu.Unlock()
	streams := 0
	for _, line := range asked.all {
		if strings.Contains(line, "/virtualmachineinstances") {
			if !strings.Contains(line, "watch=true") {
				t.Errorf("%s: want no lists", line)
			}
			if strings.Contains(line, "sendInitialEvents=true") {
				streams++
			}
		}
	}
	if streams == 0 { // a busy API server may end one, and another begins
		t.Error("no stream of VMIs")
	}
}
