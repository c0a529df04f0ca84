// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// vmiResource is the resource of VMIs in URLs.
const vmiResource = "virtualmachineinstances"

//go:embed vmi.yaml
var vmiYAML []byte

//go:embed status.yaml
var statusYAML []byte

// creator creates VMIs, and writes their status as virt-handler does.
type creator struct {
	client   *rest.RESTClient
	template map[string]any
	metadata map[string]any
	status   []byte // a merge patch
}

// newCreator makes a creator whose client waits for nobody but the API server.
func newCreator(config *rest.Config) (*creator, error) {
	c := &creator{}
	if err := yaml.Unmarshal(vmiYAML, &c.template); err != nil {
		return nil, fmt.Errorf("vmi.yaml: %w", err)
	}
	c.metadata = c.template["metadata"].(map[string]any)
	var status map[string]any
	if err := yaml.Unmarshal(statusYAML, &status); err != nil {
		return nil, fmt.Errorf("status.yaml: %w", err)
	}
	var err error
	if c.status, err = json.Marshal(map[string]any{"status": status}); err != nil {
		return nil, err
	}
	config.QPS = -1
	config.APIPath, config.GroupVersion = "/apis", &kubevirt.GroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	c.client, err = rest.RESTClientFor(config)
	return c, err
}

// body is the VMI as it is sent. VMs own VMIs, so it has an owner.
func (c *creator) body(v vmi) ([]byte, error) {
	metadata, object := maps.Clone(c.metadata), maps.Clone(c.template)
	metadata["name"], metadata["namespace"], metadata["labels"] = v.name, v.namespace.name, v.labels
	metadata["ownerReferences"] = []any{map[string]any{"apiVersion": kubevirt.GroupVersion.String(), "kind": "VirtualMachine", "name": v.name,
		"uid": "6f1d6f3a-0b9d-4c52-8a43-9c120c0e0001", "controller": true, "blockOwnerDeletion": true}}
	object["metadata"] = metadata
	return json.Marshal(object)
}

// create creates a VMI and tells how long the request took. The answer is the VMI as it is stored.
func (c *creator) create(ctx context.Context, v vmi) (stored []byte, took time.Duration, err error) {
	body, err := c.body(v)
	if err != nil {
		return nil, 0, err
	}
	begin := time.Now()
	stored, err = c.client.Post().Namespace(v.namespace.name).Resource(vmiResource).SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body).Do(ctx).Raw()
	took = time.Since(begin)
	if err != nil {
		err = fmt.Errorf("cannot create VMI %s/%s: %w: %.500s", v.namespace.name, v.name, err, stored)
	}
	return stored, took, err
}

// run writes the status of a VMI that has started, and gives the VMI.
func (c *creator) run(ctx context.Context, v vmi) ([]byte, error) {
	stored, err := c.client.Patch(types.MergePatchType).Namespace(v.namespace.name).Resource(vmiResource).Name(v.name).Body(c.status).Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("cannot write the status of VMI %s/%s: %w", v.namespace.name, v.name, err)
	}
	return stored, nil
}

// remove deletes the VMIs of a turn.
func (c *creator) remove(ctx context.Context, n *namespace, turn string) error {
	err := c.client.Delete().Namespace(n.name).Resource(vmiResource).Param("labelSelector", turnLabel+"="+turn).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("cannot delete the VMIs of turn %s in namespace %s: %w", turn, n.name, err)
	}
	return nil
}

// sizeOf is the size of a VMI as JSON, without and with what the API server notes about managers of its fields, in bytes.
func sizeOf(stored []byte) (bare, all int, err error) {
	var object map[string]any
	if err := json.Unmarshal(stored, &object); err != nil {
		return 0, 0, err
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return 0, 0, fmt.Errorf("no object: %.200s", stored)
	}
	delete(metadata, "managedFields")
	text, err := json.Marshal(object)
	return len(text), len(stored), err
}
