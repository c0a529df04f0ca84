// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/program"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestWebhooks asks a real API server, with the webhook configurations that are shipped, which
// calls the webhooks in this process.
func TestWebhooks(t *testing.T) {
	s := start(t)
	t.Run("Binding", func(t *testing.T) { testBinding(t, s) })
	t.Run("ConfigMap", func(t *testing.T) { testConfigMap(t, s) })
	t.Run("Inject", func(t *testing.T) { testInject(t, s) })
	t.Run("Reinvocation", func(t *testing.T) { testReinvocation(t, s) })
	t.Run("Tampering", func(t *testing.T) { testTampering(t, s) })
	t.Run("Update", func(t *testing.T) { testUpdate(t, s) })
	t.Run("Patch", func(t *testing.T) { testPatch(t, s) })
	t.Run("Policy", func(t *testing.T) { testPolicy(t, s) })
	t.Run("Migration", func(t *testing.T) { testMigration(t, s) })
	t.Run("OutOfReach", func(t *testing.T) { testOutOfReach(t, s) })
	t.Run("AtOnce", func(t *testing.T) { testAtOnce(t, s) })
	t.Run("Race", func(t *testing.T) { testRace(t, s) })
	t.Run("Counted", func(t *testing.T) { testCounted(t, s) })
	t.Run("Cluster", func(t *testing.T) { testClusterObjects(t, s) })
	t.Run("Newer", func(t *testing.T) { testNewer(t, s) }) // the last one: it changes the CRDs
}

// suite is a cluster whose webhooks run in this process.
type suite struct {
	*testcluster.Cluster
	*warnings
	webhooks *admission.Webhooks
	events   *events.FakeRecorder
}

func start(t testing.TB) *suite {
	t.Helper()
	cluster := testcluster.Start(t, testcluster.Options{Webhooks: true})
	s := &suite{Cluster: cluster, warnings: &warnings{}, events: events.NewFakeRecorder(100)}
	httpClient, err := rest.HTTPClientFor(cluster.Env.Config)
	if err != nil {
		t.Fatal(err)
	}
	live, err := admission.NewLive(cluster.Env.Config, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	s.webhooks = &admission.Webhooks{
		Live:     live,
		Reader:   cluster.Client,
		Bundles:  &bundles.Store{Reader: cluster.Client, Writer: cluster.Client},
		Compiler: program.NewCache().Compiler(),
		Image:    render.Image{Name: "example/shim:v2"},
		Events:   s.events,
	}
	config := rest.CopyConfig(cluster.Env.Config)
	config.QPS = -1 // as the operator's is by default
	config.WarningHandlerWithContext = s.warnings
	c, err := client.New(config, client.Options{Scheme: testcluster.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	cluster.Client = c
	s.serve(t)
	return s
}

// serve starts the webhooks' server, with two webhooks more that play other people's.
func (s *suite) serve(t testing.TB) {
	t.Helper()
	o := s.Env.WebhookInstallOptions
	server := webhook.NewServer(webhook.Options{Host: o.LocalServingHost, Port: o.LocalServingPort, CertDir: o.LocalServingCertDir})
	s.webhooks.Register(server)
	s.register(t, server, "zz-label", label)
	s.register(t, server, "zz-change", s.change)
	s.register(t, server, "zz-tamper", tamper)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return server.StartedChecker()(nil) == nil, nil
	})
	if err != nil {
		t.Fatal("the webhook server does not start")
	}
}

// register adds a mutating webhook that runs after ours, on VMIs that are labelled with its name.
func (s *suite) register(t testing.TB, server webhook.Server, name string, handle ctrladmission.HandlerFunc) {
	t.Helper()
	server.Register("/"+name, &ctrladmission.Webhook{Handler: handle})
	o := s.Env.WebhookInstallOptions
	url := fmt.Sprintf("https://%s:%d/%s", o.LocalServingHost, o.LocalServingPort, name)
	none, ifNeeded := admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.IfNeededReinvocationPolicy
	s.Add(t, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    name + ".example.org",
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: o.LocalServingCAData},
			ObjectSelector:          &metav1.LabelSelector{MatchLabels: map[string]string{name: "yes"}},
			SideEffects:             &none,
			ReinvocationPolicy:      &ifNeeded,
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"kubevirt.io"}, APIVersions: []string{"v1"}, Resources: []string{"virtualmachineinstances"}},
			}},
		}},
	})
}

// label refers to one more patch.
func label(_ context.Context, _ ctrladmission.Request) ctrladmission.Response {
	return ctrladmission.Patched("", jsonpatch.NewOperation("add", "/metadata/labels/domainpatch.kubevirt.io~1late", "true"))
}

