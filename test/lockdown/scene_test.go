// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// The users, who have rights in the scenes' namespaces alone; and KubeVirt's accounts.
const (
	owner      = "owner" // of VMs
	admin      = "admin" // of the namespace
	controller = "system:serviceaccount:kubevirt:kubevirt-controller"
	handler    = "system:serviceaccount:kubevirt:kubevirt-handler"
)

// shimImage is the one in config/default.
const shimImage = "domainpatch/shim:dev"

// scene is a namespace in which lockdown is tried in one mode.
type scene struct {
	*cluster.Cluster
	ctx       context.Context
	root      string // of the repository
	mode      admission.LockdownMode
	namespace string
	server    *httptest.Server // of the webhook
	patched   *cluster.VM      // a VM with a patch, which runs
}

// prepare makes the scene of a mode, while lockdown is off.
func prepare(t *testing.T, ctx context.Context, c *cluster.Cluster, root string, mode admission.LockdownMode) *scene {
	t.Helper()
	mux := http.NewServeMux()
	webhooks := admission.Webhooks{Lockdown: admission.Lockdown{Mode: mode, Image: render.Image{Name: shimImage}}}
	webhooks.Register(webhook.NewServer(webhook.Options{WebhookMux: mux}))
	s := &scene{Cluster: c, ctx: ctx, root: root, mode: mode, namespace: string(mode), server: httptest.NewTLSServer(mux)}
	t.Cleanup(s.server.Close)
	rights, err := cluster.ReadKustomization("testdata")
	must(t, err)
	must(t, c.Apply(ctx, rights...))
	for _, namespace := range []string{s.namespace, s.spare()} {
		must(t, c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
		s.bind(t, namespace, owner, "vm-owner")
		s.bind(t, namespace, admin, "system:aggregate-to-admin", "system:aggregate-to-edit", "vm-owner", "namespace-admin-more")
	}
	must(t, c.Create(ctx, s.patch()))
	must(t, c.Create(ctx, s.object("instancetype.kubevirt.io/v1beta1", "VirtualMachineInstancetype", "old", instancetype(hooks(foreign)))))
	must(t, c.Create(ctx, running(s.vm("patched", nil))))
	must(t, c.Create(ctx, running(s.vm("old", hooks(foreign)))))
	must(t, c.Create(ctx, s.vm("stopped", hooks(foreign))))
	must(t, c.Create(ctx, s.typedVM("typed", "old")))
	must(t, c.Create(ctx, s.vm("plain", nil)))
	s.patched, err = c.AwaitPod(ctx, s.key("patched"))
	must(t, err)
	_, err = c.AwaitPod(ctx, s.key("old"))
	must(t, err)
	return s
}

// spare is a namespace that an attempt may take out of the webhooks' reach.
func (s *scene) spare() string { return s.namespace + "-spare" }

func (s *scene) bind(t *testing.T, namespace, user string, roles ...string) {
	t.Helper()
	for _, role := range roles {
		must(t, s.Create(s.ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user + ":" + role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}))
	}
}

// turnOn applies what config/lockdown adds to config/default, with the webhook in this process.
func (s *scene) turnOn(t *testing.T) {
	t.Helper()
	component := map[admission.LockdownMode]string{admission.LockdownAudit: "lockdown-audit", admission.LockdownEnforce: "lockdown"}[s.mode]
	folder := t.TempDir()
	relative, err := filepath.Rel(folder, filepath.Join(s.root, "config"))
	must(t, err)
	text := fmt.Sprintf("resources: [%s/default]\ncomponents: [%s/%s]\n", relative, relative, component)
	must(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600))
	objects, err := cluster.ReadKustomization(folder)
	must(t, err)
	var applied []*unstructured.Unstructured
	for _, object := range objects {
		switch object.GetKind() {
		case "ValidatingWebhookConfiguration":
			if object.GetName() == "domainpatch" {
				continue
			}
			s.point(t, object)
			applied = append(applied, object)
		case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
			applied = append(applied, object)
		case "Deployment":
			s.checkFlag(t, object)
		}
	}
	must(t, s.Apply(s.ctx, applied...))
	s.awaitPolicies(t)
}

