// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/domainpatch/domainpatch/test/freeport"
)

// ManagerUser is the user as whom the manager talks to the API server.
const ManagerUser = "system:serviceaccount:domainpatch-system:domainpatch-manager"

// Certificate gives the files of a key pair for servers on 127.0.0.1, and its CA as PEM.
func (c *Cluster) Certificate() (certFile, keyFile string, ca []byte) {
	return c.certificate.file, c.certificate.key, c.certificate.pem
}

// ManagerPID is the process of a replica of the manager; the first one has the number 0.
func (c *Cluster) ManagerPID(number int) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.replicas[number].process.cmd.Process.Pid
}

// RestartManager ends a replica of the manager as Kubernetes does, starts it again, and returns
// when it is ready.
func (c *Cluster) RestartManager(ctx context.Context, number int) error {
	r := c.replicas[number]
	c.mutex.Lock()
	p := r.process
	r.killed = true
	c.mutex.Unlock()
	c.forget(p)
	if err := p.stop(); err != nil {
		return err
	}
	if err := c.startReplica(r); err != nil {
		return err
	}
	return c.Until(ctx, r.name+" is ready again", func(context.Context) error {
		if !c.isReady(r) {
			return errors.New("it is not")
		}
		return nil
	})
}

// FreeAddress is one on 127.0.0.1 where nobody listens. Somebody else may take it before it is used.
func FreeAddress() (string, error) {
	port, err := freeport.Find()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
