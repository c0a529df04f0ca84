// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/domainpatch/domainpatch/controllers/remote"
)

// server answers every request with a status and a text, and keeps the request.
func server(t *testing.T, code int, answer string) (reader *remote.Reader, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.String())
		if strings.HasPrefix(answer, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return newReader(t, s.URL), asked
}

func newReader(t *testing.T, host string) *remote.Reader {
	t.Helper()
	reader, err := remote.New(&rest.Config{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

func status(code int, reason string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"of the server","reason":%q,"code":%d}`, reason, code)
}

// TestErrors tells what goes wrong in reading, and what the user is told to do.
func TestErrors(t *testing.T) {
	cases := map[string]struct {
		reason   string
		code     int
		answer   string
		resource remote.Resource
		scope    remote.Selection
		want     []string
	}{
		"Forbidden": {"our role", 403, status(403, "Forbidden"), remote.DomainPatches, remote.Selection{Namespace: "vms"},
			[]string{"you may not list domainpatches.domainpatch.kubevirt.io in namespace vms", "ClusterRole domainpatch-view"}},
		"ForbiddenEverywhere": {"the other way out", 403, status(403, "Forbidden"), remote.VirtualMachineInstances, remote.Selection{},
			[]string{"you may not list virtualmachineinstances.kubevirt.io:", "kubevirt.io:view in all namespaces", "--namespace (-n)"}},
		"ForbiddenCluster": {"kinds without namespaces", 403, status(403, "Forbidden"), remote.ClusterDomainPatches, remote.Selection{},
			[]string{"domainpatch-view, bound in the cluster"}},
		"ForbiddenCore": {"Kubernetes' own kinds", 403, status(403, "Forbidden"), remote.ConfigMaps, remote.Selection{Namespace: "vms"},
			[]string{"you may not list configmaps in namespace vms", "Kubernetes' ClusterRole view"}},
		"NotInstalled": {"our CRDs are missing", 404, "404 page not found\n", remote.DomainPatches, remote.Selection{},
			[]string{"DomainPatch is not installed in this cluster", "domainpatch.kubevirt.io/v1alpha1", "kubectl apply -k config/default"}},
		"NoKubeVirt": {"KubeVirt's are", 404, "404 page not found\n", remote.VirtualMachines, remote.Selection{},
			[]string{"KubeVirt is not installed in this cluster"}},
		"Unauthorized": {"a token has expired", 401, status(401, "Unauthorized"), remote.DomainPatches, remote.Selection{},
			[]string{"does not accept your credentials", "--context"}},
		"Expired": {"a list took too long", 410, status(410, "Expired"), remote.DomainPatches, remote.Selection{}, []string{"try again"}},
		"Broken":  {"the server's own words", 500, status(500, "InternalError"), remote.DomainPatches, remote.Selection{}, []string{"cannot list domainpatches", "of the server"}},
		"Garbage": {"not JSON", 200, "<html>", remote.DomainPatches, remote.Selection{}, []string{"cannot list domainpatches", "not understood"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reader, _ := server(t, tc.code, tc.answer)
			_, err := remote.ListAll[json.RawMessage](t.Context(), reader, tc.resource, tc.scope)
			check(t, err, tc.reason, tc.want...)
		})
	}
}

func check(t *testing.T, err error, reason string, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, %s", reason)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q, %s", err, part, reason)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has several lines", err)
	}
}

// TestGetErrors tells an unknown object from an unknown kind.
func TestGetErrors(t *testing.T) {
	reader, _ := server(t, 404, status(404, "NotFound"))
	_, err := remote.Get[json.RawMessage](t.Context(), reader, remote.DomainPatches, "vms", "acme")
	var missing *remote.NotFound
	if !errors.As(err, &missing) {
		t.Errorf("%v is no NotFound", err)
	}
	check(t, err, "the object", `there is no DomainPatch "acme" in namespace vms`)

	reader, _ = server(t, 404, "404 page not found\n")
	_, err = remote.Get[json.RawMessage](t.Context(), reader, remote.DomainPatches, "vms", "acme")
	var absent *remote.NotInstalled
	if !errors.As(err, &absent) {
		t.Errorf("%v is no NotInstalled", err)
	}
}

// TestAway tells of a server that is not there.
func TestAway(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	_, err := remote.ListAll[json.RawMessage](t.Context(), newReader(t, s.URL), remote.DomainPatches, remote.Selection{})
	check(t, err, "where and why", "cannot reach the API server at "+s.URL, "connection refused", "--context")

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := remote.ListAll[json.RawMessage](canceled, newReader(t, s.URL), remote.DomainPatches, remote.Selection{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say that it was canceled", err)
	}
}

// TestPages reads a list of two pages.
func TestPages(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String())
		next, name := "more", "a"
		if r.URL.Query().Get("continue") == next {
			next, name = "", "b"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"metadata":{"continue":%q},"items":[{"metadata":{"name":%q}}]}`, next, name)
	}))
	defer s.Close()
	type object struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	var names []string
	var pages int
	err := remote.List(t.Context(), newReader(t, s.URL), remote.VirtualMachines, remote.Selection{Namespace: "vms", Labels: "a=b"}, func(items []object) error {
		pages++
		for _, item := range items {
			names = append(names, item.Metadata.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" || pages != 2 {
		t.Errorf("%d pages, (-want +got):\n%s", pages, diff)
	}
	const path = "GET /apis/kubevirt.io/v1/namespaces/vms/virtualmachines?"
	want := []string{path + "labelSelector=a%3Db&limit=500", path + "continue=more&labelSelector=a%3Db&limit=500"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
