// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// testMigration creates VMIs that say that they are migration targets.
func testMigration(t *testing.T, s *suite) {
	ns, kv := s.Namespace(t, "migration"), s.Namespace(t, "kv")
	s.Add(t, domainPatch(ns, "a"), clusterPatch("migrating"), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": map[string]any{"namespace": kv, "name": "kubevirt"}}})
	cases := map[string]struct {
		reason string
		user   string
		patch  string // the label that refers to it
		status map[string]any
		err    []string
	}{
		"user":        {"a status that a user made up", "alice", ref + "a", map[string]any{"migrationState": map[string]any{"targetPod": "p"}}, []string{"status.migrationState"}},
		"empty":       {"an empty one", "alice", ref + "a", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"other":       {"an account of that name elsewhere", "system:serviceaccount:vms:kubevirt-controller", ref + "a", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"neighbour":   {"an account of KubeVirt's namespace that is not KubeVirt's", "system:serviceaccount:kv:default", ref + "a", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"longer":      {"a namespace whose name begins like KubeVirt's", "system:serviceaccount:kv-2:kubevirt-controller", ref + "a", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"certificate": {"a user that a certificate names, and no account", "kv:kubevirt-controller", ref + "a", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"within":      {"and one with the account's name in it", "x:system:serviceaccount:kv:kubevirt-controller", ref + "a", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"controller":  {"KubeVirt's own", "system:serviceaccount:kv:kubevirt-controller", ref + "a", map[string]any{"migrationState": map[string]any{}}, nil},
		"status":      {"another status", "alice", ref + "a", map[string]any{"phase": "Pending", "migrationState": nil}, nil},
		"cluster":     {"whatever binds", "alice", clusterRef + "migrating", map[string]any{"migrationState": map[string]any{}}, []string{"status.migrationState"}},
		"unpatched":   {"no patch to leave out", "alice", "", map[string]any{"migrationState": map[string]any{}}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			config := rest.CopyConfig(s.Env.Config)
			config.Impersonate = rest.ImpersonationConfig{UserName: tc.user, Groups: []string{"system:masters"}}
			c, err := client.New(config, client.Options{Scheme: testcluster.Scheme(t)})
			if err != nil {
				t.Fatal(err)
			}
			object := vmi(ns, name)
			if tc.patch != "" {
				object = vmi(ns, name, tc.patch, "true")
			}
			object.Object["status"] = tc.status
			wantError(t, c.Create(t.Context(), object), tc.err, tc.reason)
		})
	}
}
