// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// remembered is what is kept of a patch until all are seen.
type remembered struct {
	conflict.Patch
	at     offline.Position // of its name
	line   string           // the excerpt there
	silent bool             // conflicts of it are not wanted
}

// remember keeps of a patch what tells whether it conflicts with others: neither rules nor program.
func (l *Linter) remember(s *subject) {
	writes := s.program.Writes()
	if writes.IsEmpty() || slices.ContainsFunc(l.options.Disabled, func(id string) bool { return Find(id) == Conflict }) {
		return
	}
	meta := metav1.ObjectMeta{Namespace: s.patch.Namespace, Name: s.patch.Name}
	spec := v1alpha1.DomainPatchSpec{Selector: s.patch.Spec.Selector, Order: s.patch.Spec.Order}
	slim := render.DomainPatch(&v1alpha1.DomainPatch{ObjectMeta: meta, Spec: spec})
	if cdp, ok := s.patch.Object.(*v1alpha1.ClusterDomainPatch); ok && s.patch.Kind == bundle.KindClusterDomainPatch {
		slim = render.ClusterDomainPatch(&v1alpha1.ClusterDomainPatch{ObjectMeta: meta,
			Spec: v1alpha1.ClusterDomainPatchSpec{DomainPatchSpec: spec, NamespaceSelector: cdp.Spec.NamespaceSelector}})
	}
	at := s.origin.Position("metadata.name", 0)
	l.remembered = append(l.remembered, &remembered{Patch: conflict.Patch{Patch: slim, Writes: writes},
		at: at, line: withoutSecret(s.origin.Excerpt(at)), silent: s.silent[Conflict.ID]})
}

// conflicts finds the patches that write different things to one place of one VM.
func (l *Linter) conflicts() (findings []Finding, silenced int) {
	patches := make([]*conflict.Patch, len(l.remembered))
	of := map[*conflict.Patch]*remembered{}
	for i, r := range l.remembered {
		patches[i] = &r.Patch
		of[&r.Patch] = r
	}
	vmis := l.vmis()
	for _, arena := range conflict.Contested(patches) {
		for p, found := range arena.Resolve(vmis, l.namespaces()) {
			r := of[p]
			if r.silent {
				silenced++
				continue
			}
			var parts []string
			for _, c := range found {
				parts = append(parts, c.With+" writes something else to "+c.Place)
			}
			findings = append(findings, Finding{Code: Conflict, Position: r.at, Object: p.ID(), Field: "metadata.name",
				Message: strings.Join(parts, ", and "), Fix: Conflict.Fix, Excerpt: r.line})
		}
	}
	return findings, silenced
}
