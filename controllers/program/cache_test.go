// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/program"
	"github.com/domainpatch/domainpatch/controllers/render"
)

func TestCompile(t *testing.T) {
	patch := func(uid string, generation int64, path string) render.Patch {
		value := "x"
		return render.DomainPatch(&v1alpha1.DomainPatch{
			ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "a", UID: types.UID(uid), Generation: generation},
			Spec:       v1alpha1.DomainPatchSpec{Domain: []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: path, Value: &value}}},
		})
	}
	const good, bad = "/domain/title", "/domain["
	cache := program.NewCache()
	first, err := cache.Compile(patch("u", 1, good))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := cache.Compile(patch("u", 1, good)); err != nil || again != first {
		t.Errorf("the same spec was compiled again: error %v", err)
	}
	if _, err := cache.Compile(patch("u", 2, bad)); err == nil {
		t.Error("a new generation was taken for the old one")
	}
	if _, err := cache.Compile(patch("v", 2, good)); err != nil {
		t.Errorf("a patch that was deleted and created again was taken for the old one: %v", err)
	}
	_, wantErr := cache.Compile(patch("u", 2, bad))
	if _, err := cache.Compile(patch("u", 2, bad)); err == nil || err != wantErr { //nolint:errorlint // the very same
		t.Errorf("an error is not remembered: %v", err)
	}
	for _, path := range []string{good, bad} {
		if _, err := cache.Compile(patch("", 0, path)); (err == nil) != (path == good) {
			t.Errorf("%s in a patch that is not stored: %v, which is another patch's", path, err)
		}
	}
}

func TestCompilePolicy(t *testing.T) {
	policy := func(generation int64, path string) *v1alpha1.DomainPatchPolicy {
		return &v1alpha1.DomainPatchPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", Generation: generation},
			Spec:       v1alpha1.DomainPatchPolicySpec{Allow: []v1alpha1.AllowedPath{{Path: path}}},
		}
	}
	compile := program.NewCache().Compiler().Policy
	if err := compile(policy(1, "/domain/title")); err != nil {
		t.Fatal(err)
	}
	err := compile(policy(2, "/domain["))
	if err == nil {
		t.Error("a new generation was taken for the old one")
	}
	if again := compile(policy(2, "/domain[")); again != err { //nolint:errorlint // the very same
		t.Errorf("an error is not remembered: %v", again)
	}
}
