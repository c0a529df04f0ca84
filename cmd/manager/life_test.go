// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// life is what the program does in a cluster, in this order: all that needs a right. Each
// scene runs the program with the arguments that it needs, and ends it.
var life = []struct {
	what string
	play func(*testing.T, *testcluster.Cluster)
}{
	{"it makes its certificate", certifies},
	{"it gives VMIs their patches", serves},
	{"it tells of patches that it leaves out", leavesOut},
}

// certifies lets the program make its certificate, and then gives the webhooks the CA of the
// test's own again.
func certifies(t *testing.T, c *testcluster.Cluster) {
	folder := t.TempDir()
	for _, object := range manifests(t, "webhook") {
		if object.GetKind() == "Secret" {
			c.Add(t, object)
		}
	}
	m := replica(t, c, "--cert-dir", folder, "--webhook-host", "127.0.0.1", "--webhook-port", freePort(t))
	ca := mountCertificate(t, c, folder)
	m.waitReady(t)
	until(t, "the CA is in the webhook configurations", func(ctx context.Context) error { return checkCA(ctx, c, ca) })
	m.stop(t)
	trustCA(t, c, c.Env.WebhookInstallOptions.LocalServingCAData)
}

func checkCA(ctx context.Context, c client.Client, ca []byte) error {
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	key := client.ObjectKey{Name: webhookConfiguration}
	if err := errors.Join(c.Get(ctx, key, &mutating), c.Get(ctx, key, &validating)); err != nil {
		return err
	}
	if string(mutating.Webhooks[0].ClientConfig.CABundle) != string(ca) || string(validating.Webhooks[0].ClientConfig.CABundle) != string(ca) {
		return errors.New("another CA")
	}
	return nil
}

func trustCA(t *testing.T, c *testcluster.Cluster, ca []byte) {
	t.Helper()
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	key := client.ObjectKey{Name: webhookConfiguration}
	if err := errors.Join(c.Get(t.Context(), key, &mutating), c.Get(t.Context(), key, &validating)); err != nil {
		t.Fatal(err)
	}
	for i := range mutating.Webhooks {
		mutating.Webhooks[i].ClientConfig.CABundle = ca
	}
	for i := range validating.Webhooks {
		validating.Webhooks[i].ClientConfig.CABundle = ca
	}
	if err := errors.Join(c.Update(t.Context(), &mutating), c.Update(t.Context(), &validating)); err != nil {
		t.Fatal(err)
	}
}

// serve runs the program with the webhooks that the API server calls.
func serve(t *testing.T, c *testcluster.Cluster, args ...string) *process {
	t.Helper()
	o := c.Env.WebhookInstallOptions
	m := replica(t, c, append(args, "--cert-rotation=false", "--cert-dir", o.LocalServingCertDir,
		"--webhook-host", o.LocalServingHost, "--webhook-port", fmt.Sprint(o.LocalServingPort))...)
	m.waitReady(t)
	return m
}

// serves follows a patch into VMIs, in a namespace where something else takes the name of the bundle.
func serves(t *testing.T, c *testcluster.Cluster) {
	metrics, profiles := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	m := serve(t, c, "--metrics-address", metrics, "--profiling-address", profiles)
	ns := c.Namespace(t, "served")
	c.Add(t, kubeVirt(ns), domainPatch(ns, "/domain/title"))
	until(t, "the patch is ready", func(ctx context.Context) error { return isReady(ctx, c, ns) })
	first := vmi(ns, "first", "a")
	c.Add(t, first)
	name := v1alpha1.BundleConfigMapPrefix + first.GetAnnotations()[v1alpha1.BundleAnnotation][:v1alpha1.BundleIDLength]
	bundle := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	foreign := bundle.DeepCopy()
	if err := c.Delete(t.Context(), bundle); err != nil {
		t.Fatal(err)
	}
	c.Add(t, foreign, vmi(ns, "second", "a"))
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(bundle), bundle); err != nil || bundle.Data[v1alpha1.BundleKey] == "" {
		t.Errorf("the bundle was not put in the place of a foreign ConfigMap: %v, %v", bundle, err)
	}
	checkMetrics(t, metrics)
	checkAlerted(t, "controller_runtime|leader_election", func() (string, error) { return get(t.Context(), metrics, "/metrics") })
	checkProfiles(t, m, metrics, profiles)
	m.stop(t)

	if err := c.Create(t.Context(), vmi(ns, "unserved", "a")); !apierrors.IsInternalError(err) {
		t.Errorf("a VMI without webhooks: %v, want an internal error", err)
	}
	checkAlerted(t, "apiserver", func() (string, error) {
		client, err := kubernetes.NewForConfig(c.Env.Config)
		if err != nil {
			return "", err
		}
		text, err := client.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
		if want := `error_type="calling_webhook_error",name="mutate.vmi.domainpatch.kubevirt.io"`; !bytes.Contains(text, []byte(want)) {
			err = errors.Join(err, fmt.Errorf("the API server has no metric with %s", want))
		}
		return string(text), err
	})
}

