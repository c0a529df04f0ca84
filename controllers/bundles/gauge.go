// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/domainpatch/domainpatch/controllers/metrics"
)

// Values of the label state of metrics.Bundles.
const (
	stateUsed   = "used"
	stateUnused = "unused"
	stateLost   = "lost"
)

// states is how each bundle fares. It keeps metrics.Bundles right without ever counting all.
type states map[types.NamespacedName]string

// set changes a bundle's state; empty forgets the bundle.
func (s *states) set(configMap types.NamespacedName, state string) {
	before := (*s)[configMap]
	if before == state {
		return
	}
	if before != "" {
		metrics.Bundles.WithLabelValues(before).Dec()
		delete(*s, configMap)
	}
	if state == "" {
		return
	}
	metrics.Bundles.WithLabelValues(state).Inc()
	if *s == nil {
		*s = states{}
	}
	(*s)[configMap] = state
}
