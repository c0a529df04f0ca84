// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// AnyManager is the number for all replicas that are ready.
const AnyManager = -1

// Route chooses the replicas that answer requests about VMIs, and those about all other objects:
// one of them, by its number, or AnyManager. Connections are broken: a request on its way fails.
func (c *Cluster) Route(vmis, others int) {
	c.webhooks.vmis.route(vmis)
	c.webhooks.others.route(others)
}

// webhooks are the two addresses under which the manager's webhooks are reached.
type webhooks struct{ vmis, others *address }

func (w *webhooks) close() {
	for _, a := range []*address{w.vmis, w.others} {
		if a != nil {
			a.close()
		}
	}
}

// address is a Service for the replicas, or for one of them.
type address struct {
	*service
	cluster *Cluster
	only    atomic.Int32 // the replica, or AnyManager
	turn    atomic.Int32
}

func (c *Cluster) startWebhooks() (err error) {
	for _, a := range []**address{&c.webhooks.vmis, &c.webhooks.others} {
		*a = &address{cluster: c}
		(*a).only.Store(AnyManager)
		if (*a).service, err = startService((*a).pick); err != nil {
			return err
		}
	}
	return nil
}

// String is what clients connect to.
func (a *address) String() string {
	if a.cluster.options.Direct {
		return a.cluster.replicas[0].address()
	}
	return a.listener.Addr().String()
}

func (a *address) route(number int) {
	a.only.Store(int32(number))
	a.hangUp()
}

// pick chooses the replicas that are ready by turns.
func (a *address) pick() (string, bool) {
	replicas := a.cluster.replicas
	if only := int(a.only.Load()); only != AnyManager {
		replicas = replicas[only : only+1]
	}
	turn := int(a.turn.Add(1))
	for i := range replicas {
		if r := replicas[(turn+i)%len(replicas)]; a.cluster.isReady(r) {
			return r.address(), true
		}
	}
	return "", false
}

// point replaces the Service in a webhook configuration by a URL, and puts the CA beside it,
// which the operator does in a real cluster.
func (w *webhooks) point(object *unstructured.Unstructured, ca []byte) error {
	list, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, webhook := range list {
		webhook := webhook.(map[string]any)
		path, found, err := unstructured.NestedString(webhook, "clientConfig", "service", "path")
		if err != nil || !found {
			return fmt.Errorf("webhook %v has no path: %w", webhook["name"], err)
		}
		to := w.others
		if strings.Contains(path, "vmi") {
			to = w.vmis
		}
		webhook["clientConfig"] = map[string]any{
			"url":      "https://" + to.String() + path,
			"caBundle": base64.StdEncoding.EncodeToString(ca),
		}
	}
	return unstructured.SetNestedSlice(object.Object, list, "webhooks")
}