// checkFlag wants the manager to run in the mode of the scene.
func (s *scene) checkFlag(t *testing.T, deployment *unstructured.Unstructured) {
	t.Helper()
	containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	args := containers[0].(map[string]any)["args"].([]any)
	if got, want := args[len(args)-1], "--lockdown="+string(s.mode); got != want {
		t.Errorf("the last flag of the manager is %v, want %s", got, want)
	}
}

// point replaces the Service in a webhook configuration by the server.
func (s *scene) point(t *testing.T, configuration *unstructured.Unstructured) {
	t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	webhooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	must(t, err)
	for _, webhook := range webhooks {
		webhook.(map[string]any)["clientConfig"] = map[string]any{
			"url": s.server.URL + admission.PathLockdown, "caBundle": base64.StdEncoding.EncodeToString(ca)}
	}
	must(t, unstructured.SetNestedSlice(configuration.Object, webhooks, "webhooks"))
}

// user is somebody's client.
type user struct {
	client.Client
	config   *rest.Config
	warnings *warnings
}

func (s *scene) as(t *testing.T, name string) *user {
	t.Helper()
	groups := []string{}
	if strings.HasPrefix(name, "system:serviceaccount:kubevirt:") {
		groups = append(groups, "system:masters") // as the harness has it
	}
	config := s.impersonate(name, groups...)
	u := &user{config: config, warnings: &warnings{}}
	config.WarningHandlerWithContext = u.warnings
	var err error
	u.Client, err = client.New(config, client.Options{Scheme: s.Scheme()})
	must(t, err)
	return u
}

// impersonate gives the rights that RBAC gives to a name and groups, and to all who are authenticated.
func (s *scene) impersonate(name string, groups ...string) *rest.Config {
	config := s.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}
	return config
}

// warnings are those of the API server, until they are taken.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

func (w *warnings) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.all, "; ")
	w.all = nil
	return all
}

func (s *scene) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.namespace, Name: name}
}

// patch binds the VMs named patched.
func (s *scene) patch() *v1alpha1.DomainPatch {
	text := "patched"
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "p"}}
	dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"vm": "patched"}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']", Value: &text}}
	return dp
}

// object is one of KubeVirt's with a spec.
func (s *scene) object(apiVersion, kind, name string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind, "spec": spec}}
	object.SetNamespace(s.namespace)
	object.SetName(name)
	return object
}

// vm is a stopped VM whose template has annotations. It is labelled with its name.
func (s *scene) vm(name string, annotations map[string]any) *unstructured.Unstructured {
	return s.object("kubevirt.io/v1", "VirtualMachine", name, vmSpec(name, annotations))
}

func vmSpec(name string, annotations map[string]any) map[string]any {
	return map[string]any{"runStrategy": "Halted", "template": template(name, annotations)}
}

func template(name string, annotations map[string]any) map[string]any {
	metadata := map[string]any{"labels": map[string]any{"vm": name}}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	return map[string]any{"metadata": metadata, "spec": vmiSpec()}
}

func vmiSpec() map[string]any {
	return map[string]any{"domain": map[string]any{"devices": map[string]any{}, "memory": map[string]any{"guest": "64Mi"}}}
}

func (s *scene) vmi(name string, annotations map[string]any) *unstructured.Unstructured {
	vmi := s.object("kubevirt.io/v1", "VirtualMachineInstance", name, vmiSpec())
	vmi.Object["metadata"].(map[string]any)["annotations"] = annotations
	vmi.SetLabels(map[string]string{"vm": name})
	return vmi
}

func running(vm *unstructured.Unstructured) *unstructured.Unstructured {
	vm.Object["spec"].(map[string]any)["runStrategy"] = "Always"
	return vm
}

func instancetype(annotations map[string]any) map[string]any {
	return map[string]any{"cpu": map[string]any{"guest": int64(1)}, "memory": map[string]any{"guest": "64Mi"}, "annotations": annotations}
}

// typedVM is a stopped VM of an instance type.
func (s *scene) typedVM(name, instancetype string) *unstructured.Unstructured {
	vm := s.vm(name, nil)
	vm.Object["spec"].(map[string]any)["instancetype"] = map[string]any{"name": instancetype, "kind": "VirtualMachineInstancetype"}
	unstructured.RemoveNestedField(vm.Object, "spec", "template", "spec", "domain", "memory")
	return vm
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
