// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// rightsFiles grant the program its rights, the last ones where these parts are installed.
var rightsFiles = []string{"rbac/operator.yaml", "template/rbac.yaml", "lockdown/rbac.yaml"}

// TestRights runs the program through its life as its service account, and compares what it
// asked the API server for with what rightsFiles grant: nothing that it asks for
// is forbidden, and nothing is granted that it never asks for.
func TestRights(t *testing.T) {
	t.Setenv("KUBE_FEATURE_WatchListClient", "false") // as with an API server that cannot stream a list: informers list, then watch
	c := testcluster.Start(t, testcluster.Options{Webhooks: true, Audit: serviceAccount})
	install(t, c, "manager", "rbac")
	for _, file := range rightsFiles[1:] {
		c.Add(t, parseManifests(t, file)...)
	}
	defer checkAllowed(t, c.AuditLog) // where a right is lacking, a scene ends the test
	for _, scene := range life {
		t.Log(scene.what)
		scene.play(t, c)
	}
	granted := readRights(t)
	until(t, "every right is used", func(context.Context) error {
		used, err := requests(c.AuditLog)
		return errors.Join(err, unused(granted, used))
	})
}

// checkAllowed fails the test for each request that was forbidden.
func checkAllowed(t *testing.T, auditLog string) {
	t.Helper()
	used, err := requests(auditLog)
	if err != nil {
		t.Error(err)
	}
	for _, q := range used {
		if q.forbidden {
			t.Errorf("config/rbac/operator.yaml and its like lack a right: %s", q)
		}
	}
}

// right is one verb on one kind of objects.
type right struct {
	verb, resource, group string
	namespace             string // empty for all
	name                  string // of an object; empty for all
}

func (r right) String() string {
	text := r.verb + " " + r.resource
	if r.group != "" {
		text += "." + r.group
	}
	if r.namespace != "" {
		text += " in " + r.namespace
	}
	if r.name != "" {
		text += " named " + r.name
	}
	return text
}

// request is what the program asked for, as a right to no more than that.
type request struct {
	right
	forbidden bool
}

func (r request) String() string {
	return right{verb: r.verb, resource: r.resource, group: r.group}.String()
}

// covers tells whether the right suffices for a request.
func (r right) covers(q right) bool {
	return r.verb == q.verb && r.resource == q.resource && r.group == q.group &&
		(r.namespace == "" || r.namespace == q.namespace) && (r.name == "" || r.name == q.name)
}

// unused fails where a right is needed by no request. A request needs the narrowest right
// that covers it, and so no other.
func unused(granted []right, used []request) error {
	needed := map[right]bool{}
	for _, q := range used {
		if i := slices.IndexFunc(granted, func(r right) bool { return r.covers(q.right) }); i >= 0 {
			needed[granted[i]] = true
		}
	}
	var errs []error
	for i, r := range granted {
		if slices.Contains(granted[:i], r) {
			errs = append(errs, fmt.Errorf("%s grant twice: %s", rightsFiles, r))
		}
		if !needed[r] {
			errs = append(errs, fmt.Errorf("%s grant what the program never uses: %s", rightsFiles, r))
		}
	}
	return errors.Join(errs...)
}

// readRights are the rights that rightsFiles grant, the narrower ones first.
func readRights(t *testing.T) []right {
	t.Helper()
	var all []right
	for _, file := range rightsFiles {
		for _, object := range parseManifests(t, file) {
			var role rbacv1.Role // a ClusterRole differs by what this does not read
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.(*unstructured.Unstructured).Object, &role); err != nil {
				t.Fatal(err)
			}
			for _, rule := range role.Rules {
				all = append(all, expand(role.Namespace, rule)...)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b right) int { return breadth(a) - breadth(b) })
	return all
}

func breadth(r right) int {
	breadth := 0
	if r.namespace == "" {
		breadth += 2
	}
	if r.name == "" {
		breadth++
	}
	return breadth
}

func expand(namespace string, rule rbacv1.PolicyRule) []right {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var all []right
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, name := range names {
				for _, verb := range rule.Verbs {
					all = append(all, right{verb: verb, resource: resource, group: group, namespace: namespace, name: name})
				}
			}
		}
	}
	return all
}

// requests reads an audit log. What all may do, such as asking for the server's version, is left out.
func requests(file string) ([]request, error) {
	log, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	log = log[:bytes.LastIndexByte(log, '\n')+1] // the rest is being written
	var all []request
	for line := range bytes.Lines(log) {
		var event struct {
			Verb      string
			ObjectRef *struct{ Namespace, Name, APIGroup, Resource, Subresource string }
			// Annotations tell what the authorization has decided.
			Annotations map[string]string
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		o := event.ObjectRef
		if o == nil {
			continue
		}
		if o.Subresource != "" {
			o.Resource += "/" + o.Subresource
		}
		all = append(all, request{
			right:     right{verb: event.Verb, resource: o.Resource, group: o.APIGroup, namespace: o.Namespace, name: o.Name},
			forbidden: event.Annotations["authorization.k8s.io/decision"] == "forbid",
		})
	}
	return all, nil
}
