// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package imports holds the direction of dependencies that ARCHITECTURE.md states.
package imports

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/domainpatch/domainpatch/"

func TestImports(t *testing.T) {
	cases := map[string]struct {
		reason    string
		packages  string
		forbidden []string
	}{
		"engine": {
			reason: "the shim and the CLI carry it, and nothing in it is Kubernetes'", packages: "./patch/...",
			forbidden: []string{"k8s.io/", "sigs.k8s.io/", "kubevirt.io/", module + "api"},
		},
		"shim": {
			reason: "every VM carries it", packages: "./shim/... ./cmd/shim",
			forbidden: []string{"k8s.io/", "sigs.k8s.io/", "kubevirt.io/", module + "api", module + "controllers"},
		},
		"api": {
			reason: "users' clients import it", packages: "./api/...",
			forbidden: []string{module + "patch", module + "controllers", "sigs.k8s.io/controller-runtime", "k8s.io/client-go", "kubevirt.io/"},
		},
		"render": {
			reason: "it is pure", packages: "./controllers/render",
			forbidden: []string{"k8s.io/client-go/rest", "k8s.io/client-go/kubernetes", "sigs.k8s.io/controller-runtime", "kubevirt.io/"},
		},
		"playground": {
			reason: "a browser loads it", packages: "./controllers/playground",
			forbidden: []string{"k8s.io/api", "k8s.io/client-go", "sigs.k8s.io/controller-runtime", "kubevirt.io/"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"list", "-deps"}, strings.Fields(tc.packages)...)
			cmd := exec.Command("go", args...)
			cmd.Dir = "../.."
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("go %s: %v", strings.Join(args, " "), err)
			}
			for _, dep := range strings.Fields(string(out)) {
				for _, f := range tc.forbidden {
					if dep == f || strings.HasPrefix(dep, strings.TrimSuffix(f, "/")+"/") {
						t.Errorf("%s imports %s: %s", tc.packages, dep, tc.reason)
					}
				}
			}
		})
	}
}
