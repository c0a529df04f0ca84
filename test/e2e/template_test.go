// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// TestTemplateMode goes the whole way without webhooks: config/template is installed, and KubeVirt
// carries what is in the template of a VM to its domain.
func TestTemplateMode(t *testing.T) {
	root, err := cluster.Repository()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{Logs: filepath.Join(root, "out", "e2e-template"), Config: "template"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}()
	s := (&chain{Cluster: c, samples: filepath.Join(root, "config", "samples")}).with(t, t.Context())
	const namespace, patch = "template", "disk-iotune"
	s.namespace(namespace)
	s.must(s.Apply(s.ctx, s.sample("DomainPatch", patch, namespace)))
	vm := s.vm(namespace, patch)
	s.must(unstructured.SetNestedField(vm.Object, "Halted", "spec", "runStrategy"))
	s.must(s.Apply(s.ctx, vm))
	key := client.ObjectKeyFromObject(vm)
	s.must(s.Until(s.ctx, "the template has the patch", func(ctx context.Context) error {
		annotations, err := s.templateAnnotations(ctx, key)
		if err == nil && annotations[v1alpha1.BundleAnnotation] == "" {
			err = errors.New("it has no bundle")
		}
		return err
	}))
	start := []byte(`{"spec":{"runStrategy":"Always"}}`)
	s.must(s.Patch(s.ctx, vm.DeepCopy(), client.RawPatch("application/merge-patch+json", start)))
	started, node := s.started(namespace)
	boot, err := node.Boot(s.ctx, s.TempDir())
	s.must(err)
	if want := "<total_iops_sec>500</total_iops_sec>"; !strings.Contains(string(boot.Domain), want) {
		s.Errorf("the domain has no %s", want)
	}
	annotations, err := s.templateAnnotations(s.ctx, key)
	s.must(err)
	if got := started.VMI.GetAnnotations()[v1alpha1.BundleAnnotation]; got != annotations[v1alpha1.BundleAnnotation] {
		s.Errorf("%s of the VMI is %s, of the template %s", v1alpha1.BundleAnnotation, got, annotations[v1alpha1.BundleAnnotation])
	}
}

func (s *scene) templateAnnotations(ctx context.Context, key client.ObjectKey) (map[string]string, error) {
	vm := &unstructured.Unstructured{}
	vm.SetAPIVersion("kubevirt.io/v1")
	vm.SetKind("VirtualMachine")
	if err := s.Get(ctx, key, vm); err != nil {
		return nil, err
	}
	annotations, _, err := unstructured.NestedStringMap(vm.Object, "spec", "template", "metadata", "annotations")
	return annotations, err
}