// tamper takes our entry away and puts another one there.
func tamper(_ context.Context, req ctrladmission.Request) ctrladmission.Response {
	var object unstructured.Unstructured
	if err := json.Unmarshal(req.Object.Raw, &object); err != nil {
		return ctrladmission.Errored(500, err)
	}
	entry := object.GetAnnotations()[v1alpha1.HookSidecarsAnnotation]
	entry = strings.Replace(entry, "PreCloudInitIso", "OnDefineDomain", 1)
	entry = strings.Replace(entry, `"OnDefineDomain"]`, `"OnDefineDomain","--allow-exec"]`, 1)
	return ctrladmission.Patched("", jsonpatch.NewOperation("replace", "/metadata/annotations/hooks.kubevirt.io~1hookSidecars", entry))
}

// warnings collects what the API server warns of.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

// take returns the warnings since the last call.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// vmi is a VirtualMachineInstance with labels given as key, value, ... It has a field that
// this program does not know.
func vmi(namespace, name string, labels ...string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec":     map[string]any{"fromTheFuture": "kept"},
	}}
	all := map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	object.SetLabels(all)
	return object
}

func withAnnotations(object *unstructured.Unstructured, annotations map[string]string) *unstructured.Unstructured {
	object.SetAnnotations(annotations)
	return object
}

func withCloudInit(object *unstructured.Unstructured) *unstructured.Unstructured {
	object.Object["spec"].(map[string]any)["volumes"] = []any{map[string]any{"name": "c", "cloudInitNoCloud": map[string]any{"userData": "#cloud-config"}}}
	return object
}

// domainPatch is a patch that compiles and binds by reference only.
func domainPatch(namespace, name string, changes ...func(*v1alpha1.DomainPatch)) *v1alpha1.DomainPatch {
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/description", Value: &name}}
	for _, change := range changes {
		change(dp)
	}
	return dp
}

// clusterPatch is domainPatch for the whole cluster.
func clusterPatch(name string, changes ...func(*v1alpha1.DomainPatch)) *v1alpha1.ClusterDomainPatch {
	cdp := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: name}}
	cdp.Spec.DomainPatchSpec = domainPatch("", name, changes...).Spec
	return cdp
}

// nowhere is a team that no namespace has.
const nowhere = "nowhere"

// policy allows paths in the namespaces of a team.
func policy(name, team string, allow ...string) *v1alpha1.DomainPatchPolicy {
	p := &v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.NamespaceSelector = ofTeam(team)
	for _, path := range allow {
		p.Spec.Allow = append(p.Spec.Allow, v1alpha1.AllowedPath{Path: path})
	}
	return p
}

func ofTeam(team string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"team": team}}
}

func everyVMI(dp *v1alpha1.DomainPatch) { dp.Spec.Selector = &metav1.LabelSelector{} }
func ignore(dp *v1alpha1.DomainPatch)   { dp.Spec.FailurePolicy = v1alpha1.FailurePolicyIgnore }
func broken(dp *v1alpha1.DomainPatch)   { dp.Spec.Domain[0].Path = "/domain[" }

func cloudInit(dp *v1alpha1.DomainPatch) {
	dp.Spec.CloudInit = []v1alpha1.CloudInitRule{{Target: v1alpha1.CloudInitTargetUserData, Op: v1alpha1.CloudInitOpAdd,
		Path: "/package_update", Value: v1alpha1.JSON{Raw: []byte("true")}}}
}

// createUnchecked stores what the webhooks refuse, as what an older version accepted is stored.
func (s *suite) createUnchecked(t *testing.T, object client.Object) {
	t.Helper()
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := s.Get(t.Context(), client.ObjectKey{Name: "domainpatch"}, &configuration); err != nil {
		t.Fatal(err)
	}
	for i := range configuration.Webhooks {
		if strings.HasSuffix(*configuration.Webhooks[i].ClientConfig.URL, admission.PathValidatePatch) ||
			strings.HasSuffix(*configuration.Webhooks[i].ClientConfig.URL, admission.PathValidatePolicy) {
			configuration.Webhooks[i].ObjectSelector = &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "unchecked", Operator: metav1.LabelSelectorOpDoesNotExist}}}
		}
	}
	if err := s.Client.Update(t.Context(), &configuration); err != nil {
		t.Fatal(err)
	}
	object.SetLabels(map[string]string{"unchecked": "yes"})
	// The API server learns of the change of the configuration a moment later.
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return s.Client.Create(ctx, object.DeepCopyObject().(client.Object)) == nil, nil
	})
	if err != nil {
		t.Fatalf("cannot store what the webhooks refuse: %v", err)
	}
}

// wantError wants an error that holds all parts, or none.
func wantError(t *testing.T, err error, parts []string, reason string) {
	t.Helper()
	if (err != nil) != (parts != nil) {
		t.Fatalf("error %v, want one with %q: %s", err, parts, reason)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q: %s", err, part, reason)
		}
	}
}
