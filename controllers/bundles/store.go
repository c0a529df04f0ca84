// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/metrics"
)

// attempts is how often Ensure starts again when the ConfigMap changes under its hands. Each
// time somebody else got further, so that replicas alone never use them up.
const attempts = 8

// errRace is for a ConfigMap that others create or delete at the same time.
var errRace = errors.New("it is being created and deleted by others at the same time: try again")

// errHeld is for a ConfigMap that is being deleted and that a finalizer holds: trying again is of no use.
var errHeld = errors.New("it is being deleted")

// Store makes the ConfigMaps of bundles exist. Every replica has one.
type Store struct {
	// Reader reads from the API server: what a cache holds may be swept by now.
	Reader client.Reader
	Writer client.Writer
}

// Ensure makes a bundle's ConfigMap exist as wanted, unmarked. It is idempotent, and may run
// in any number of replicas at once. The name is made of the content's hash: whatever else
// stands under it is not a bundle, and is replaced.
//
// An error of the API server (a quota, a terminating namespace, a policy) keeps its reason.
func (s *Store) Ensure(ctx context.Context, want *corev1.ConfigMap) error {
	return s.ensure(ctx, want, operationCreate)
}

// Values of the label operation of metrics.BundleWrites.
const (
	operationCreate  = "create"
	operationReplace = "replace"
	operationMark    = "mark"
	operationUnmark  = "unmark"
	operationSweep   = "sweep"
	operationRestore = "restore"
)

// ensure counts the creation of a ConfigMap that is missing as the operation.
func (s *Store) ensure(ctx context.Context, want *corev1.ConfigMap, operation string) error {
	err := errRace
	for i := 0; i < attempts && errors.Is(err, errRace); i++ {
		err = s.try(ctx, want, operation)
	}
	if err != nil {
		return fmt.Errorf("cannot write ConfigMap %s/%s, which holds the VM's patches: %w", want.Namespace, want.Name, err)
	}
	return nil
}

func (s *Store) try(ctx context.Context, want *corev1.ConfigMap, operation string) error {
	var have corev1.ConfigMap
	err := s.Reader.Get(ctx, client.ObjectKeyFromObject(want), &have)
	switch {
	case apierrors.IsNotFound(err):
		return s.create(ctx, want, operation)
	case err != nil:
		return err
	case have.DeletionTimestamp != nil:
		return deleting(&have)
	case len(have.BinaryData) > 0 || !reflect.DeepEqual(have.Data, want.Data):
		return s.replace(ctx, &have, want)
	}
	return s.repair(ctx, &have, want)
}

func (s *Store) create(ctx context.Context, want *corev1.ConfigMap, operation string) error {
	err := s.Writer.Create(ctx, want.DeepCopy())
	if apierrors.IsAlreadyExists(err) {
		return errRace
	}
	return counted(operation, err)
}

// replace puts the bundle in the place of what is not it. An immutable ConfigMap cannot be updated.
func (s *Store) replace(ctx context.Context, have, want *corev1.ConfigMap) error {
	err := s.Writer.Delete(ctx, have, client.Preconditions{UID: &have.UID, ResourceVersion: &have.ResourceVersion})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errRace
	}
	if err != nil {
		return err
	}
	return s.create(ctx, want, operationReplace)
}

// repair takes the mark off a bundle, and gives it what others took: labels that others add
// may stay. The precondition lets the sweep and this one never both succeed.
func (s *Store) repair(ctx context.Context, have, want *corev1.ConfigMap) error {
	after := have.DeepCopy()
	delete(after.Annotations, v1alpha1.UnusedSinceAnnotation)
	if after.Labels == nil {
		after.Labels = map[string]string{}
	}
	maps.Copy(after.Labels, want.Labels)
	after.Immutable = want.Immutable
	if equality.Semantic.DeepEqual(have, after) {
		return nil
	}
	err := s.Writer.Patch(ctx, after, client.MergeFromWithOptions(have, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errRace
	}
	if isMarked(have) {
		return counted(operationUnmark, err)
	}
	return counted(operationReplace, err)
}

// deleting says what to do about a ConfigMap that is on its way out.
func deleting(have *corev1.ConfigMap) error {
	if len(have.Finalizers) == 0 {
		return errRace
	}
	return fmt.Errorf("%w, and its finalizers %s hold it: let their owners finish, or take them off with "+
		`kubectl patch configmap -n %s %s --type merge -p '{"metadata":{"finalizers":null}}'; then it is created again`,
		errHeld, strings.Join(have.Finalizers, ", "), have.Namespace, have.Name)
}

// counted counts a write, unless it failed.
func counted(operation string, err error) error {
	if err == nil {
		metrics.BundleWrites.WithLabelValues(operation).Inc()
	}
	return err
}
