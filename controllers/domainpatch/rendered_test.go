// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Condition Rendered stands only as long as somebody keeps it up to date.
func TestRenderedGoesWithTemplates(t *testing.T) {
	s := &subject{Object: render.DomainPatch(&v1alpha1.DomainPatch{}).Object,
		conditions: []metav1.Condition{{Type: v1alpha1.ConditionRendered, Status: metav1.ConditionFalse}}}
	for _, templates := range []bool{true, false} {
		got := meta.FindStatusCondition(s.updated(nil, templates), v1alpha1.ConditionRendered) != nil
		if got != templates {
			t.Errorf("templates are rendered: %t, the condition is there: %t", templates, got)
		}
	}
}
