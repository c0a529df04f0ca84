// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

const (
	configFolder   = "../../config"
	serviceAccount = "system:serviceaccount:domainpatch-system:domainpatch-manager"
)

// TestServes runs the program against an API server, with the rights that config/rbac gives
// it and the webhook configurations of config/webhook, and follows a patch into a VMI.
func TestServes(t *testing.T) {
	t.Parallel()
	c := testcluster.Start(t, testcluster.Options{Webhooks: true})
	install(t, c, "manager", "rbac")
	o := c.Env.WebhookInstallOptions
	m := replica(t, c, "--cert-rotation=false", "--cert-dir", o.LocalServingCertDir,
		"--webhook-host", o.LocalServingHost, "--webhook-port", fmt.Sprint(o.LocalServingPort), "--bundle-sweep-after", "5s")
	m.waitReady(t)
	ns := c.Namespace(t, "vms")
	c.Add(t, kubeVirt(ns), domainPatch(ns, "/domain/title"))
	until(t, "the patch is ready", func(ctx context.Context) error { return isReady(ctx, c, ns) })

	if err := c.Client.Create(t.Context(), domainPatch(ns, "/domain[")); !apierrors.IsInvalid(err) {
		t.Errorf("a patch that does not compile: %v, want Invalid", err)
	}
	missing := vmi(ns, "missing", "none")
	if err := c.Client.Create(t.Context(), missing); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "DomainPatch vms/none does not exist") {
		t.Errorf("a VMI that demands what is missing: %v, want Forbidden", err)
	}
	started := vmi(ns, "started", "a")
	c.Add(t, started)
	name := v1alpha1.BundleConfigMapPrefix + started.GetAnnotations()[v1alpha1.BundleAnnotation][:v1alpha1.BundleIDLength]
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &corev1.ConfigMap{}); err != nil {
		t.Error(err)
	}
	if list := started.GetAnnotations()[v1alpha1.HookSidecarsAnnotation]; !strings.Contains(list, "example/shim:v1") || !strings.Contains(list, name) {
		t.Errorf("hook sidecars %s, want the shim with ConfigMap %s", list, name)
	}
	until(t, "the VMI is counted", func(ctx context.Context) error {
		var dp v1alpha1.DomainPatch
		err := c.Get(ctx, client.ObjectKey{Namespace: ns, Name: "a"}, &dp)
		if s := dp.Status; s.Matched != 1 || s.Current != 1 {
			return fmt.Errorf("status %+v, error %w", s, err)
		}
		return err
	})
	checkRestored(t, c, ns, name)
	checkChanged(t, c, started, name)
	until(t, "events are written", func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := c.List(ctx, &list, client.InNamespace(ns)); err != nil || len(list.Items) < 2 {
			return fmt.Errorf("%d events, error %w", len(list.Items), err)
		}
		return nil
	})
	if log := m.log(t); strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "forbidden") {
		t.Error("the manager lacks something, rights maybe")
	}
	m.stop(t)
}

// checkRestored deletes a bundle that a VMI names, and has a VMI name one that nobody ever had.
func checkRestored(t *testing.T, c *testcluster.Cluster, namespace, configMap string) {
	t.Helper()
	key := client.ObjectKey{Namespace: namespace, Name: configMap}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: configMap}}
	if err := c.Delete(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	until(t, "the bundle is restored", func(ctx context.Context) error { return c.Get(ctx, key, &corev1.ConfigMap{}) })

	apart := vmi(c.Namespace(t, "apart", v1alpha1.InjectLabel, v1alpha1.InjectDisabled), "lost", "none")
	apart.SetAnnotations(map[string]string{v1alpha1.BundleAnnotation: strings.Repeat("0a", 32)})
	c.Add(t, apart)
	until(t, "the VMI is told that its bundle is lost", func(ctx context.Context) error {
		var list eventsv1.EventList
		err := c.List(ctx, &list, client.InNamespace(apart.GetNamespace()))
		if err == nil && (len(list.Items) != 1 || list.Items[0].Reason != bundles.ReasonBundleLost || list.Items[0].Regarding.UID != apart.GetUID()) {
			err = fmt.Errorf("events %v", list.Items)
		}
		return err
	})
}