// checkAlerted wants metrics of others to exist by which alerts are raised: those in
// config/prometheus/rules.yaml that begin with one of the prefixes.
func checkAlerted(t *testing.T, prefixes string, read func() (string, error)) {
	t.Helper()
	text, err := read()
	if err != nil {
		t.Error(err)
	}
	rules, err := os.ReadFile(filepath.Join(configFolder, "prometheus", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\b(?:`+prefixes+`)_\w+`).FindAllString(string(rules), -1)
	if len(names) == 0 {
		t.Errorf("no alert is raised by a metric that begins with %s", prefixes)
	}
	for _, name := range names {
		if !strings.Contains(text, "\n"+name+"{") {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// checkMetrics wants labels to have the values that docs/operations.md lists, and no others.
func checkMetrics(t *testing.T, address string) {
	t.Helper()
	text, err := get(t.Context(), address, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	documented, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, series := range regexp.MustCompile(`(?m)^(domainpatch_\w+)(?:{(.*)})? `).FindAllStringSubmatch(text, -1) {
		n++
		row := regexp.MustCompile("(?m)^\\| `" + series[1] + "` .*$").Find(documented)
		for _, l := range regexp.MustCompile(`(\w+)="(.*?)"`).FindAllStringSubmatch(series[2], -1) {
			if !regexp.MustCompile("`" + l[1] + "`: [^;|]*\\b" + regexp.QuoteMeta(l[2]) + "\\b").Match(row) {
				t.Errorf("docs/operations.md does not list the series %s", series[0])
			}
		}
		if row == nil {
			t.Errorf("docs/operations.md does not list the metric %s", series[1])
		}
	}
	if n == 0 {
		t.Errorf("no metrics:\n%s", text)
	}
}

// checkProfiles wants profiles at their own address alone.
func checkProfiles(t *testing.T, m *process, metrics, profiles string) {
	t.Helper()
	for address, want := range map[string]bool{profiles: true, metrics: false, m.health: false} {
		if _, err := get(t.Context(), address, "/debug/pprof/cmdline"); (err == nil) != want {
			t.Errorf("profiles at %s: %v, want %v", address, err, want)
		}
	}
}

// leavesOut creates VMIs that a patch binds and cannot apply to, until the events of that are
// counted up, which takes two of them between two changes of the patch's status.
func leavesOut(t *testing.T, c *testcluster.Cluster) {
	m := serve(t, c)
	ns := c.Namespace(t, "left-out")
	dp := domainPatch(ns, "/domain/title")
	dp.Spec.FailurePolicy = v1alpha1.FailurePolicyIgnore
	dp.Spec.Selector = &metav1.LabelSelector{}
	dp.Spec.CloudInit = []v1alpha1.CloudInitRule{{Target: "userData", Op: "add", Path: "/x", Expression: "1"}}
	c.Add(t, dp)
	n := 0
	until(t, "an event has become a series", func(ctx context.Context) error {
		n++
		return errors.Join(c.Create(ctx, vmi(ns, fmt.Sprint("vmi-", n), "a")), hasSeries(ctx, c, ns))
	})
	m.stop(t)
}

func hasSeries(ctx context.Context, c client.Client, namespace string) error {
	var list eventsv1.EventList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range list.Items {
		if list.Items[i].Series != nil {
			return nil
		}
	}
	return fmt.Errorf("none of %d events", len(list.Items))
}
