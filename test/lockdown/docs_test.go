// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// TestOtherNamespace builds what docs/security.md says for a KubeVirt in another namespace: no
// policy may exempt the accounts of the usual one then.
func TestOtherNamespace(t *testing.T) {
	root, err := cluster.Repository()
	must(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	must(t, err)
	block := regexp.MustCompile("(?s)   ```yaml\n(   patches:.*?)   ```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("docs/security.md has no patches")
	}
	folder := t.TempDir()
	config, err := filepath.Rel(folder, filepath.Join(root, "config"))
	must(t, err)
	kustomization := fmt.Sprintf("resources: [%s/default]\ncomponents: [%s/lockdown]\n", config, config) +
		strings.ReplaceAll(strings.ReplaceAll(block[1], "\n   ", "\n")[3:], "NAMESPACE", "cnv")
	must(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(kustomization), 0o600))
	objects, err := cluster.ReadKustomization(folder)
	must(t, err)
	replaced := 0
	for _, object := range objects {
		conditions, _, err := unstructured.NestedSlice(object.Object, "spec", "matchConditions")
		must(t, err)
		text := fmt.Sprint(conditions)
		if strings.Contains(text, "serviceaccount:kubevirt:") {
			t.Errorf("%s exempts KubeVirt's accounts in namespace kubevirt", object.GetName())
		}
		if strings.Contains(text, "serviceaccount:cnv:kubevirt-") {
			replaced++
		}
	}
	if replaced != 2 {
		t.Errorf("%d policies exempt KubeVirt's accounts, want 2", replaced)
	}
}
