// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/lint"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/remote"
)

// lintCluster lints what is in a cluster, page by page: with another version of this program, that
// is what an upgrade of the operator would say. What the user may not read of the rest of the
// cluster is told in a note, and done without.
func (o *lintOptions) lintCluster(ctx context.Context, domains []domainFile, result *lintResult) error {
	reader, _, err := o.from.connect()
	if err != nil {
		return err
	}
	options, err := o.surroundings(ctx, reader, result)
	if err != nil {
		return err
	}
	l, err := newLinter(domains, options)
	if err != nil {
		return err
	}
	own := remote.Selection{Namespace: o.from.overrides.Context.Namespace}
	for _, kind := range []struct {
		remote.Resource
		remote.Selection
	}{{remote.DomainPatches, own}, {remote.ClusterDomainPatches, remote.Selection{}}, {remote.DomainPatchPolicies, remote.Selection{}}} {
		err := remote.List(ctx, reader, kind.Resource, kind.Selection, func(page []json.RawMessage) error {
			for _, object := range page {
				l.Read("", withoutStatus(object))
				result.objects++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	result.add(l, 0)
	for i := range result.findings { // one line of JSON is no place
		result.findings[i].Position, result.findings[i].Excerpt = offline.Position{}, ""
	}
	return nil
}

// withoutStatus is an object as its author wrote it: the status may be a newer operator's.
func withoutStatus(object json.RawMessage) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return object
	}
	delete(fields, "status")
	text, err := json.Marshal(fields)
	if err != nil {
		return object
	}
	return text
}

// labelled is an object as far as it tells what binds.
type labelled struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
}

// surroundings are what decides about patches in a cluster.
func (o *lintOptions) surroundings(ctx context.Context, reader *remote.Reader, result *lintResult) (lint.Options, error) {
	policies, err := remote.ListAll[v1alpha1.DomainPatchPolicy](ctx, reader, remote.DomainPatchPolicies, remote.Selection{})
	if err != nil {
		return lint.Options{}, err
	}
	options := o.options()
	options.Policies = append([]v1alpha1.DomainPatchPolicy{}, policies...) // none is not the default one
	namespaces := map[string]map[string]string{}
	err = result.dispensable(remote.List(ctx, reader, remote.Namespaces, remote.Selection{}, func(page []labelled) error {
		for _, n := range page {
			namespaces[n.Metadata.Name] = n.Metadata.Labels
		}
		return nil
	}))
	if len(namespaces) > 0 {
		options.Namespaces = namespaces
	}
	if err != nil {
		return options, err
	}
	err = result.dispensable(remote.List(ctx, reader, remote.VirtualMachineInstances, remote.Selection{}, func(page []labelled) error {
		for _, v := range page {
			options.VMIs = append(options.VMIs, conflict.VMI{Namespace: v.Metadata.Namespace, Labels: v.Metadata.Labels})
		}
		return nil
	}))
	if err != nil {
		return options, err
	}
	return options, result.dispensable(remote.List(ctx, reader, remote.Plugins, remote.Selection{}, func(page []labelled) error {
		options.Plugins = options.Plugins || len(page) > 0
		return nil
	}))
}

// dispensable makes a note of what may not be read, or is not installed.
func (r *lintResult) dispensable(err error) error {
	var forbidden *remote.Forbidden
	var missing *remote.NotInstalled
	switch {
	case errors.As(err, &forbidden):
		r.notes = append(r.notes, fmt.Sprintf("some warnings may be missing: %v", err))
	case errors.As(err, &missing):
	default:
		return err
	}
	return nil
}
