// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// errStale says that the cache has another version of an object than the API server. An
// event follows, and with it another try.
var errStale = errors.New("the cache is behind")

// readStrictly reads objects that are about to be accepted once more, from the API server:
// the cache holds none of the fields that this program does not know, without which an
// object means something else. Nothing is read where the status says already that this
// generation is accepted. It returns the subjects that could be read, or need not be.
func (r *Reconciler) readStrictly(ctx context.Context, subjects []*subject) ([]*subject, error) {
	errs := inParallel(subjects, func(s *subject) error {
		if s.err != nil || s.strict || s.isAccepted() {
			return nil
		}
		mistakes, err := r.unknownFields(ctx, s)
		if err == nil {
			s.err, s.strict = mistakes, true
		}
		return err
	})
	var readable []*subject
	for i, s := range subjects {
		if errs[i] == nil {
			readable = append(readable, s)
		}
	}
	return readable, errors.Join(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, errStale) })...)
}

// isAccepted tells whether the status says that this generation is accepted.
func (s *subject) isAccepted() bool {
	return s.observedGeneration == s.GetGeneration() && meta.IsStatusConditionTrue(s.conditions, v1alpha1.ConditionAccepted)
}

func (r *Reconciler) unknownFields(ctx context.Context, s *subject) (mistakes, err error) {
	var object unstructured.Unstructured
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(s.kind))
	err = r.Live.Get(ctx, s.key(), &object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, errStale
	case err != nil:
		return nil, fmt.Errorf("cannot read %s %s: %w", s.kind, client.ObjectKeyFromObject(s), err)
	case object.GetUID() != s.GetUID() || object.GetGeneration() != s.GetGeneration():
		return nil, errStale
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if s.policy != nil {
		_, mistakes, err = render.DecodePolicy(text)
	} else {
		_, mistakes, err = render.DecodePatch(s.kind, text)
	}
	return mistakes, err
}
