// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package virttemplate has as much of the VM template client as KubeVirt's
// informers need to compile. The real module is on no Go module proxy.
package virttemplate

import (
	"errors"

	"k8s.io/client-go/rest"
)

// Client is what KubeVirt asks for when the VM template feature is on.
type Client struct{}

// NewForConfig always fails: there are no VM templates here.
func NewForConfig(*rest.Config) (*Client, error) {
	return nil, errors.New("VM templates are not part of this build")
}

func (c *Client) TemplateV1beta1() *Client { return c }

func (c *Client) RESTClient() rest.Interface { return nil }
