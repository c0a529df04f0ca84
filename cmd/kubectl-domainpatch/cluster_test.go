// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestClusterScripts runs the scripts of testdata/cluster, each against an API server of its own.
// Beside the plugin they have
//
//	apply FILE     creates or replaces the objects of a file, with their status
//	start FILE     creates VirtualMachineInstances as the webhook would let them pass now
//	as USER        makes a kubeconfig for a user, who has no rights but those that objects give him
func TestClusterScripts(t *testing.T) {
	roles, err := filepath.Abs("../../config/rbac/users.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cluster",
		Setup: func(e *testscript.Env) error {
			c := &scripted{testcluster.Start(e.T().(testing.TB), testcluster.Options{})} // Run promises a TB
			e.Values[scripted{}] = c
			e.Setenv("ROLES", roles)
			e.Setenv("KUBECONFIG", filepath.Join(e.WorkDir, "kubeconfig"))
			return c.writeKubeconfig(e.Getenv("KUBECONFIG"), envtest.User{Name: "root", Groups: []string{"system:masters"}})
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"apply": func(ts *testscript.TestScript, _ bool, args []string) { forEach(ts, args[0], (*scripted).apply) },
			"start": func(ts *testscript.TestScript, _ bool, args []string) { forEach(ts, args[0], (*scripted).start) },
			"as": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(scripted{}).(*scripted)
				ts.Check(c.writeKubeconfig(ts.Getenv("KUBECONFIG"), envtest.User{Name: args[0]}))
			},
		},
	})
}

// TestNoControlPlane runs the scripts where no API server can be started: that is said, by each of them.
func TestNoControlPlane(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestClusterScripts$")
	cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS=")
	out, err := cmd.CombinedOutput()
	if err == nil || bytes.Contains(out, []byte("panic:")) || !bytes.Contains(out, []byte("KUBEBUILDER_ASSETS is not set")) {
		t.Errorf("got %v and %s, want a failure that names what is missing", err, out)
	}
}

// scripted is the cluster of a script.
type scripted struct{ *testcluster.Cluster }

func (c *scripted) writeKubeconfig(file string, user envtest.User) error {
	added, err := c.Env.AddUser(user, nil)
	if err != nil {
		return err
	}
	data, err := added.KubeConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

func forEach(ts *testscript.TestScript, file string, do func(*scripted, context.Context, *unstructured.Unstructured) error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(ts.ReadFile(file)), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return
		}
		ts.Check(err)
		ts.Check(do(ts.Value(scripted{}).(*scripted), context.Background(), object))
	}
}

// apply creates or replaces an object. Its status speaks of the newest generation.
func (c *scripted) apply(ctx context.Context, object *unstructured.Unstructured) error {
	status, hasStatus := object.Object["status"]
	old := object.DeepCopy()
	err := c.Get(ctx, client.ObjectKeyFromObject(object), old)
	if err == nil {
		object.SetResourceVersion(old.GetResourceVersion())
		err = c.Update(ctx, object)
	} else if client.IgnoreNotFound(err) == nil {
		err = c.Create(ctx, object)
	}
	if err != nil || !hasStatus {
		return err
	}
	object.Object["status"] = status
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		condition.(map[string]any)["lastTransitionTime"] = "2026-01-02T03:04:05Z"
		condition.(map[string]any)["observedGeneration"] = object.GetGeneration()
	}
	if err := unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions"); err != nil {
		return err
	}
	return c.Status().Update(ctx, object)
}

// start creates a VirtualMachineInstance with its bundle.
func (c *scripted) start(ctx context.Context, object *unstructured.Unstructured) error {
	var patches v1alpha1.DomainPatchList
	var clusterPatches v1alpha1.ClusterDomainPatchList
	var policies v1alpha1.DomainPatchPolicyList
	var namespace corev1.Namespace
	if err := errors.Join(c.List(ctx, &patches), c.List(ctx, &clusterPatches), c.List(ctx, &policies),
		c.Get(ctx, client.ObjectKey{Name: object.GetNamespace()}, &namespace)); err != nil {
		return err
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	vmi, err := render.ParseVMI(text)
	if err != nil {
		return err
	}
	bundle, err := render.Render(ctx, vmi, render.Namespace{Name: namespace.Name, Labels: namespace.Labels},
		render.Objects{Patches: render.Patches(patches.Items, clusterPatches.Items), Policies: policies.Items}, render.NewCompiler())
	if err != nil {
		return err
	}
	annotations, err := bundle.Annotations(vmi.Annotations, render.Image{Name: "example/shim:v1"})
	if err != nil {
		return err
	}
	if bundle.Applies() {
		if err := client.IgnoreAlreadyExists(c.Create(ctx, bundles.ConfigMap(bundle, namespace.Name))); err != nil {
			return err
		}
		object.SetAnnotations(annotations)
	}
	return c.Create(ctx, object)
}

// TestNoCluster tells of clusters that cannot answer: an API server of which one answer is known.
func TestNoCluster(t *testing.T) {
	cases := map[string]struct {
		reason string
		code   int
		want   string
	}{
		"NotInstalled": {"no CRDs", http.StatusNotFound, "error: DomainPatch is not installed in this cluster: it has no domainpatches.domainpatch.kubevirt.io of domainpatch.kubevirt.io/v1alpha1: " +
			"install it (kubectl apply -k config/default), or choose another cluster (--context)\n"},
		"Unauthorized": {"a token that has expired", http.StatusUnauthorized, "error: the API server at HOST does not accept your credentials: log in again, or choose another user (--user, --context)\n"},
		"Away":         {"no server", 0, "error: cannot reach the API server at HOST: dial tcp ADDRESS: connect: connection refused: is the cluster up, and the right one chosen (--context, --kubeconfig)?\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.code) }))
			defer server.Close()
			if tc.code == 0 {
				server.Close()
			}
			var out, errs bytes.Buffer
			t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
			code := run(t.Context(), []string{"status", "--server", server.URL}, streams{nil, &out, &errs})
			got := strings.NewReplacer(server.URL, "HOST", strings.TrimPrefix(server.URL, "http://"), "ADDRESS").Replace(errs.String())
			if diff := cmp.Diff(tc.want, got); diff != "" || code != 1 || out.Len() > 0 {
				t.Errorf("exit code %d, stdout %q, stderr, %s (-want +got):\n%s", code, &out, tc.reason, diff)
			}
		})
	}
}
