// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// patience is how long anything may take to become ready or to happen, unless the caller allows
// more. It is long, for machines that are busy with other things; nothing waits for it to pass
// unless something is wrong.
const patience = 3 * time.Minute

// Options are what callers may choose.
type Options struct {
	// Logs is the folder for the logs of the processes, one file each. It is created, and
	// left in place by Stop. Required.
	Logs string
	// Progress, if set, is told what has been started and how long that took.
	Progress func(what string, took time.Duration)

	// Managers is how many replicas of the manager run; 0 means one. They have names from
	// manager-0 on, and are reached by addresses that lead to those that are ready.
	Managers int
	// Config is the kustomization below config that is installed; empty means default.
	Config string
	// ManagerFlags follow those of config/default, for example --log-level=debug.
	ManagerFlags []string
	// RestartManagers is whether a manager that ends by itself is started again, which the
	// kubelet would do. Without it that is an error.
	RestartManagers bool
	// APIServerFlags are added to those of kube-apiserver, without dashes.
	APIServerFlags map[string]string
	// Controllers are those of kube-controller-manager's that run, for example
	// namespace-controller. Without any it does not run.
	Controllers []string
	// KubeVirt is the folder of KubeVirt's programs, of another release, say: virt-api, virt-controller,
	// and what stands for our kubevirt-manifests and launcher. Empty means bin/kubevirt.
	KubeVirt string
	// DefinitionsOnly leaves KubeVirt's programs and webhooks out: of KubeVirt there are the
	// definitions and the object that configures it. VMIs are then what clients make of them.
	DefinitionsOnly bool
	// Direct is whether webhooks are called at the first manager's own address, for measuring.
	// They cannot be routed then.
	Direct bool
}

// Cluster is a running cluster. The embedded client is the admin's, and talks to the API
// server without a cache.
type Cluster struct {
	client.Client

	options     Options
	tools       tools
	dir         string // what the processes work on; part of each one's command line
	certificate certificate
	servers     envtest.ControlPlane
	config      *rest.Config // the admin's

	kubeVirt   []kubeVirtServer
	configured uint64 // resource version of the KubeVirt object
	shimImage  string // which stands for the program shim

	environment []string // of the manager, beside that of this program
	replicas    []*replica
	webhooks    webhooks

	mutex     sync.Mutex
	stopped   bool
	processes []*process
	detach    func() bool
	stop      func() error
}

// Start starts a cluster with the feature gate Sidecar on, and returns when everything in it
// is ready. The cluster stops when ctx ends, or with Stop.
//
// It fails, and names the make target to run, where a program is missing.
func Start(ctx context.Context, options Options) (_ *Cluster, err error) {
	tools, err := findTools(options.KubeVirt)
	if err != nil {
		return nil, err
	}
	if err := makeLogs(options.Logs); err != nil {
		return nil, fmt.Errorf("cannot make the folder for logs: %w", err)
	}
	dir, err := os.MkdirTemp("", "domainpatch-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: options, tools: tools, dir: dir}
	c.tools.own = filepath.Join(dir, "programs")
	c.stop = sync.OnceValue(c.stopAll)
	defer func() {
		if err != nil {
			_ = c.stop() // what it says follows from err
		}
	}()
	if c.certificate, err = newCertificate(filepath.Join(dir, "certificate")); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"the control plane", c.startControlPlane},
		{"KubeVirt", c.startKubeVirt},
		{"the operator", c.startOperator},
	} {
		begin := time.Now()
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("cannot start %s: %w", step.what, err)
		}
		if options.Progress != nil {
			options.Progress(step.what, time.Since(begin))
		}
	}
	c.detach = context.AfterFunc(ctx, func() { _ = c.stop() }) // Stop returns the error again
	return c, nil
}

// Config is the admin's, for other clients than the embedded one.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// makeLogs makes the folder for logs, without those of an earlier cluster.
func makeLogs(folder string) error {
	logs, err := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, log := range logs {
		err = errors.Join(err, os.Remove(log))
	}
	return errors.Join(err, os.MkdirAll(folder, 0o755))
}

// Stop ends all processes and removes their files, but for the logs. It fails where the
// manager or a sidecar did not end well, or something could not be stopped. Further calls
// do nothing and return the same.
func (c *Cluster) Stop() error {
	c.detach()
	return c.stop()
}

func (c *Cluster) stopAll() error {
	c.mutex.Lock()
	c.stopped = true
	processes := c.processes
	c.mutex.Unlock()
	errs := stopAll(processes)
	c.webhooks.close()
	errs = append(errs, c.servers.Stop())
	left, err := childrenOn(c.dir)
	errs = append(errs, err)
	for _, process := range left {
		errs = append(errs, fmt.Errorf("had to kill %s", process), process.Kill())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// Until tries until done succeeds. It fails when ctx ends, when a process of the cluster has
// ended, or when it takes too long; the error then holds the last one of done.
func (c *Cluster) Until(ctx context.Context, what string, done func(context.Context) error) error {
	return c.UntilWithin(ctx, patience, what, done)
}

// UntilWithin is Until with another limit.
func (c *Cluster) UntilWithin(ctx context.Context, limit time.Duration, what string, done func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%v have passed", limit))
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		err := done(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // else it is about ctx
			last = err
		}
		if dead := c.checkProcesses(); dead != nil && ctx.Err() == nil {
			return fmt.Errorf("gave up waiting until %s: %w", what, dead)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting until %s: %w; last: %w", what, context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}

// checkProcesses fails if a process that should run has ended.
func (c *Cluster) checkProcesses() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, p := range c.processes {
		if err := p.died(); err != nil {
			return err
		}
	}
	return nil
}
