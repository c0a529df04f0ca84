// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// BenchmarkCreate creates VMIs through the webhooks, and beside that through a mutating and a
// validating webhook that do nothing. Its numbers are how long one create takes: the median
// and the 99th percentile, in milliseconds. API server, etcd, webhooks and clients share the
// machine's cores.
//
//	go test ./controllers/admission -run '^$' -bench Create -benchtime 300x
func BenchmarkCreate(b *testing.B) {
	s := start(b)
	idle, ours := s.Namespace(b, "idle", v1alpha1.InjectLabel, v1alpha1.InjectDisabled), s.Namespace(b, "ours")
	s.serveIdle(b)
	s.Add(b, domainPatch(ours, "a", everyVMI), domainPatch(ours, "b", everyVMI), domainPatch(ours, "c"), domainPatch(ours, "d"),
		clusterPatch("x", everyVMI), clusterPatch("y"), defaultPolicy(b))
	for _, load := range []struct {
		name     string
		creators int
		pause    time.Duration
	}{{"Idle", 1, 200 * time.Millisecond}, {"Sequential", 1, 0}, {"Parallel", 50, 0}} {
		for _, ns := range []string{idle, ours} {
			b.Run(load.name+"/"+ns, func(b *testing.B) { s.createMany(b, ns, load.creators, load.pause) })
		}
	}
}

var created atomic.Int64

// createMany creates VMIs, each creator one after the other.
func (s *suite) createMany(b *testing.B, ns string, creators int, pause time.Duration) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, creators)
	var all sync.WaitGroup
	for i := range creators {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				object := vmi(ns, fmt.Sprintf("vm-%d", created.Add(1)))
				started := time.Now()
				if err := s.Client.Create(context.Background(), object); err != nil {
					b.Error(err)
				}
				took[i] = append(took[i], time.Since(started))
				time.Sleep(pause)
			}
		})
	}
	all.Wait()
	sorted := slices.Concat(took...)
	slices.Sort(sorted)
	percentile := func(p int) float64 { return float64(sorted[len(sorted)*p/100].Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(percentile(50), "p50-ms")
	b.ReportMetric(percentile(99), "p99-ms")
}

// serveIdle adds a mutating and a validating webhook that let everything be as it is.
func (s *suite) serveIdle(b *testing.B) {
	b.Helper()
	o := s.Env.WebhookInstallOptions
	server := webhook.NewServer(webhook.Options{Host: o.LocalServingHost, Port: o.LocalServingPort + 1, CertDir: o.LocalServingCertDir})
	var calls atomic.Int64
	server.Register("/zz-idle", &ctrladmission.Webhook{Handler: ctrladmission.HandlerFunc(func(context.Context, ctrladmission.Request) ctrladmission.Response {
		calls.Add(1)
		return ctrladmission.Allowed("")
	})})
	go func() {
		if err := server.Start(b.Context()); err != nil {
			b.Error(err)
		}
	}()
	none := admissionregistrationv1.SideEffectClassNone
	url := fmt.Sprintf("https://%s:%d/zz-idle", o.LocalServingHost, o.LocalServingPort+1)
	config := admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: o.LocalServingCAData}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.InjectLabel: v1alpha1.InjectDisabled}}
	rules := []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{"kubevirt.io"}, APIVersions: []string{"v1"}, Resources: []string{"virtualmachineinstances"}},
	}}
	s.Add(b, &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "zz-idle"}, Webhooks: []admissionregistrationv1.MutatingWebhook{{
		Name: "idle.example.org", AdmissionReviewVersions: []string{"v1"}, ClientConfig: config, NamespaceSelector: selector, SideEffects: &none, Rules: rules}}},
		&admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "zz-idle"}, Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "idle.example.org", AdmissionReviewVersions: []string{"v1"}, ClientConfig: config, NamespaceSelector: selector, SideEffects: &none, Rules: rules}}})
	err := wait.PollUntilContextTimeout(b.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_ = s.Client.Create(ctx, vmi("idle", "probe"), client.DryRunAll)
		return calls.Load() >= 2, nil
	})
	if err != nil {
		b.Fatal("the webhooks that do nothing are not called")
	}
}

// defaultPolicy is the policy that is shipped.
func defaultPolicy(t testing.TB) client.Object {
	t.Helper()
	text, err := os.ReadFile("../../config/policy/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := &v1alpha1.DomainPatchPolicy{}
	if err := yaml.UnmarshalStrict(text, p); err != nil {
		t.Fatal(err)
	}
	return p
}
