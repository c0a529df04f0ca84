// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// CacheOptions makes a cache hold of all ConfigMaps the bundles alone, as far as a label can
// tell them. The leader alone fills it. Who reads from it must not change what it reads.
func CacheOptions() cache.ByObject {
	return cache.ByObject{
		Label:                 labels.SelectorFromSet(labels.Set{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}),
		Transform:             slim,
		UnsafeDisableDeepCopy: ptr.To(true),
	}
}

// slim drops what the reconciler does not need: all content of a ConfigMap that has our label
// and is no bundle, among the rest, so that it costs little whatever its owner writes into it.
// Bundles are kept whole, to be restored. What bounds them is what bounds ConfigMaps: quotas. To
// decode them would bound nothing: who can write a text and its hash can write a bundle as well.
func slim(object any) (any, error) {
	cm, ok := object.(*corev1.ConfigMap)
	if !ok { // the tombstone of one that has been through here
		return object, nil
	}
	out := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: cm.Namespace, Name: cm.Name, UID: cm.UID, ResourceVersion: cm.ResourceVersion,
		DeletionTimestamp: cm.DeletionTimestamp,
		Labels:            map[string]string{v1alpha1.ManagedByLabel: cm.Labels[v1alpha1.ManagedByLabel]},
	}}
	if len(cm.Finalizers) > 0 { // that there is one is enough
		out.Finalizers = cm.Finalizers[:1:1]
	}
	if isMarked(cm) { // since when is for people
		out.Annotations = map[string]string{v1alpha1.UnusedSinceAnnotation: ""}
	}
	if _, ok := content(cm); ok {
		out.Data = cm.Data
	}
	return out, nil
}

// content gives the bundle that a ConfigMap holds. Its name is made of the content's hash:
// a ConfigMap where they differ holds no bundle. Of which version the bundle is does not matter.
func content(cm *corev1.ConfigMap) (string, bool) {
	text, ok := cm.Data[v1alpha1.BundleKey]
	if !ok || len(cm.Data) != 1 || len(cm.BinaryData) > 0 || len(text) > bundle.MaxBytes || !isConfigMapName(cm.Name) {
		return "", false
	}
	return text, configMap(cm.Namespace, text).Name == cm.Name
}

// configMap is the ConfigMap of an encoded bundle.
func configMap(namespace, content string) *corev1.ConfigMap {
	json := []byte(content)
	return ConfigMap(&render.Bundle{JSON: json, SHA256: bundle.Sum(json)}, namespace)
}

// ConfigMap is that of a bundle, as clients of Kubernetes write it.
func ConfigMap(b *render.Bundle, namespace string) *corev1.ConfigMap {
	c := b.ConfigMap(namespace)
	return &corev1.ConfigMap{TypeMeta: c.TypeMeta, ObjectMeta: c.ObjectMeta, Immutable: &c.Immutable, Data: c.Data}
}

// isOurs tells whether a ConfigMap surely is one that the operator wrote, or as good as that.
// Nothing else is ever marked or swept.
func isOurs(cm *corev1.ConfigMap) bool {
	_, ok := content(cm)
	return ok && cm.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedByValue
}

func isMarked(cm *corev1.ConfigMap) bool {
	_, marked := cm.Annotations[v1alpha1.UnusedSinceAnnotation]
	return marked
}
