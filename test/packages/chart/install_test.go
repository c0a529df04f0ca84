// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestLife installs the chart on a real API server, upgrades and uninstalls it. No operator runs, so every request that
// a webhook has to see is refused.
func TestLife(t *testing.T) {
	s := start(t)
	create(t, s, object("v1", "Namespace", "", namespace, nil))
	out := object("v1", "Namespace", "", "out-of-reach", nil)
	out.SetLabels(map[string]string{"domainpatch.kubevirt.io/inject": "disabled"})
	create(t, s, out)
	before := s.objects(t)

	s.install(t, `{prometheus: {enabled: false}}`)
	s.get(t, policyKind, "", "default")
	s.get(t, crdKind, "", crd)
	patch := object("domainpatch.kubevirt.io/v1alpha1", "DomainPatch", "out-of-reach", "kept", map[string]any{
		"domain": []any{map[string]any{"op": "remove", "path": "/domain/devices/sound"}}})
	create(t, s, patch)
	s.playOperator(t)

	s.upgrade(t, "", `{lockdown: audit, manager: {replicas: 3}}`)
	if replicas := s.get(t, deploymentKind, namespace, "domainpatch-manager").Object["spec"].(map[string]any)["replicas"]; replicas != int64(3) {
		t.Errorf("%v replicas after the upgrade, want 3", replicas)
	}
	s.checkOperatorsPart(t)
	s.upgrade(t, "", `lockdown: enforce`)
	s.get(t, schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"}, "", "domainpatch-vmi-status")
	s.upgrade(t, "", `renderInto: template`)
	s.checkGone(t, webhookKind, "", "domainpatch") // or no VM would start
	s.upgrade(t, "", ``)

	s.uninstall(t)
	want := append(before, "CustomResourceDefinition /clusterdomainpatches.domainpatch.kubevirt.io", "CustomResourceDefinition /"+crd,
		"CustomResourceDefinition /domainpatchpolicies.domainpatch.kubevirt.io", "DomainPatch out-of-reach/kept")
	if diff := cmp.Diff(sorted(want), s.objects(t)); diff != "" {
		t.Errorf("after helm uninstall: -want +got\n%s", diff)
	}
	s.install(t, ``) // again, over what is left
}

// TestOldCRDs upgrades over CRDs of another version: it must be refused, and tell the way out.
func TestOldCRDs(t *testing.T) {
	s := start(t)
	create(t, s, object("v1", "Namespace", "", namespace, nil))
	s.install(t, ``)
	old := s.get(t, crdKind, "", crd)
	column := client.RawPatch(types.JSONPatchType, []byte(`[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]`))
	if err := s.Patch(t.Context(), old, column); err != nil {
		t.Fatal(err)
	}
	s.upgrade(t, "helm show crds CHART | kubectl apply", ``)
	s.upgrade(t, "", `crds: {check: false}`)
	for _, crd := range load(t).CRDObjects() { // what the message says
		for _, definition := range parse(t, string(crd.File.Data)) {
			if err := s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(definition), client.FieldOwner("kubectl"), client.ForceOwnership); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.upgrade(t, "", ``)
}

const crd = "domainpatches.domainpatch.kubevirt.io"

var (
	crdKind        = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	policyKind     = schema.GroupVersionKind{Group: "domainpatch.kubevirt.io", Version: "v1alpha1", Kind: "DomainPatchPolicy"}
	deploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	secretKind     = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
	webhookKind    = schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"}
)

// server is an API server with Helm's actions on it.
type server struct {
	client.Client
	config     *rest.Config
	kubeconfig string
}

func start(t *testing.T) *server {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Setenv("KUBEBUILDER_ASSETS", filepath.Join("..", "..", "..", "bin", "controlplane"))
	}
	env := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute} // on a busy machine
	config, err := env.Start()
	if err != nil {
		t.Fatalf("cannot start a control plane, run make controlplane first: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, env.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	return &server{Client: c, config: config, kubeconfig: file}
}

// helm is a configuration of its own for every action, as with the program.
func (s *server) helm(t *testing.T) *action.Configuration {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	space := namespace
	flags.KubeConfig, flags.Namespace = &s.kubeconfig, &space
	config := action.NewConfiguration()
	if err := config.Init(flags, namespace, "secret"); err != nil {
		t.Fatal(err)
	}
	return config
}

func (s *server) install(t *testing.T, text string) {
	t.Helper()
	install := action.NewInstall(s.helm(t))
	install.ReleaseName, install.Namespace, install.WaitStrategy = "domainpatch", namespace, kube.HookOnlyStrategy
	if _, err := install.RunWithContext(t.Context(), load(t), values(t, text)); err != nil {
		t.Fatalf("helm install: %v", err)
	}
}

// upgrade succeeds, or fails with what is wanted.
func (s *server) upgrade(t *testing.T, want, text string) {
	t.Helper()
	upgrade := action.NewUpgrade(s.helm(t))
	upgrade.Namespace, upgrade.WaitStrategy = namespace, kube.HookOnlyStrategy
	_, err := upgrade.RunWithContext(t.Context(), "domainpatch", load(t), values(t, text))
	switch {
	case want == "" && err != nil:
		t.Fatalf("helm upgrade with %q: %v", text, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Fatalf("helm upgrade with %q: %v, want an error with %q", text, err, want)
	}
}

func (s *server) uninstall(t *testing.T) {
	t.Helper()
	uninstall := action.NewUninstall(s.helm(t))
	uninstall.WaitStrategy = kube.HookOnlyStrategy
	if _, err := uninstall.Run("domainpatch"); err != nil {
		t.Fatalf("helm uninstall: %v", err)
	}
}

// authority is a CA, since the API server takes nothing else for one.
func (s *server) authority() string { return base64.StdEncoding.EncodeToString(s.config.CAData) }

// playOperator writes what the operator writes into objects of the chart.
func (s *server) playOperator(t *testing.T) {
	t.Helper()
	secret := s.get(t, secretKind, namespace, "domainpatch-webhook-certificate")
	secret.Object["data"] = map[string]any{"tls.key": "a2V5"}
	webhook := s.get(t, webhookKind, "", "domainpatch")
	webhooks := webhook.Object["webhooks"].([]any)
	webhooks[0].(map[string]any)["clientConfig"].(map[string]any)["caBundle"] = s.authority()
	for _, object := range []*unstructured.Unstructured{secret, webhook} {
		if err := s.Update(t.Context(), object, client.FieldOwner("manager")); err != nil {
			t.Fatal(err)
		}
	}
}

// checkOperatorsPart finds it unchanged: without the key pair no VM would start until the operator had made another.
func (s *server) checkOperatorsPart(t *testing.T) {
	t.Helper()
	key, _, _ := unstructured.NestedString(s.get(t, secretKind, namespace, "domainpatch-webhook-certificate").Object, "data", "tls.key")
	webhooks := s.get(t, webhookKind, "", "domainpatch").Object["webhooks"].([]any)
	ca, _, _ := unstructured.NestedString(webhooks[0].(map[string]any), "clientConfig", "caBundle")
	if key != "a2V5" || ca != s.authority() {
		t.Errorf("the upgrade left the key %q and the CA %q", key, ca)
	}
}

func (s *server) get(t *testing.T, kind schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
	return object
}

func (s *server) checkGone(t *testing.T, kind schema.GroupVersionKind, namespace, name string) {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); !apierrors.IsNotFound(err) {
		t.Errorf("%s %s: %v, want it gone", kind.Kind, name, err)
	}
}

// objects lists all objects there are by kind and name, but for those that come and go by themselves.
func (s *server) objects(t *testing.T) []string {
	t.Helper()
	lists, err := discovery.NewDiscoveryClientForConfigOrDie(s.config).ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, list := range lists {
		for _, resource := range list.APIResources {
			if strings.Contains("Event Lease EndpointSlice Endpoints APIService", resource.Kind) || !strings.Contains(resource.Verbs.String(), "list") {
				continue
			}
			items := &unstructured.UnstructuredList{}
			items.SetGroupVersionKind(schema.FromAPIVersionAndKind(list.GroupVersion, resource.Kind+"List"))
			if err := s.List(t.Context(), items); err != nil {
				t.Fatalf("%s: %v", resource.Kind, err)
			}
			for _, item := range items.Items {
				found = append(found, item.GetKind()+" "+item.GetNamespace()+"/"+item.GetName())
			}
		}
	}
	return sorted(found)
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func object(version, kind, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind}}
	object.SetNamespace(namespace)
	object.SetName(name)
	if spec != nil {
		object.Object["spec"] = spec
	}
	return object
}

func create(t *testing.T, s *server, object *unstructured.Unstructured) {
	t.Helper()
	if err := s.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}
