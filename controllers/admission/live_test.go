// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// TestLivePaths: whoever reaches the port of the webhooks says which namespace it is.
func TestLivePaths(t *testing.T) {
	cases := map[string]struct {
		namespace string
		bad       bool
	}{
		"Good":   {"vms", false},
		"Parent": {"..", true},
		"Slash":  {"vms/../../secrets", true},
		"Escape": {"%2e%2e", true},
		"Empty":  {"", true},
		"Query":  {"vms?watch=1", false}, // escaped
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var paths []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				paths = append(paths, r.URL.Path)
				if r.URL.RawQuery != "" {
					t.Errorf("query %q", r.URL.RawQuery)
				}
				_, _ = w.Write([]byte(`{"items":[]}`))
			}))
			defer server.Close()
			config := &rest.Config{Host: server.URL, QPS: -1}
			live, err := NewLive(config, server.Client())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := live.read(t.Context(), tc.namespace); (err != nil) != tc.bad {
				t.Errorf("error %v, want one: %t", err, tc.bad)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, path := range paths {
				if strings.Contains(path, "secrets") || tc.bad && strings.Contains(path, "namespaces") {
					t.Errorf("%s was read", path)
				}
			}
		})
	}
}

// TestLiveErrors: what cannot be read is named, and what is read has to be a list.
func TestLiveErrors(t *testing.T) {
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no right"}`
	cases := map[string]struct {
		path, answer string
		code         int
		want         string
	}{
		"Namespace":      {"/api/v1/namespaces/vms", status, http.StatusForbidden, "cannot read namespace vms: no right"},
		"Patches":        {"/apis/domainpatch.kubevirt.io/v1alpha1/namespaces/vms/domainpatches", status, http.StatusForbidden, "cannot read the DomainPatches of namespace vms: no right"},
		"ClusterPatches": {"/apis/domainpatch.kubevirt.io/v1alpha1/clusterdomainpatches", status, http.StatusForbidden, "cannot read the ClusterDomainPatches: no right"},
		"Policies":       {"/apis/domainpatch.kubevirt.io/v1alpha1/domainpatchpolicies", status, http.StatusForbidden, "cannot read the DomainPatchPolicies: no right"},
		"NoJSON":         {"/apis/domainpatch.kubevirt.io/v1alpha1/domainpatchpolicies", "<html>", http.StatusOK, "cannot read the DomainPatchPolicies: "},
		"NoObject":       {"/apis/domainpatch.kubevirt.io/v1alpha1/domainpatchpolicies", `{"items":[{"metadata":{"name":"p"}},3]}`, http.StatusOK, "cannot read the DomainPatchPolicies: "},
		"WrongType":      {"/apis/domainpatch.kubevirt.io/v1alpha1/clusterdomainpatches", `{"items":[{"metadata":{"name":"p"},"spec":{"order":"x"}}]}`, http.StatusOK, "cannot read the ClusterDomainPatches: ClusterDomainPatch p: "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != tc.path {
					_, _ = w.Write([]byte(`{"items":[]}`))
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tc.code)
				_, _ = w.Write([]byte(tc.answer))
			}))
			defer server.Close()
			live, err := NewLive(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := live.read(t.Context(), "vms"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}
