// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"sync"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// reachingPlaces are the places of the rules of reaching, one for each. A policy that may allow
// one of them is told; what it excludes by predicates it does not allow.
var reachingPlaces = sync.OnceValue(func() []*patch.RulePlaces {
	text := ""
	alone := bundle.Patch{Kind: bundle.KindDomainPatch, Name: "reaching", FailurePolicy: bundle.Fail}
	for _, r := range reaching {
		alone.Domain = append(alone.Domain, bundle.DomainRule{Op: bundle.OpReplace, Path: r.path, Value: &text})
	}
	program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{alone}})
	if err != nil {
		return nil // a test compiles them
	}
	var all []*patch.RulePlaces
	places := program.Places()
	for i := range places {
		all = append(all, &places[i])
	}
	return all
})
