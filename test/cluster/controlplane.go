// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// startControlPlane starts etcd and kube-apiserver with all definitions, ours and KubeVirt's,
// and builds this repository's programs meanwhile.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.tools.build(ctx) })
	group.Go(func() error { return c.startServers(ctx) })
	return group.Wait()
}

func (c *Cluster) startServers(ctx context.Context) error {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if err := c.configureServers(); err != nil {
		return err
	}
	if err := c.runServers(ctx); err != nil {
		return err
	}
	// The API server is for tests: no need to be gentle to it.
	admin, err := c.servers.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, &rest.Config{QPS: 1000, Burst: 2000})
	if err != nil {
		return err
	}
	c.config = admin.Config()
	if c.Client, err = client.New(c.config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	err = c.Until(ctx, "namespace default exists", func(ctx context.Context) error {
		return c.Get(ctx, client.ObjectKey{Name: "default"}, &corev1.Namespace{})
	})
	if err != nil {
		return err
	}
	if err := c.startControllers(); err != nil {
		return err
	}
	return c.createDefinitions(ctx)
}

// createDefinitions creates the custom resource definitions of a cluster, and waits until
// their kinds are served.
func (c *Cluster) createDefinitions(ctx context.Context) error {
	definitions, err := ReadKustomization(filepath.Join(c.tools.root, "config", "crd"))
	if err != nil {
		return err
	}
	foreign, err := c.manifests(ctx)
	if err != nil {
		return err
	}
	definitions = append(definitions, foreign...)
	for _, definition := range definitions {
		if err := c.Create(ctx, definition); err != nil {
			return fmt.Errorf("cannot create %s %s: %w", definition.GetKind(), definition.GetName(), err)
		}
	}
	for _, definition := range definitions {
		err := c.Until(ctx, definition.GetName()+" are served", func(ctx context.Context) error {
			if err := c.Get(ctx, client.ObjectKeyFromObject(definition), definition); err != nil {
				return err
			}
			return wantEstablished(definition)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func wantEstablished(definition *unstructured.Unstructured) error {
	conditions, _, err := unstructured.NestedSlice(definition.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, condition := range conditions {
		if c, ok := condition.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("not established: %v", conditions)
}

// manifests are what KubeVirt's operator would install, see the program.
func (c *Cluster) manifests(ctx context.Context, args ...string) ([]*unstructured.Unstructured, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.tools.kubeVirt, "kubevirt-manifests"), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubevirt-manifests: %w", err)
	}
	return parseManifest("kubevirt-manifests", out)
}

// configureServers says how etcd and kube-apiserver are to run, all their files in the
// cluster's folder.
func (c *Cluster) configureServers() error {
	etcd, server := &envtest.Etcd{}, &envtest.APIServer{}
	c.servers = envtest.ControlPlane{Etcd: etcd, APIServer: server}
	etcd.StartTimeout, etcd.StopTimeout = patience, grace
	server.StartTimeout, server.StopTimeout = patience, grace
	etcd.DataDir, server.CertDir = filepath.Join(c.dir, "etcd"), filepath.Join(c.dir, "kube-apiserver")
	// virt-api wants to know from where requests for aggregated APIs would come.
	server.Configure().
		Set("requestheader-client-ca-file", c.certificate.file).
		Set("requestheader-username-headers", "X-Remote-User").
		Set("requestheader-group-headers", "X-Remote-Group").
		Set("requestheader-extra-headers-prefix", "X-Remote-Extra-")
	for flag, value := range c.options.APIServerFlags {
		server.Configure().Set(flag, value)
	}
	var errs [4]error
	etcd.Path, errs[0] = c.leash("etcd")
	server.Path, errs[1] = c.leash("kube-apiserver")
	etcd.Err, errs[2] = os.Create(filepath.Join(c.options.Logs, "etcd.log"))
	server.Err, errs[3] = os.Create(filepath.Join(c.options.Logs, "kube-apiserver.log"))
	return errors.Join(append(errs[:], os.Mkdir(etcd.DataDir, 0o700), os.Mkdir(server.CertDir, 0o700))...)
}

// leash gives a script that starts a program of the control plane so that it dies with the
// thread that started it, as other processes of a cluster do: envtest has no such setting. Where
// the tool for it is missing, the program outlives a test that is killed.
func (c *Cluster) leash(program string) (string, error) {
	path := filepath.Join(c.tools.controlPlane, program)
	tool, err := exec.LookPath("setpriv")
	if err != nil {
		return path, nil //nolint:nilerr // it is not in every distribution
	}
	script := filepath.Join(c.dir, program+".sh")
	return script, os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' --pdeathsig KILL '%s' \"$@\"\n", tool, path), 0o755)
}

// runServers starts etcd and kube-apiserver. envtest cannot be interrupted: when ctx ends, what
// it starts is killed until it gives up.
func (c *Cluster) runServers(ctx context.Context) error {
	log.SetLogger(logr.Discard()) // controller-runtime complains of none; what envtest logs is in its errors, too
	started := make(chan error, 1)
	go func() { started <- c.servers.Start() }()
	select {
	case err := <-started:
		return err
	case <-ctx.Done():
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-started: //nolint:errcheck // what it says follows from the kills
			return context.Cause(ctx)
		case <-ticker.C:
			left, err := childrenOn(c.dir)
			if err != nil {
				return err
			}
			for _, process := range left {
				_ = process.Kill() // tried again
			}
		}
	}
}

// kubeconfig writes the file by which a program talks to the API server as a user.
func (c *Cluster) kubeconfig(user string, groups ...string) (string, error) {
	added, err := c.servers.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	if err != nil {
		return "", err
	}
	data, err := added.KubeConfig()
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp(c.dir, "kubeconfig-")
	if err != nil {
		return "", err
	}
	_, err = file.Write(data)
	return file.Name(), errors.Join(err, file.Close())
}
