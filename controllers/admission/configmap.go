// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// attempts is how often ensure starts again when the ConfigMap changes under its hands.
const attempts = 3

// errRace is for a ConfigMap that others create or delete at the same time.
var errRace = errors.New("it is being created and deleted by others at the same time: try again")

// Ensure makes a bundle's ConfigMap exist as wanted. The name is made of the content's hash:
// whatever else stands under it is not a bundle, and is replaced.
func (w *Webhooks) Ensure(ctx context.Context, want *corev1.ConfigMap) error {
	err := errRace
	for i := 0; i < attempts && errors.Is(err, errRace); i++ {
		err = w.ensureOnce(ctx, want.DeepCopy())
	}
	if err != nil { // often Forbidden: a quota, a terminating namespace, a policy; the message says which
		return fmt.Errorf("cannot write ConfigMap %s/%s, which holds the VM's patches: %w", want.Namespace, want.Name, err)
	}
	return nil
}

func (w *Webhooks) ensureOnce(ctx context.Context, want *corev1.ConfigMap) error {
	var have corev1.ConfigMap
	err := w.Reader.Get(ctx, client.ObjectKeyFromObject(want), &have)
	switch {
	case apierrors.IsNotFound(err):
		err := w.Writer.Create(ctx, want)
		if apierrors.IsAlreadyExists(err) {
			return errRace
		}
		return err
	case err != nil:
		return err
	case have.DeletionTimestamp != nil:
		return errRace
	case isSame(&have, want):
		return nil
	}
	return w.replace(ctx, &have, want)
}

// replace puts the bundle in the place of what is not it. An immutable ConfigMap cannot be updated.
func (w *Webhooks) replace(ctx context.Context, have, want *corev1.ConfigMap) error {
	err := w.Writer.Delete(ctx, have, client.Preconditions{UID: &have.UID, ResourceVersion: &have.ResourceVersion})
	if err == nil {
		err = w.Writer.Create(ctx, want)
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errRace
	}
	return err
}

// isSame compares what counts: labels that others add do not.
func isSame(have, want *corev1.ConfigMap) bool {
	for key, value := range want.Labels {
		if have.Labels[key] != value {
			return false
		}
	}
	return have.Immutable != nil && *have.Immutable && len(have.BinaryData) == 0 && reflect.DeepEqual(have.Data, want.Data)
}
