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
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/domainpatch/domainpatch/test/freeport"
)

// restartDelay is how long a manager that ended by itself stays away. A kubelet waits longer.
const restartDelay = time.Second

// replica is one of the operator's Pods.
type replica struct {
	name         string
	port, health int
	args         []string
	ends         atomic.Int32 // by itself

	// Guarded by the cluster's mutex.
	process *process // the last one; nil before the first
	killed  bool     // by KillManager, since the last start
}

// newReplica makes a replica that serves on ports of its own.
func newReplica(name string, args []string) (*replica, error) {
	port, err := freeport.Find()
	if err != nil {
		return nil, err
	}
	health, err := freeport.Find()
	if err != nil {
		return nil, err
	}
	args = append(args[:len(args):len(args)], "--webhook-port", strconv.Itoa(port), "--health-address", fmt.Sprintf("127.0.0.1:%d", health))
	return &replica{name: name, port: port, health: health, args: args}, nil
}

func (r *replica) address() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

func (c *Cluster) startReplica(r *replica) error {
	cmd := exec.Command(filepath.Join(c.tools.own, "manager"), r.args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.environment...)
	p := &process{name: r.name, cmd: cmd, expendable: c.options.RestartManagers}
	if err := c.start(p); err != nil {
		return err
	}
	c.mutex.Lock()
	r.process, r.killed = p, false
	c.mutex.Unlock()
	go c.watchReplica(r, p)
	return nil
}

// watchReplica plays the kubelet for one process of a replica: it asks whether it is ready, and
// starts the next one, where that is wanted, when it ends by itself.
func (c *Cluster) watchReplica(r *replica, p *process) {
	awaitReady(fmt.Sprintf("http://127.0.0.1:%d/readyz", r.health), p)
	<-p.done
	c.mutex.Lock()
	again := c.options.RestartManagers && !r.killed && !c.stopped
	c.mutex.Unlock()
	if !again {
		return
	}
	r.ends.Add(1)
	time.AfterFunc(restartDelay, func() {
		c.forget(p)
		_ = c.startReplica(r) // fails only where the cluster has been stopped meanwhile
	})
}

func awaitReady(url string, p *process) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for getOK(context.Background(), url) != nil {
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
	}
	p.ready.Store(true)
}

// KillManager kills a replica of the manager with SIGKILL; the first one has the number 0. It
// stays away until StartManager. One that is between its end and its restart cannot be killed.
func (c *Cluster) KillManager(number int) error {
	r := c.replicas[number]
	c.mutex.Lock()
	p, gone := r.process, r.killed
	if p.ended() {
		gone = true
	}
	r.killed = true
	c.mutex.Unlock()
	if gone {
		return fmt.Errorf("%s does not run", r.name)
	}
	c.forget(p)
	p.signal(syscall.SIGKILL)
	<-p.done
	return nil
}

// StartManager starts a replica again that KillManager killed. The webhooks' address leads to it
// when it is ready.
func (c *Cluster) StartManager(number int) error { return c.startReplica(c.replicas[number]) }

// AwaitManagers waits until all replicas of the manager are ready.
func (c *Cluster) AwaitManagers(ctx context.Context) error {
	return c.Until(ctx, "the manager is ready", func(context.Context) error {
		for _, r := range c.replicas {
			if !c.isReady(r) {
				return errors.New(r.name + " is not")
			}
		}
		return nil
	})
}

func (c *Cluster) isReady(r *replica) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return r.process != nil && r.process.ready.Load() && !r.process.ended()
}

// ManagerEnds is how often a manager ended by itself and was started again.
func (c *Cluster) ManagerEnds() int {
	n := 0
	for _, r := range c.replicas {
		n += int(r.ends.Load())
	}
	return n
}
