// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// scene is what decides what a VMI of a namespace gets, as the API server has it now.
type scene struct {
	namespace render.Namespace
	objects   render.Objects
	// mistakes are what could not be read of an object, which a newer version wrote, by its ID.
	mistakes map[string]error
}

// read reads the scene of a namespace. An object with a field that this program does not know
// counts like any other and is not accepted: without the field it would mean something else.
func (w *Webhooks) read(ctx context.Context, namespace string) (*scene, error) {
	s := &scene{mistakes: map[string]error{}}
	var ns corev1.Namespace
	if err := w.Reader.Get(ctx, client.ObjectKey{Name: namespace}, &ns); err != nil {
		return nil, fmt.Errorf("cannot read namespace %s: %w", namespace, err)
	}
	s.namespace = render.Namespace{Name: namespace, Labels: ns.Labels}
	for kind, opts := range map[string][]client.ListOption{
		bundle.KindDomainPatch:        {client.InNamespace(namespace)},
		bundle.KindClusterDomainPatch: nil,
	} {
		err := w.list(ctx, kind, opts, func(object []byte) error {
			p, mistakes, err := render.DecodePatch(kind, object)
			s.objects.Patches = append(s.objects.Patches, p)
			s.remember(p.ID(), mistakes)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, w.list(ctx, bundle.KindDomainPatchPolicy, nil, func(object []byte) error {
		p, mistakes, err := render.DecodePolicy(object)
		s.objects.Policies = append(s.objects.Policies, *p)
		s.remember(policyID(p), mistakes)
		return err
	})
}

// list hands every object of a kind to a function, as JSON.
func (w *Webhooks) list(ctx context.Context, kind string, opts []client.ListOption, take func([]byte) error) error {
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	if err := w.Reader.List(ctx, &list, opts...); err != nil {
		return fmt.Errorf("cannot list objects of kind %s: %w", kind, err)
	}
	for i := range list.Items {
		object, err := list.Items[i].MarshalJSON()
		if err == nil {
			err = take(object)
		}
		if err != nil {
			return fmt.Errorf("cannot read %s %s: %w", kind, client.ObjectKeyFromObject(&list.Items[i]), err)
		}
	}
	return nil
}

func (s *scene) remember(id string, mistakes error) {
	if mistakes != nil {
		s.mistakes[id] = mistakes
	}
}

func policyID(p *v1alpha1.DomainPatchPolicy) string { return (&bundle.Policy{Name: p.Name}).ID() }

// compiler accepts nothing of which something could not be read.
func (s *scene) compiler(c render.Compiler) render.Compiler {
	return render.Compiler{
		Patch: func(p render.Patch) (*patch.Program, error) {
			if err := s.mistakes[p.ID()]; err != nil {
				return nil, err
			}
			return c.Patch(p)
		},
		Policy: func(p *v1alpha1.DomainPatchPolicy) error {
			if err := s.mistakes[policyID(p)]; err != nil {
				return fmt.Errorf("%s: %w", policyID(p), err)
			}
			return c.Policy(p)
		},
	}
}
