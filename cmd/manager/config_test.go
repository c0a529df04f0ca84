// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// object reads the one object of a kind in a file of config.
func object(t *testing.T, file, kind string, into client.Object) {
	t.Helper()
	for _, o := range parseManifests(t, file) {
		if u := o.(*unstructured.Unstructured); u.GetKind() == kind {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, into, true); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			return
		}
	}
	t.Fatalf("%s has no %s", file, kind)
}

// TestSelectors wants what is about the manager's pods to find them, and their ports.
func TestSelectors(t *testing.T) {
	var deployment appsv1.Deployment
	var budget policyv1.PodDisruptionBudget
	var policy networkingv1.NetworkPolicy
	var webhook, metrics corev1.Service
	object(t, "manager/manager.yaml", "Deployment", &deployment)
	object(t, "manager/manager.yaml", "PodDisruptionBudget", &budget)
	object(t, "network-policy/manager.yaml", "NetworkPolicy", &policy)
	object(t, "webhook/service.yaml", "Service", &webhook)
	object(t, "prometheus/service.yaml", "Service", &metrics)

	pod := deployment.Spec.Template
	for name, selector := range map[string]map[string]string{
		"Deployment": deployment.Spec.Selector.MatchLabels, "PodDisruptionBudget": budget.Spec.Selector.MatchLabels,
		"NetworkPolicy": policy.Spec.PodSelector.MatchLabels, "Service of the webhooks": webhook.Spec.Selector, "Service of the metrics": metrics.Spec.Selector,
	} {
		if !maps.Equal(selector, pod.Labels) {
			t.Errorf("%s selects %v, the pods have %v", name, selector, pod.Labels)
		}
	}
	ports := map[string]string{}
	for _, port := range pod.Spec.Containers[0].Ports {
		ports[port.Name] = fmt.Sprint(port.ContainerPort)
	}
	for _, named := range []string{webhook.Spec.Ports[0].TargetPort.StrVal, metrics.Spec.Ports[0].TargetPort.StrVal,
		policy.Spec.Ingress[0].Ports[0].Port.StrVal, policy.Spec.Ingress[1].Ports[0].Port.StrVal} {
		if ports[named] == "" {
			t.Errorf("there is no port %q in %v", named, ports)
		}
	}
	flags := (&options{}).flags()
	for name, of := range map[string]string{"webhook": "webhook-port", "metrics": "metrics-address", "health": "health-address"} {
		if got := strings.TrimPrefix(flags.Lookup(of).DefValue, ":"); got != ports[name] {
			t.Errorf("the manager's --%s is %s, the container's port %s", of, got, ports[name])
		}
	}
	for _, arg := range pod.Spec.Containers[0].Args {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if flags.Lookup(name) == nil {
			t.Errorf("the manager has no flag %s", arg)
		}
	}
}

// checkPod has the API server judge the Deployment's pod by the rules that the namespace
// enforces, and wants what they do not ask for.
func checkPod(t *testing.T, c *testcluster.Cluster) {
	t.Helper()
	var deployment appsv1.Deployment
	object(t, "manager/manager.yaml", "Deployment", &deployment)
	create := func() error {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: deployment.Namespace, Name: "pod"}, Spec: *deployment.Spec.Template.Spec.DeepCopy()}
		return c.Create(t.Context(), pod, client.DryRunAll)
	}
	if err := create(); err != nil {
		t.Errorf("the manager's pod: %v", err)
	}
	if container := deployment.Spec.Template.Spec.Containers[0].SecurityContext; !*container.ReadOnlyRootFilesystem {
		t.Error("the manager's root file system can be written")
	}
	deployment.Spec.Template.Spec.SecurityContext.RunAsNonRoot = nil
	if err := create(); !apierrors.IsForbidden(err) {
		t.Errorf("a pod that may run as root: %v, want Forbidden", err)
	}
}

// checkNetworkPolicy wants the API server to refuse config/network-policy as it is, and to take
// it the way docs/operations.md says to complete it.
func checkNetworkPolicy(t *testing.T, c *testcluster.Cluster) {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)  ```yaml(\n[^`]*resources: \\[../config/network-policy\\].*?)\n  ```").FindSubmatch(text)
	if example == nil {
		t.Fatal("docs/operations.md does not say how to complete config/network-policy")
	}
	folder := t.TempDir()
	own := filepath.Join(folder, "own")
	err = errors.Join(os.CopyFS(filepath.Join(folder, "config"), os.DirFS(configFolder)), os.Mkdir(own, 0o700),
		os.WriteFile(filepath.Join(own, "kustomization.yaml"), bytes.ReplaceAll(example[1], []byte("\n  "), []byte("\n")), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for path, valid := range map[string]bool{filepath.Join(folder, "config", "network-policy"): false, own: true} {
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := built.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Create(t.Context(), decode(t, path, text)[0], client.DryRunAll); (err == nil) != valid || err != nil && !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v, want valid: %v\n%s", filepath.Base(path), err, valid, text)
		}
	}
}

// checkUsers binds the roles for users, and asks what they may do.
func checkUsers(t *testing.T, c *testcluster.Cluster) {
	t.Helper()
	ns, other := c.Namespace(t, "of-users"), c.Namespace(t, "of-others")
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	user := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}}
	}
	for name, ref := range map[string]string{"viewer": "domainpatch-view", "editor": "domainpatch-edit", "kubernetes-editor": "edit"} {
		c.Add(t, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, RoleRef: role(ref), Subjects: user(name)})
	}
	for name, ref := range map[string]string{"admin": "domainpatch-admin", "reader": "domainpatch-view"} {
		c.Add(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "users-" + name}, RoleRef: role(ref), Subjects: user(name)})
	}
	const dp, cdp, dpp = "domainpatches", "clusterdomainpatches", "domainpatchpolicies"
	for _, tc := range []struct {
		user, verb, resource, namespace string
		want                            bool
	}{
		{"viewer", "list", dp, ns, true},
		{"viewer", "create", dp, ns, false},
		{"viewer", "list", dp, other, false},
		{"editor", "create", dp, ns, true},
		{"editor", "deletecollection", dp, ns, true},
		{"editor", "create", dp, other, false},
		{"editor", "create", cdp, "", false},
		{"editor", "update", dpp, "", false},
		{"editor", "patch", dp + "/status", ns, false},
		{"kubernetes-editor", "get", dp, ns, false},
		{"kubernetes-editor", "create", dp, ns, false},
		{"reader", "list", dpp, "", true},
		{"reader", "list", cdp, "", true},
		{"reader", "list", dp, other, true},
		{"reader", "update", dpp, "", false},
		{"admin", "create", dp, other, true},
		{"admin", "create", cdp, "", true},
		{"admin", "delete", dpp, "", true},
		{"admin", "patch", dpp + "/status", "", false},
	} {
		resource, sub, _ := strings.Cut(tc.resource, "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: tc.user,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: "domainpatch.kubevirt.io", Resource: resource, Subresource: sub, Namespace: tc.namespace, Verb: tc.verb}}}
		c.Add(t, review)
		if review.Status.Allowed != tc.want {
			t.Errorf("may %s %s %s in %q: %v, want %v", tc.user, tc.verb, tc.resource, tc.namespace, review.Status.Allowed, tc.want)
		}
	}
	for _, o := range parseManifests(t, "rbac/users.yaml") {
		if labels := slices.Collect(maps.Keys(o.GetLabels())); slices.ContainsFunc(labels, func(l string) bool { return strings.Contains(l, "aggregate") }) {
			t.Errorf("ClusterRole %s is aggregated: %v", o.GetName(), labels)
		}
	}
}
