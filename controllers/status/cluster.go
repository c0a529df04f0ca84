// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Scope narrows what is read.
type Scope struct {
	Namespace string          // empty: all
	Labels    labels.Selector // of the objects that are asked for; nil: all
}

func (s Scope) selects(set map[string]string) bool {
	return s.Labels == nil || s.Labels.Matches(labels.Set(set))
}

// Cluster answers questions about a cluster. What one answer read the next one uses again. It is
// not safe for concurrent use.
type Cluster struct {
	// Reader reads from the cluster.
	Reader *remote.Reader
	// Progress, if set, is told of long lists, how much has been read.
	Progress func(what string, n int)

	notes      []string
	patches    map[string][]render.Patch // by namespace; those of the cluster by the empty one
	blind      map[string]bool           // namespaces whose patches may not be read, as in patches
	mistakes   map[string]error          // of patches, by their ID: see render.DecodePatch
	preloaded  bool                      // patches has all DomainPatches
	namespaces map[string]render.Namespace
	verdicts   *fare.Verdicts
}

// Notes are what could not be read and how that shows in the answers, each once.
func (c *Cluster) Notes() []string { return c.notes }

func (c *Cluster) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

func (c *Cluster) progress(what string, n int) {
	if c.Progress != nil {
		c.Progress(what, n)
	}
}

// tolerate turns what the user has no right to into a note, which says what follows from that.
func (c *Cluster) tolerate(err error, consequence string) error {
	var forbidden *remote.Forbidden
	if errors.As(err, &forbidden) {
		c.note("%s: %v", consequence, forbidden)
		return nil
	}
	return err
}

// patchesOf are those that may bind VMs of a namespace. What the user may not read is missing in
// them, which blindTo tells.
func (c *Cluster) patchesOf(ctx context.Context, namespace string) ([]render.Patch, error) {
	own, err := c.readPatches(ctx, remote.DomainPatches, bundle.KindDomainPatch, namespace)
	if err != nil {
		return nil, err
	}
	cluster, err := c.readPatches(ctx, remote.ClusterDomainPatches, bundle.KindClusterDomainPatch, "")
	return slices.Concat(own, cluster), err
}

// blindTo tells whether patches may bind VMs of a namespace that the user may not read.
func (c *Cluster) blindTo(namespace string) bool { return c.blind[namespace] || c.blind[""] }

func (c *Cluster) readPatches(ctx context.Context, resource remote.Resource, kind, namespace string) ([]render.Patch, error) {
	if known, ok := c.patches[namespace]; ok || c.preloaded && namespace != "" {
		return known, nil
	}
	if c.patches == nil {
		c.patches, c.blind, c.mistakes = map[string][]render.Patch{}, map[string]bool{}, map[string]error{}
	}
	all, err := c.listPatches(ctx, resource, kind, namespace)
	var forbidden *remote.Forbidden
	if errors.As(err, &forbidden) {
		c.blind[namespace] = true
		err = c.tolerate(err, "whether VMs are current is not known for sure without all patches")
	}
	if err == nil {
		c.patches[namespace] = all
	}
	return all, err
}

// listPatches lists the patches of a kind, those of all namespaces if none is named.
func (c *Cluster) listPatches(ctx context.Context, resource remote.Resource, kind, namespace string) ([]render.Patch, error) {
	var all []render.Patch
	err := remote.List(ctx, c.Reader, resource, remote.Selection{Namespace: namespace}, func(items []json.RawMessage) error {
		for _, item := range items {
			p, mistakes, err := render.DecodePatch(kind, item)
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", p.ID(), err)
			}
			if mistakes != nil && c.mistakes != nil {
				c.mistakes[p.ID()] = mistakes
			}
			all = append(all, p)
		}
		c.progress(resource.Name, len(all))
		return nil
	})
	return all, err
}

// preload reads the patches of all namespaces at once, where the user may.
func (c *Cluster) preload(ctx context.Context) error {
	c.patches, c.blind, c.mistakes = map[string][]render.Patch{}, map[string]bool{}, map[string]error{}
	all, err := c.listPatches(ctx, remote.DomainPatches, bundle.KindDomainPatch, "")
	if err != nil {
		return err
	}
	for _, p := range all {
		c.patches[p.Namespace] = append(c.patches[p.Namespace], p)
	}
	c.preloaded = true
	return nil
}

// compile accepts nothing of which something could not be read, as the webhook does.
func (c *Cluster) compile(p render.Patch) (*patch.Program, error) {
	if err := c.mistakes[p.ID()]; err != nil {
		return nil, err
	}
	if c.verdicts == nil {
		c.verdicts = fare.NewVerdicts(render.Compile)
	}
	return c.verdicts.Compile(p)
}

// namespace gives a namespace, with its labels if a patch asks for them.
func (c *Cluster) namespace(ctx context.Context, name string, patches []render.Patch) (render.Namespace, error) {
	if known, ok := c.namespaces[name]; ok {
		return known, nil
	}
	if !slices.ContainsFunc(patches, hasNamespaceSelector) {
		return render.Namespace{Name: name}, nil
	}
	return c.readNamespace(ctx, name)
}

func hasNamespaceSelector(p render.Patch) bool {
	cluster, ok := p.Object.(*v1alpha1.ClusterDomainPatch)
	return ok && cluster.Spec.NamespaceSelector != nil
}

func (c *Cluster) readNamespace(ctx context.Context, name string) (render.Namespace, error) {
	object, err := remote.Get[object](ctx, c.Reader, remote.Namespaces, "", name)
	if err = c.tolerate(err, "namespaceSelectors are taken to see no label but "+corev1.LabelMetadataName); err != nil {
		return render.Namespace{}, err
	}
	found := render.Namespace{Name: name, Labels: object.Labels}
	if found.Labels == nil {
		found.Labels = map[string]string{corev1.LabelMetadataName: name}
	}
	if c.namespaces == nil {
		c.namespaces = map[string]render.Namespace{}
	}
	c.namespaces[name] = found
	return found, nil
}

// object is what is alike in all objects.
type object struct {
	metav1.ObjectMeta `json:"metadata"`
}
