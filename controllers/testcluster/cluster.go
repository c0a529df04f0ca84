// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package testcluster starts an API server for tests, with the kinds of DomainPatch, stand-ins
// for KubeVirt's and, if asked for, the webhook configurations that are shipped. It is for
// tests of packages two folders below the module's root, and no part of the product.
package testcluster

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

const (
	root         = "../.."
	kubevirtCRDs = root + "/controllers/testcluster/testdata/kubevirt.yaml"
	pluginCRD    = root + "/controllers/testcluster/testdata/plugin.yaml"
)

// Cluster is a running API server and an admin's client for it.
type Cluster struct {
	Env *envtest.Environment
	client.Client
	// AuditLog is the file with what the user of Options.Audit asked for: one JSON object per
	// line, of kind Event and group audit.k8s.io, without contents.
	AuditLog string
}

// Options says what is installed.
type Options struct {
	// NoKubeVirt leaves KubeVirt's kinds out.
	NoKubeVirt bool
	// Webhooks installs the webhook configurations, with URLs that lead to
	// Cluster.Env.WebhookInstallOptions.LocalServingHost and -Port.
	Webhooks bool
	// Audit is a user whose requests are logged; empty for none.
	Audit string
}

// Start starts an API server that ends with the test.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set, so there is no API server to ask: run `make test`, which sets it")
	}
	log.SetLogger(logr.Discard())
	env := &envtest.Environment{
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
		CRDInstallOptions: envtest.CRDInstallOptions{
			Paths: []string{root + "/config/crd"}, ErrorIfPathMissing: true, MaxTime: time.Minute},
	}
	if !opts.NoKubeVirt {
		env.CRDInstallOptions.Paths = append(env.CRDInstallOptions.Paths, kubevirtCRDs)
	}
	if opts.Webhooks {
		env.WebhookInstallOptions.Paths = []string{root + "/config/webhook/mutating.yaml", root + "/config/webhook/validating.yaml"}
	}
	auditLog := ""
	if opts.Audit != "" {
		auditLog = audit(t, env.ControlPlane.GetAPIServer(), opts.Audit)
	}
	config, err := env.Start()
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return &Cluster{Env: env, Client: c, AuditLog: auditLog}
}

// audit makes the API server log what a user asks for, and returns the file.
func audit(t testing.TB, server *envtest.APIServer, user string) string {
	t.Helper()
	folder := t.TempDir()
	policy, file := filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "audit.log")
	err := os.WriteFile(policy, fmt.Appendf(nil, `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: [%q]}
- {level: None}
`, user), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	server.Configure().Set("audit-policy-file", policy).Set("audit-log-path", file)
	return file
}

// Scheme knows all kinds that the operator uses.
func Scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, kubevirt.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// InstallKubeVirtCRDs adds KubeVirt's kinds to a cluster that has none.
func (c *Cluster) InstallKubeVirtCRDs(t testing.TB) { c.installCRDs(t, kubevirtCRDs) }

// InstallPluginCRD adds KubeVirt's kind Plugin.
func (c *Cluster) InstallPluginCRD(t testing.TB) { c.installCRDs(t, pluginCRD) }

func (c *Cluster) installCRDs(t testing.TB, file string) {
	t.Helper()
	if _, err := envtest.InstallCRDs(c.Env.Config, envtest.CRDInstallOptions{Paths: []string{file}, ErrorIfPathMissing: true, MaxTime: time.Minute}); err != nil {
		t.Fatal(err)
	}
}

// Add creates objects, or ends the test.
func (c *Cluster) Add(t testing.TB, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("cannot create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// Namespace creates a namespace with labels given as key, value, ...
func (c *Cluster) Namespace(t testing.TB, name string, labels ...string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for i := 0; i < len(labels); i += 2 {
		namespace.Labels[labels[i]] = labels[i+1]
	}
	c.Add(t, namespace)
	return name
}
