// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"fmt"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
)

// limits are what the policies of a namespace say.
type limits struct {
	version string   // of all of them
	names   []string // of all, in their order
	invalid []string // of those that are not accepted
	allowed []*patch.Limits
}

// limits finds the policies of a namespace.
func (w *world) limits(namespace string) *limits {
	l := &limits{}
	n := render.Namespace{Name: namespace, Labels: w.namespaces[namespace]}
	for _, s := range w.policies {
		if len(render.Policies(n, []v1alpha1.DomainPatchPolicy{*s.policy})) == 0 {
			continue
		}
		l.version += fmt.Sprintf("%s/%d/%t ", s.GetUID(), s.GetGeneration(), s.err == nil)
		l.names = append(l.names, s.GetName())
		if s.err != nil {
			l.invalid = append(l.invalid, s.GetName())
		} else {
			l.allowed = append(l.allowed, s.limits)
		}
	}
	return l
}

// denial is what no policy of a patch's namespace can allow.
type denial struct {
	version string // of the policies
	// always are the rules that run on every VM that the patch applies to, maybe the others, with their places.
	always, maybe []string
}

// deniedBy finds the rules of a patch that the policies deny wherever they change anything. It
// is done once for every version of the policies.
func (s *subject) deniedBy(l *limits) denial {
	if s.denied.version == l.version {
		return s.denied
	}
	s.denied = denial{version: l.version}
	if len(l.names) == 0 || len(l.invalid) > 0 {
		return s.denied
	}
	for i := range s.rules {
		rule := &s.rules[i]
		if !rule.Denied(l.allowed...) {
			continue
		}
		into := &s.denied.always
		if rule.Optional {
			into = &s.denied.maybe
		}
		*into = append(*into, label(rule)+" changes "+changed(rule))
	}
	return s.denied
}

// changed names the first of the places that a rule changes.
func changed(rule *patch.RulePlaces) string {
	var places []string
	for i := range rule.Places {
		if p := &rule.Places[i]; !p.Incidental {
			places = append(places, p.String())
		}
	}
	if len(places) > 1 {
		return fmt.Sprintf("%s and %d more", places[0], len(places)-1)
	}
	return strings.Join(places, "")
}
