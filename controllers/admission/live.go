// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// readTimeout is that of one read. The API server waits for the webhooks no longer.
const readTimeout = 10 * time.Second

// maxKnown is how many bytes of patches, and of policies, are remembered as what they were
// decoded to, which takes about as many again.
const maxKnown = 32 << 20

// Live reads from the API server what decides what VMIs get. It gives what is true when it is
// asked, or later; who asks at about the same time shares what is read. It is safe for
// concurrent use.
type Live struct {
	client         rest.Interface
	namespaces     flights[render.Namespace]       // by name
	patches        flights[*listing[render.Patch]] // by namespace
	clusterPatches flights[*listing[render.Patch]]
	policies       flights[*listing[v1alpha1.DomainPatchPolicy]]

	knownPatches  *memo[decoded[render.Patch]]
	knownPolicies *memo[decoded[v1alpha1.DomainPatchPolicy]]
	scenes        *scenes
}

// NewLive reads through an HTTP client that has the rights of the operator.
func NewLive(config *rest.Config, httpClient *http.Client) (*Live, error) {
	config = rest.CopyConfig(config)
	config.DisableCompression = true             // large lists would cost the API server more than the network
	config.GroupVersion = &schema.GroupVersion{} // paths say it
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"}) // Status, the API server's errors
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme)
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("cannot create a client: %w", err)
	}
	return &Live{
		client:        client,
		knownPatches:  newMemo[decoded[render.Patch]](maxKnown),
		knownPolicies: newMemo[decoded[v1alpha1.DomainPatchPolicy]](maxKnown),
		scenes:        newScenes(),
	}, nil
}

// listing is what a list holds.
type listing[T any] struct {
	items []T
	bytes int // of the text
	// mistakes are what could not be read of an item, which a newer version wrote, by its ID.
	mistakes map[string]error
}

// scene is what decides what a VMI of a namespace gets.
type scene struct {
	asked          time.Time // everything was read since
	namespace      render.Namespace
	patches        *listing[render.Patch] // of the namespace
	clusterPatches *listing[render.Patch]
	policies       *listing[v1alpha1.DomainPatchPolicy]
}

// read reads the scene of a namespace. An object with a field that this program does not know
// counts like any other and is not accepted: without the field it would mean something else.
func (l *Live) read(ctx context.Context, namespace string) (*scene, error) {
	asked := time.Now()
	namespaces := l.namespaces.ask(ctx, namespace, readTimeout, func(ctx context.Context) (render.Namespace, error) {
		return l.readNamespace(ctx, namespace)
	})
	patches := l.patches.ask(ctx, namespace, readTimeout, func(ctx context.Context) (*listing[render.Patch], error) {
		return readList(ctx, l.ours().Namespace(namespace).Resource("domainpatches"), l.knownPatches, decodePatch(bundle.KindDomainPatch))
	})
	clusterPatches := l.clusterPatches.ask(ctx, "", readTimeout, func(ctx context.Context) (*listing[render.Patch], error) {
		return readList(ctx, l.ours().Resource("clusterdomainpatches"), l.knownPatches, decodePatch(bundle.KindClusterDomainPatch))
	})
	policies := l.policies.ask(ctx, "", readTimeout, func(ctx context.Context) (*listing[v1alpha1.DomainPatchPolicy], error) {
		return readList(ctx, l.ours().Resource("domainpatchpolicies"), l.knownPolicies, decodePolicy)
	})
	s := scene{asked: asked}
	var err error
	if s.namespace, err = namespaces.wait(ctx); err != nil {
		return nil, fmt.Errorf("cannot read namespace %s: %w", namespace, err)
	}
	if s.patches, err = patches.wait(ctx); err != nil {
		return nil, fmt.Errorf("cannot read the DomainPatches of namespace %s: %w", namespace, err)
	}
	if s.clusterPatches, err = clusterPatches.wait(ctx); err != nil {
		return nil, fmt.Errorf("cannot read the ClusterDomainPatches: %w", err)
	}
	if s.policies, err = policies.wait(ctx); err != nil {
		return nil, fmt.Errorf("cannot read the DomainPatchPolicies: %w", err)
	}
	return &s, nil
}

func (l *Live) ours() *rest.Request {
	return l.client.Get().AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version)
}

func (l *Live) readNamespace(ctx context.Context, name string) (render.Namespace, error) {
	var object struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	text, err := get(ctx, l.client.Get().AbsPath("/api/v1").Resource("namespaces").Name(name))
	if err == nil {
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &object)
	}
	return render.Namespace{Name: name, Labels: object.Metadata.Labels}, err
}

// get gives what the API server answers. An error has the server's reason.
func get(ctx context.Context, request *rest.Request) ([]byte, error) {
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // Raw does not read the server's reason
		return nil, err
	}
	return result.Raw()
}

// decoded is an item of a list.
type decoded[T any] struct {
	item     T
	id       string
	mistakes error // see render.DecodePatch
}

// readList reads a list.
func readList[T any](ctx context.Context, request *rest.Request, known *memo[decoded[T]], decode func([]byte) (decoded[T], error)) (*listing[T], error) {
	text, err := get(ctx, request)
	if err != nil {
		return nil, err
	}
	var raw struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	all := &listing[T]{items: make([]T, len(raw.Items)), bytes: len(text), mistakes: map[string]error{}}
	for i := range raw.Items {
		d, err := known.get(raw.Items[i], decode)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.id, err)
		}
		all.items[i] = d.item
		if d.mistakes != nil {
			all.mistakes[d.id] = d.mistakes
		}
	}
	return all, nil
}

func decodePatch(kind string) func([]byte) (decoded[render.Patch], error) {
	return func(object []byte) (decoded[render.Patch], error) {
		p, mistakes, err := render.DecodePatch(kind, object)
		return decoded[render.Patch]{item: p, id: p.ID(), mistakes: mistakes}, err
	}
}

func decodePolicy(object []byte) (decoded[v1alpha1.DomainPatchPolicy], error) {
	p, mistakes, err := render.DecodePolicy(object)
	return decoded[v1alpha1.DomainPatchPolicy]{item: *p, id: policyID(p), mistakes: mistakes}, err
}

func policyID(p *v1alpha1.DomainPatchPolicy) string { return (&bundle.Policy{Name: p.Name}).ID() }

// objects are the patches and policies.
func (s *scene) objects() render.Objects {
	return render.Objects{Patches: slices.Concat(s.patches.items, s.clusterPatches.items), Policies: s.policies.items}
}

// compiler accepts nothing of which something could not be read.
func (s *scene) compiler(c render.Compiler) render.Compiler {
	return render.Compiler{
		Patch: func(p render.Patch) (*patch.Program, error) {
			if err := cmp.Or(s.patches.mistakes[p.ID()], s.clusterPatches.mistakes[p.ID()]); err != nil {
				return nil, err
			}
			return c.Patch(p)
		},
		Policy: func(p *v1alpha1.DomainPatchPolicy) error {
			if err := s.policies.mistakes[policyID(p)]; err != nil {
				return fmt.Errorf("%s: %w", policyID(p), err)
			}
			return c.Policy(p)
		},
	}
}
