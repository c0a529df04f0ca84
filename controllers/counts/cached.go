// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// cached is what the manager's cache holds of a namespace.
type cached struct {
	reader    client.Reader
	namespace string
}

// Bundle implements fare.Source.
func (c cached) Bundle(ctx context.Context, configMap string) ([]byte, error) {
	key := client.ObjectKey{Namespace: c.namespace, Name: configMap}
	var cm corev1.ConfigMap
	err := c.reader.Get(ctx, key, &cm, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsInvalid(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read ConfigMap %s: %w", key, err)
	}
	return []byte(cm.Data[v1alpha1.BundleKey]), nil
}

// SyncFailures implements fare.Source.
func (c cached) SyncFailures(ctx context.Context) ([]corev1.Event, error) {
	var list corev1.EventList
	if err := c.reader.List(ctx, &list, client.InNamespace(c.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list the events of namespace %s: %w", c.namespace, err)
	}
	return list.Items, nil
}
