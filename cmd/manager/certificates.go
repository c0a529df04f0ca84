// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/domainpatch/domainpatch/controllers/admission"
)

// Webhook configurations.
const (
	webhookConfiguration  = "domainpatch"          // both in config/webhook
	lockdownConfiguration = "domainpatch-lockdown" // in config/lockdown
)

// addCertificates makes the manager create and renew the certificate of the webhooks, if that
// is wanted. The channel is closed when the certificate is in its directory.
//
// The certificate lives in a Secret that is mounted at the directory, and that must exist: it
// is empty when it is installed. Every replica looks after it, since every replica serves.
func addCertificates(mgr ctrl.Manager, opts options) (<-chan struct{}, error) {
	certified := make(chan struct{})
	if !opts.certRotation {
		close(certified)
		return certified, nil
	}
	webhooks := []rotator.WebhookInfo{
		{Name: webhookConfiguration, Type: rotator.Mutating},
		{Name: webhookConfiguration, Type: rotator.Validating},
	}
	if opts.lockdown != admission.LockdownOff {
		webhooks = append(webhooks, rotator.WebhookInfo{Name: lockdownConfiguration, Type: rotator.Validating})
	}
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:      types.NamespacedName{Namespace: opts.namespace, Name: opts.serviceName + "-certificate"},
		CertDir:        opts.certDir,
		CAName:         "domainpatch-ca",
		CAOrganization: "domainpatch",
		DNSName:        fmt.Sprintf("%s.%s.svc", opts.serviceName, opts.namespace),
		IsReady:        certified,
		Webhooks:       webhooks,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot set up the certificates: %w", err)
	}
	return certified, nil
}
