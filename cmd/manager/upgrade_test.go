// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// stored is a cluster as an older operator left it, see testdata/stored.
type stored struct {
	*testcluster.Cluster
	patches []*unstructured.Unstructured // and a policy
	vmi     *unstructured.Unstructured
	bundle  *corev1.ConfigMap
}

// TestUpgrade starts the program in clusters that older ones left: their objects are served,
// counted and kept.
func TestUpgrade(t *testing.T) {
	folders, err := filepath.Glob("testdata/stored/format-*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("folders %v, error %v", folders, err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			s := store(t, folder)
			m := serve(t, s.Cluster, "--shim-image=registry.example/domainpatch/shim:v0.2.0", "--bundle-sweep-after=1s")
			until(t, "the patches are judged and counted", s.judged)
			s.checkUpdates(t)
			s.checkCreates(t)
			s.checkBundle(t)
			m.stop(t)
		})
	}
}

// store puts the objects of a folder into a cluster, and the webhooks in front of them
// afterwards. The status of patches is wrong, so that it shows whether it is written.
func store(t *testing.T, folder string) stored {
	t.Helper()
	c := testcluster.Start(t, testcluster.Options{})
	install(t, c, "manager", "rbac")
	s := stored{Cluster: c, patches: objectsIn(t, folder, "patches.yaml"), vmi: objectsIn(t, folder, "vmi.yaml")[0], bundle: &corev1.ConfigMap{}}
	read(t, filepath.Join(folder, "bundle.yaml"), s.bundle)
	ns := c.Namespace(t, s.vmi.GetNamespace())
	c.Add(t, kubeVirt(ns), s.bundle.DeepCopy(), s.vmi)
	for _, p := range s.patches {
		status := p.Object["status"].(map[string]any)
		c.Add(t, p)
		status["matched"] = int64(7)
		for _, condition := range status["conditions"].([]any) {
			condition.(map[string]any)["status"] = "Unknown"
		}
		p.Object["status"] = status
		if err := c.Status().Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	webhooks := envtest.WebhookInstallOptions{Paths: []string{
		filepath.Join(configFolder, "webhook", "mutating.yaml"), filepath.Join(configFolder, "webhook", "validating.yaml")}}
	if err := webhooks.Install(c.Env.Config); err != nil {
		t.Fatal(err)
	}
	c.Env.WebhookInstallOptions = webhooks
	return s
}

func objectsIn(t *testing.T, folder, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, file, text)
}

// judged wants all patches and policies to be ready, and patches to bind the one VMI.
func (s stored) judged(ctx context.Context) error {
	var errs []error
	for _, p := range s.patches {
		if err := s.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		status, _, _ := unstructured.NestedMap(p.Object, "status")
		for _, condition := range status["conditions"].([]any) {
			if c := condition.(map[string]any); c["status"] != "True" {
				errs = append(errs, fmt.Errorf("%s: condition %v", p.GetName(), c))
			}
		}
		if p.GetKind() != "DomainPatchPolicy" && (status["matched"] != int64(1) || status["failed"] != int64(0)) {
			errs = append(errs, fmt.Errorf("%s: status %v", p.GetName(), status))
		}
	}
	return errors.Join(errs...)
}

// checkUpdates does what goes on in a cluster: KubeVirt writes the VMI's status, people label
// patches. What must not change does not.
func (s stored) checkUpdates(t *testing.T) {
	t.Helper()
	change := func(object *unstructured.Unstructured, value string, path ...string) error {
		before := object.DeepCopy()
		if err := unstructured.SetNestedField(object.Object, value, path...); err != nil {
			t.Fatal(err)
		}
		return s.Patch(t.Context(), object, client.MergeFrom(before))
	}
	if err := change(s.vmi, "Running", "status", "phase"); err != nil {
		t.Errorf("the VMI's status: %v", err)
	}
	if err := change(s.vmi.DeepCopy(), "[]", "metadata", "annotations", v1alpha1.HookSidecarsAnnotation); !apierrors.IsForbidden(err) {
		t.Errorf("the VMI's hook sidecars: %v, want Forbidden", err)
	}
	for _, p := range s.patches {
		if err := change(p, "b", "metadata", "labels", "team"); err != nil {
			t.Errorf("the label of %s: %v", p.GetName(), err)
		}
	}
}

// checkCreates creates the VMI again under other names, as KubeVirt does from the template, and
// as a tool does that restores a backup, annotations included.
func (s stored) checkCreates(t *testing.T) {
	t.Helper()
	for name, annotated := range map[string]bool{"from-template": false, "from-backup": true} {
		vmi := s.vmi.DeepCopy()
		vmi.SetName(name)
		vmi.SetResourceVersion("")
		annotations := vmi.GetAnnotations()
		if !annotated {
			delete(annotations, v1alpha1.HookSidecarsAnnotation)
			delete(annotations, v1alpha1.BundleAnnotation)
			vmi.SetAnnotations(annotations)
		}
		s.Add(t, vmi)
		if got, want := vmi.GetAnnotations()[v1alpha1.BundleAnnotation], s.vmi.GetAnnotations()[v1alpha1.BundleAnnotation]; got != want {
			t.Errorf("VMI %s has bundle %s, want the stored %s", name, got, want)
		}
		list := vmi.GetAnnotations()[v1alpha1.HookSidecarsAnnotation]
		if strings.Count(list, "/shim:v0.2.0") != 1 || strings.Contains(list, "/shim:v0.1.0") {
			t.Errorf("VMI %s has hook sidecars %s, want one shim, the new one", name, list)
		}
		if err := s.Delete(t.Context(), vmi); err != nil {
			t.Fatal(err)
		}
	}
}

// checkBundle wants the bundle to stay while others are swept, without the mark that the older
// operator left, and to come again where it is deleted.
func (s stored) checkBundle(t *testing.T) {
	t.Helper()
	other := vmi(s.vmi.GetNamespace(), "other", "plain")
	s.Add(t, other)
	unused := bundleOf(other)
	if err := s.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	until(t, "another bundle is swept", func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(unused), unused); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, error %w", err)
		}
		return nil
	})
	same := func(ctx context.Context) error {
		var have corev1.ConfigMap
		if err := s.Get(ctx, client.ObjectKeyFromObject(s.bundle), &have); err != nil {
			return err
		}
		if diff := cmp.Diff(s.bundle.Data, have.Data); diff != "" || have.Annotations[v1alpha1.UnusedSinceAnnotation] != "" {
			return fmt.Errorf("it is marked (%v) or differs: %s", have.Annotations, diff)
		}
		return nil
	}
	until(t, "the bundle is there without a mark", same)
	if err := s.Delete(t.Context(), s.bundle.DeepCopy()); err != nil {
		t.Fatalf("the bundle is gone: %v", err)
	}
	until(t, "the bundle is there again", same)
}