// checkChanged changes the patch of a VMI: neither the VMI nor its bundle are touched, and no other
// bundle is written. When the VMI is gone its bundle goes, too.
func checkChanged(t *testing.T, c *testcluster.Cluster, running *unstructured.Unstructured, configMap string) {
	t.Helper()
	ns := running.GetNamespace()
	var before, after corev1.ConfigMapList
	if err := c.List(t.Context(), &before, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	dp := domainPatch(ns, "/domain/title")
	if err := c.Patch(t.Context(), dp, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"domain":[{"op":"set","path":"/domain/title","value":"y"}]}}`))); err != nil {
		t.Fatal(err)
	}
	until(t, "the VMI is outdated", func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKeyFromObject(dp), dp)
		if s := dp.Status; err == nil && (s.Outdated != 1 || s.Current != 0) {
			err = fmt.Errorf("status %+v", s)
		}
		return err
	})
	version := running.GetResourceVersion()
	if err := errors.Join(c.Get(t.Context(), client.ObjectKeyFromObject(running), running), c.List(t.Context(), &after, client.InNamespace(ns))); err != nil {
		t.Fatal(err)
	}
	if running.GetResourceVersion() != version {
		t.Error("a changed patch touched a VMI")
	}
	if diff := cmp.Diff(before.Items, after.Items); diff != "" {
		t.Errorf("a changed patch wrote bundles (-before +after):\n%s", diff)
	}
	if err := c.Delete(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	until(t, "the bundle is swept", func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKey{Namespace: ns, Name: configMap}, &corev1.ConfigMap{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is still there, error %w", err)
	})
}

// TestRotates runs two replicas that make their own certificate, in a cluster where all of
// config is installed, first without KubeVirt. The test plays the kubelet, which mounts the Secret.
func TestRotates(t *testing.T) {
	t.Parallel()
	c := testcluster.Start(t, testcluster.Options{NoKubeVirt: true})
	install(t, c, "manager", "rbac", "webhook", "lockdown")
	checkPod(t, c)
	checkUsers(t, c)
	checkNetworkPolicy(t, c)
	folder, port := t.TempDir(), freePort(t)
	args := []string{"--lockdown=enforce", "--cert-dir", folder, "--webhook-host", "127.0.0.1", "--webhook-port"}
	first := replica(t, c, append(args, port)...)
	if err := first.ready(t.Context()); err == nil {
		t.Error("ready without a certificate")
	}
	ca := mountCertificate(t, c, folder)
	first.waitReady(t)
	until(t, "the first one leads", func(ctx context.Context) error { return leads(ctx, c) })
	another := freePort(t)
	second := replica(t, c, append(args, another)...)
	second.waitReady(t)
	checkServed(t, port, ca)
	checkServed(t, another, ca) // although it does not lead
	checkInjected(t, c, ca)

	ns := c.Namespace(t, "vms", v1alpha1.InjectLabel, v1alpha1.InjectDisabled) // no service leads to the webhooks here
	c.Add(t, domainPatch(ns, "/domain/title"))
	until(t, "the patch tells that KubeVirt is missing", func(ctx context.Context) error {
		if err := isReady(ctx, c, ns); err == nil || !strings.Contains(err.Error(), v1alpha1.ReasonKubeVirtNotFound) {
			return fmt.Errorf("%w", err)
		}
		return nil
	})
	c.InstallKubeVirtCRDs(t)
	c.Add(t, kubeVirt(ns))
	until(t, "the patch is ready, now that KubeVirt is installed", func(ctx context.Context) error { return isReady(ctx, c, ns) })
	first.stop(t)
	second.stop(t)
}

// leads fails while no replica holds the lease.
func leads(ctx context.Context, c client.Client) error {
	var lease coordinationv1.Lease
	err := c.Get(ctx, client.ObjectKey{Namespace: "domainpatch-system", Name: "domainpatch-manager"}, &lease)
	if err == nil && (lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "") {
		err = errors.New("nobody does")
	}
	return err
}

// mountCertificate waits for the key pair, writes it to the folder, and returns the CA.
func mountCertificate(t *testing.T, c *testcluster.Cluster, folder string) []byte {
	t.Helper()
	var secret corev1.Secret
	until(t, "the certificate is made", func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKey{Namespace: "domainpatch-system", Name: "domainpatch-webhook-certificate"}, &secret)
		if err == nil && len(secret.Data) < 4 {
			err = errors.New("the Secret is empty")
		}
		return err
	})
	for _, name := range []string{"tls.key", "tls.crt"} { // the second one is what the manager waits for
		if err := os.WriteFile(filepath.Join(folder, name), secret.Data[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return secret.Data["ca.crt"]
}

// checkServed wants the webhooks to be served with a certificate for the Service's name.
func checkServed(t *testing.T, port string, ca []byte) {
	t.Helper()
	pool := x509.NewCertPool()
	if block, _ := pem.Decode(ca); block == nil || !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("no CA: %q", ca)
	}
	conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: pool, ServerName: "domainpatch-webhook.domainpatch-system.svc"})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// checkInjected wants every webhook to trust the CA.
func checkInjected(t *testing.T, c *testcluster.Cluster, ca []byte) {
	t.Helper()
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating, lockdown admissionregistrationv1.ValidatingWebhookConfiguration
	key := client.ObjectKey{Name: webhookConfiguration}
	err := errors.Join(c.Get(t.Context(), key, &mutating), c.Get(t.Context(), key, &validating),
		c.Get(t.Context(), client.ObjectKey{Name: lockdownConfiguration}, &lockdown))
	if err != nil {
		t.Fatal(err)
	}
	trusted := map[string][]byte{}
	for _, w := range mutating.Webhooks {
		trusted[w.Name] = w.ClientConfig.CABundle
	}
	for _, w := range append(validating.Webhooks, lockdown.Webhooks...) {
		trusted[w.Name] = w.ClientConfig.CABundle
	}
	if len(trusted) != 9 {
		t.Errorf("%d webhooks, want 9", len(trusted))
	}
	for name, got := range trusted {
		if string(got) != string(ca) {
			t.Errorf("webhook %s trusts %q, want the CA", name, got)
		}
	}
}

func kubeVirt(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt",
		"metadata": map[string]any{"namespace": namespace, "name": "kubevirt"},
		"spec": map[string]any{"configuration": map[string]any{"developerConfiguration": map[string]any{
			"featureGates": []any{"Sidecar"}}}},
	}}
}

func vmi(namespace, name, patch string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"namespace": namespace, "name": name, "labels": map[string]any{
			v1alpha1.DomainPatchReferencePrefix + patch: v1alpha1.ReferenceDemanded}},
	}}
}

func domainPatch(namespace, path string) *v1alpha1.DomainPatch {
	value := "x"
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "a"}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: path, Value: &value}}
	return dp
}

func isReady(ctx context.Context, c client.Client, namespace string) error {
	var dp v1alpha1.DomainPatch
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "a"}, &dp); err != nil {
		return err
	}
	if !meta.IsStatusConditionTrue(dp.Status.Conditions, v1alpha1.ConditionReady) {
		return fmt.Errorf("conditions %v", dp.Status.Conditions)
	}
	return nil
}

// install creates what folders of config hold, the way kubectl does: unknown fields are errors.
func install(t *testing.T, c *testcluster.Cluster, folders ...string) {
	t.Helper()
	strict := client.WithFieldValidation(c.Client, metav1.FieldValidationStrict)
	for _, folder := range folders {
		for _, object := range manifests(t, folder) {
			if err := strict.Create(t.Context(), object); err != nil {
				t.Fatalf("%s: %T %s: %v", folder, object, object.GetName(), err)
			}
		}
	}
}

// manifests reads what a folder of config holds.
func manifests(t *testing.T, folder string) []client.Object {
	t.Helper()
	var k struct{ Resources []string }
	read(t, filepath.Join(configFolder, folder, "kustomization.yaml"), &k)
	var all []client.Object
	for _, file := range k.Resources {
		all = append(all, parseManifests(t, filepath.Join(folder, file))...)
	}
	return all
}

// parseManifests reads the objects in a file of config.
func parseManifests(t *testing.T, file string) []client.Object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(configFolder, file))
	if err != nil {
		t.Fatal(err)
	}
	var all []client.Object
	for _, object := range decode(t, file, text) {
		all = append(all, object)
	}
	return all
}

// decode reads the documents of a YAML file; the name is for errors.
func decode(t *testing.T, name string, text []byte) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), object); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, object)
	}
	return all
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
