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
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// life is what the program does in a cluster, in this order: all that needs a right. Each
// scene runs the program with the arguments that it needs, and ends it.
var life = []struct {
	what string
	play func(*testing.T, *testcluster.Cluster)
}{
	{"it makes its certificate", certifies},
	{"it judges patches and policies of the cluster", judges},
	{"it gives VMIs their patches", serves},
	{"it tells of patches that it leaves out", leavesOut},
	{"it restores and sweeps bundles", keepsBundles},
	{"it renders into templates", rendersTemplates},
}

// certifies lets the program make its certificate, and put its CA into all webhook configurations.
// It then gives the webhooks the CA of the test's own again, and removes those of lockdown.
func certifies(t *testing.T, c *testcluster.Cluster) {
	folder := t.TempDir()
	for _, object := range manifests(t, "webhook") {
		if object.GetObjectKind().GroupVersionKind().Kind == "Secret" {
			c.Add(t, object)
		}
	}
	lockdown := parseManifests(t, "lockdown/webhook.yaml")
	c.Add(t, lockdown...)
	m := replica(t, c, "--lockdown=enforce", "--cert-dir", folder, "--webhook-host", "127.0.0.1", "--webhook-port", freePort(t))
	ca := mountCertificate(t, c, folder)
	m.waitReady(t)
	until(t, "the CA is in the webhook configurations", func(ctx context.Context) error { return checkCA(ctx, c, ca) })
	m.stop(t)
	trustCA(t, c, c.Env.WebhookInstallOptions.LocalServingCAData)
	for _, object := range lockdown {
		if err := c.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

func checkCA(ctx context.Context, c client.Client, ca []byte) error {
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating, lockdown admissionregistrationv1.ValidatingWebhookConfiguration
	key := client.ObjectKey{Name: webhookConfiguration}
	err := errors.Join(c.Get(ctx, key, &mutating), c.Get(ctx, key, &validating), c.Get(ctx, client.ObjectKey{Name: lockdownConfiguration}, &lockdown))
	if err != nil {
		return err
	}
	for _, config := range []admissionregistrationv1.WebhookClientConfig{
		mutating.Webhooks[0].ClientConfig, validating.Webhooks[0].ClientConfig, lockdown.Webhooks[0].ClientConfig,
	} {
		if string(config.CABundle) != string(ca) {
			return errors.New("another CA")
		}
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
	bundle := bundleOf(first)
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

// judges follows patches and policies of the cluster until they are ready, in a cluster
// where a Plugin of KubeVirt's comes.
func judges(t *testing.T, c *testcluster.Cluster) {
	c.InstallPluginCRD(t)
	m := serve(t, c)
	ns := c.Namespace(t, "judged")
	patch := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "judged"}}
	patch.Spec.Domain = domainPatch(ns, "/domain/title").Spec.Domain
	policy := &v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "judged"}}
	policy.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}}
	policy.Spec.Allow = []v1alpha1.AllowedPath{{Path: "/domain/title"}}
	c.Add(t, kubeVirt(ns), patch, policy)
	until(t, "they are ready", func(ctx context.Context) error {
		err := errors.Join(c.Get(ctx, client.ObjectKeyFromObject(patch), patch), c.Get(ctx, client.ObjectKeyFromObject(policy), policy))
		for _, conditions := range [][]metav1.Condition{patch.Status.Conditions, policy.Status.Conditions} {
			if !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) {
				err = errors.Join(err, fmt.Errorf("conditions %v", conditions))
			}
		}
		return err
	})
	m.stop(t)
	if err := errors.Join(c.Delete(t.Context(), patch), c.Delete(t.Context(), policy)); err != nil {
		t.Fatal(err)
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

// keepsBundles has the program find that a bundle is gone that a VMI names, and that one is
// there that none names any more.
func keepsBundles(t *testing.T, c *testcluster.Cluster) {
	m := serve(t, c)
	ns := c.Namespace(t, "kept")
	c.Add(t, kubeVirt(ns), domainPatch(ns, "/domain/title"))
	user := vmi(ns, "user", "a")
	c.Add(t, user)
	bundle := bundleOf(user)
	m.stop(t)
	if err := c.Delete(t.Context(), bundle); err != nil {
		t.Fatal(err)
	}
	m = serve(t, c, "--bundle-sweep-after=1s")
	until(t, "the bundle is restored", func(ctx context.Context) error { return c.Get(ctx, client.ObjectKeyFromObject(bundle), bundle) })
	if err := c.Delete(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	until(t, "the bundle is swept", func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(bundle), bundle); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, error %w", err)
		}
		return nil
	})
	m.stop(t)
}

// bundleOf is the ConfigMap that a VMI names.
func bundleOf(vmi *unstructured.Unstructured) *corev1.ConfigMap {
	id := vmi.GetAnnotations()[v1alpha1.BundleAnnotation][:v1alpha1.BundleIDLength]
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: vmi.GetNamespace(), Name: v1alpha1.BundleConfigMapPrefix + id}}
}

// rendersTemplates has the program render into the template of a VM, and find that the bundle is
// gone and cannot be rendered again. It is the last scene: it takes the webhooks away, as in a
// cluster that allows none.
func rendersTemplates(t *testing.T, c *testcluster.Cluster) {
	err := errors.Join(
		c.Delete(t.Context(), &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: webhookConfiguration}}),
		c.Delete(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: webhookConfiguration}}))
	if err != nil {
		t.Fatal(err)
	}
	m := replica(t, c, "--render-into=template")
	m.waitReady(t)
	ns := c.Namespace(t, "rendered")
	vm := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
		"metadata": map[string]any{"namespace": ns, "name": "a"},
		"spec": map[string]any{"template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{v1alpha1.DomainPatchReferencePrefix + "a": v1alpha1.ReferenceDemanded}},
			"spec":     map[string]any{"domain": map[string]any{}}}},
	}}
	patch := domainPatch(ns, "/domain/title")
	c.Add(t, kubeVirt(ns), patch, vm)
	until(t, "the template names a bundle", func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKeyFromObject(vm), vm)
		if bundleOfTemplate(vm) == "" {
			return errors.Join(err, errors.New("it does not"))
		}
		return err
	})
	m.stop(t)

	bundle := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: v1alpha1.BundleConfigMapPrefix + bundleOfTemplate(vm)[:v1alpha1.BundleIDLength]}}
	if err := errors.Join(c.Delete(t.Context(), patch), c.Delete(t.Context(), bundle)); err != nil {
		t.Fatal(err)
	}
	m = replica(t, c, "--render-into=template")
	until(t, "the bundle that the template names is lost", func(ctx context.Context) error {
		var list eventsv1.EventList
		err := c.List(ctx, &list, client.InNamespace(ns))
		if !slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool { return e.Reason == bundles.ReasonBundleLost }) {
			err = errors.Join(err, fmt.Errorf("none of %d events says so", len(list.Items)))
		}
		return err
	})
	m.stop(t)
}

func bundleOfTemplate(vm *unstructured.Unstructured) string {
	sum, _, _ := unstructured.NestedString(vm.Object, "spec", "template", "metadata", "annotations", v1alpha1.BundleAnnotation)
	return sum
}
