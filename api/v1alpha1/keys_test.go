// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestKeysAreValid(t *testing.T) {
	longest := strings.Repeat("n", 63)
	for _, key := range []string{
		HookSidecarsAnnotation, BundleAnnotation, InjectLabel, BundleIDLabel, UnusedSinceAnnotation, ManagedByLabel,
		DomainPatchReferencePrefix + longest, ClusterDomainPatchReferencePrefix + longest,
	} {
		if errs := validation.IsQualifiedName(key); len(errs) > 0 {
			t.Errorf("%s: %s", key, errs)
		}
	}
	for _, value := range []string{InjectDisabled, ReferenceDemanded, ReferenceOptional, ReferenceNone, ManagedByValue, hash[:BundleIDLength]} {
		if errs := validation.IsValidLabelValue(value); len(errs) > 0 {
			t.Errorf("%s: %s", value, errs)
		}
	}
	// The pod's volume is named like the ConfigMap.
	if errs := validation.IsDNS1123Label(BundleConfigMapPrefix + hash[:BundleIDLength]); len(errs) > 0 {
		t.Errorf("%s: %s", BundleConfigMapPrefix, errs)
	}
}

func TestLabelsOfBundlesAreNoReferences(t *testing.T) {
	for _, label := range []string{BundleIDLabel, ManagedByLabel} {
		for _, prefix := range []string{DomainPatchReferencePrefix, ClusterDomainPatchReferencePrefix} {
			if strings.HasPrefix(label, prefix) {
				t.Errorf("the label %s of bundles would refer to patch %s where it is copied to a VM", label, strings.TrimPrefix(label, prefix))
			}
		}
	}
}
