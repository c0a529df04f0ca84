// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestLintCluster lints what is in a real API server, which has accepted all of it: more than a
// page, with one patch that this version refuses, and two that meet on a VMI.
func TestLintCluster(t *testing.T) {
	cluster := testcluster.Start(t, testcluster.Options{})
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, cluster.Env.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	patch := func(name, path, value string) *v1alpha1.DomainPatch {
		return &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name}, Spec: v1alpha1.DomainPatchSpec{
			Domain: []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: path, Value: &value}}}}
	}
	entry := "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='product']"
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "vms"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other"}},
		patch("broken", "/domain/devices/disk[", "x"),
		patch("red", entry, "x"), patch("blue", entry, "y"),
		patch("denied", "/domain/os/bootmenu/@enable", "yes"),
		&v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "smbios"}, Spec: v1alpha1.DomainPatchPolicySpec{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "vms"}},
			Allow:             []v1alpha1.AllowedPath{{Path: "/domain/sysinfo[@type='smbios']"}}}},
		&kubevirt.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "both", Labels: map[string]string{
			v1alpha1.DomainPatchReferencePrefix + "red": "true", v1alpha1.DomainPatchReferencePrefix + "blue": "true"}}},
	}
	free := patch("free", "/domain/os/bootmenu/@enable", "yes") // no policy selects its namespace
	free.Namespace = "other"
	objects = append(objects, free)
	for i := range 510 {
		objects = append(objects, patch(fmt.Sprintf("p%03d", i), entry, "x"))
	}
	for _, o := range objects {
		if err := cluster.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	var out, errOut bytes.Buffer
	code := run(t.Context(), []string{"lint", "--cluster", "--kubeconfig", kubeconfig}, streams{nil, &out, &errOut})
	if code != 1 {
		t.Errorf("exit code %d, want 1: it refuses one", code)
	}
	for _, want := range []string{
		"DomainPatch vms/broken: error DP003 (does-not-compile): spec.domain[0].path: ",
		"DomainPatch vms/denied: warning DP107 (denied-by-policy): spec.domain[0].path: DomainPatchPolicy smbios does not allow ",
		"DomainPatch vms/red: warning DP110 (conflict): metadata.name: DomainPatch vms/blue writes something else to " + entry,
		"DomainPatch vms/blue: warning DP110 (conflict): metadata.name: DomainPatch vms/red writes",
	} {
		if n := strings.Count(out.String(), "\n"+want) + map[bool]int{true: 1}[strings.HasPrefix(out.String(), want)]; n != 1 {
			t.Errorf("%d times %q", n, want)
		}
	}
	if want := "error: 516 objects: 1 error, 3 warnings\n"; errOut.String() != want {
		t.Errorf("got %q, want %q\n%s", &errOut, want, &out)
	}

	out.Reset()
	errOut.Reset()
	code = run(t.Context(), []string{"lint", "--cluster", "--kubeconfig", kubeconfig, "--namespace", "other"}, streams{nil, &out, &errOut})
	if code != 0 || errOut.String() != "2 objects: 0 errors, 0 warnings\n" {
		t.Errorf("in one namespace: exit code %d, %q\n%s", code, &errOut, &out)
	}
}
