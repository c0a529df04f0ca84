// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	registry "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/counts"
	"github.com/domainpatch/domainpatch/controllers/domainpatch"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/program"
	"github.com/domainpatch/domainpatch/controllers/template"
)

// newManager wires everything that the operator runs.
func newManager(cfg *rest.Config, opts options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), kubevirt.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(),
		Metrics:                       metricsserver.Options{BindAddress: opts.metricsAddress},
		HealthProbeBindAddress:        opts.healthAddress,
		PprofBindAddress:              opts.profilingAddress,
		LeaderElection:                opts.leaderElection,
		LeaderElectionID:              "domainpatch-manager",
		LeaderElectionNamespace:       opts.namespace,
		LeaderElectionReleaseOnCancel: true, // the process ends right after
	})
	if err != nil {
		return nil, fmt.Errorf("cannot create the manager: %w", err)
	}
	programs := program.NewCache()
	if err := addReconcilers(mgr, opts, programs); err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	if opts.renderInto == renderIntoTemplate {
		return mgr, addTemplates(mgr, opts, programs)
	}
	return mgr, addWebhooks(mgr, opts, programs)
}

// cacheOptions says what of the cluster is kept in memory: of VMIs what Slim leaves, of ConfigMaps the
// bundles, and of events those that say why a VM could not be started. A transform for VMIs alone would need
// KubeVirt to be installed when the manager starts.
func cacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: kubevirt.Slim(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}: bundles.CacheOptions(),
			&corev1.Event{}:     {Field: kubevirt.SyncFailures(), Transform: kubevirt.SlimEvent},
		},
	}
}

func addReconcilers(mgr ctrl.Manager, opts options, programs *program.Cache) error {
	conditions := &domainpatch.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("domainpatch"),
		Templates: opts.renderInto == renderIntoTemplate}
	numbers := &counts.Reconciler{Client: mgr.GetClient(), Compile: programs.Compile, Events: mgr.GetEventRecorder("domainpatch"), Interval: counts.Interval}
	users := []bundles.Users{bundles.VMIs{Reader: mgr.GetAPIReader()}}
	if opts.renderInto == renderIntoTemplate {
		users = append(users, template.Users{Reader: mgr.GetAPIReader()})
	}
	configMaps := &bundles.Reconciler{
		Store:      bundleStore(mgr),
		Cache:      mgr.GetClient(),
		Users:      users,
		Compiler:   programs.Compiler(),
		Events:     mgr.GetEventRecorder("domainpatch"),
		SweepAfter: opts.bundleSweepAfter,
	}
	return errors.Join(conditions.SetupWithManager(mgr), numbers.SetupWithManager(mgr), configMaps.SetupWithManager(mgr))
}

func bundleStore(mgr ctrl.Manager) *bundles.Store {
	return &bundles.Store{Reader: mgr.GetAPIReader(), Writer: mgr.GetClient()}
}

// addTemplates renders without webhooks.
func addTemplates(mgr ctrl.Manager, opts options, programs *program.Cache) error {
	templates := &template.Reconciler{Client: mgr.GetClient(), Bundles: bundleStore(mgr), Compiler: programs.Compiler(), Image: opts.image, Events: mgr.GetEventRecorder("domainpatch")}
	return errors.Join(templates.SetupWithManager(mgr), mgr.AddReadyzCheck("ping", healthz.Ping))
}

func addWebhooks(mgr ctrl.Manager, opts options, programs *program.Cache) error {
	certified, err := addCertificates(mgr, opts)
	if err != nil {
		return err
	}
	if err := registry.Registry.Register(metrics.Certificate{File: filepath.Join(opts.certDir, "tls.crt")}); err != nil {
		return err
	}
	server := lateServer{
		Server:    webhook.NewServer(webhook.Options{Host: opts.webhookHost, Port: opts.webhookPort, CertDir: opts.certDir}),
		certified: certified,
	}
	live, err := admission.NewLive(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	webhooks := &admission.Webhooks{
		Live:     live,
		Reader:   mgr.GetAPIReader(),
		Bundles:  bundleStore(mgr),
		Compiler: programs.Compiler(),
		Image:    opts.image,
		Events:   mgr.GetEventRecorder("domainpatch"),
		Lockdown: admission.Lockdown{Mode: opts.lockdown, Image: opts.image},
	}
	webhooks.Register(server)
	return errors.Join(
		mgr.Add(server),
		mgr.AddReadyzCheck("webhooks", server.StartedChecker()),
	)
}

// lateServer is a webhook server that starts when its certificate is there.
type lateServer struct {
	webhook.Server
	certified <-chan struct{}
}

// Start waits for the certificate and serves.
func (s lateServer) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.certified:
		return s.Server.Start(ctx)
	}
}
