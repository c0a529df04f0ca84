// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// RestartAPIServer ends kube-apiserver in order and starts it again, with the same arguments on the
// same data, and returns when it serves. It cannot be interrupted, but gives up in time.
func (c *Cluster) RestartAPIServer(ctx context.Context) error {
	if err := c.servers.APIServer.Stop(); err != nil {
		return err
	}
	if err := c.servers.APIServer.Start(); err != nil {
		return err
	}
	return c.Until(ctx, "kube-apiserver serves again", func(ctx context.Context) error {
		return c.Get(ctx, client.ObjectKey{Name: "default"}, &corev1.Namespace{})
	})
}

// startControllers starts kube-controller-manager with the wanted controllers, if there are any.
func (c *Cluster) startControllers() error {
	if len(c.options.Controllers) == 0 {
		return nil
	}
	kubeconfig, err := c.kubeconfig("system:kube-controller-manager", "system:masters")
	if err != nil {
		return err
	}
	const program = "kube-controller-manager"
	if err := need(c.tools.controlPlane, `run "make controlplane" without KUBEBUILDER_ASSETS, or set it to a folder that has it`, program); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(c.tools.controlPlane, program), "--kubeconfig", kubeconfig,
		"--controllers", strings.Join(c.options.Controllers, ","), "--leader-elect=false", "--secure-port=0")
	cmd.Dir = c.dir
	return c.start(&process{name: program, cmd: cmd, foreign: true})
}
