// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/hooks/info"
	"kubevirt.io/kubevirt/pkg/hooks/v1alpha3"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// socketDir is where every sidecar makes its socket. It is ours alone: see enter.
const socketDir = "/var/run/kubevirt-hooks"

// patience is how long a sidecar may take to answer Info; KubeVirt waits for minutes.
const patience = 30 * time.Second

// program is a command that becomes a sidecar.
type program struct {
	path string // of the executable
	args []string
	hook string // the folder of a program onDefineDomain for the stock shim; empty for the others
}

// sidecar is a process that answers.
type sidecar struct {
	cmd   *exec.Cmd
	conn  *grpc.ClientConn
	home  string // has the folder of the container, and that the socket
	log   output
	start time.Duration // from the process's start to the answered Info
}

// launch starts a sidecar and waits for its Info. The socket then moves to a folder of its own, so that
// socketDir is empty for the next one.
func launch(ctx context.Context, p program) (*sidecar, error) {
	home, err := os.MkdirTemp(socketDir, "")
	if err != nil {
		return nil, err
	}
	s := &sidecar{home: home, cmd: exec.CommandContext(ctx, p.path, p.args...)}
	s.cmd.Env = []string{"CONTAINER_NAME=hook-sidecar-0", "HOME=/", "PATH=" + p.hook + ":" + os.Getenv("PATH")}
	s.cmd.Stderr = &s.log
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	socket, err := s.dial(ctx)
	s.start = time.Since(begin)
	if err == nil {
		container := filepath.Join(home, "hook-sidecar-0")
		err = errors.Join(os.Mkdir(container, 0o755), os.Rename(socket, filepath.Join(container, filepath.Base(socket))))
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(p.path), err, s.log.take())
	}
	return s, nil
}

// dial connects as soon as there is a socket. KubeVirt looks for one every 300 ms only.
func (s *sidecar) dial(ctx context.Context) (socket string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, err := filepath.Glob(socketDir + "/*.sock")
		if err != nil {
			return "", err
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("no socket appeared: %w", ctx.Err())
		}
		if len(found) > 0 {
			socket = found[0]
			break
		}
		time.Sleep(100 * time.Microsecond) // nothing but the folder tells
	}
	s.conn, err = grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 100 * time.Microsecond, Multiplier: 1, MaxDelay: time.Millisecond}, MinConnectTimeout: time.Second}))
	if err != nil {
		return "", err
	}
	_, err = info.NewInfoClient(s.conn).Info(ctx, &info.InfoParams{}, grpc.WaitForReady(true))
	return socket, err
}

// manager is KubeVirt's client, with this sidecar alone.
func (s *sidecar) manager() (hooks.Manager, error) {
	m, err := launcher.NewManager(s.home)
	if err == nil {
		err = m.Collect(1, patience)
	}
	return m, err
}

// define calls OnDefineDomain on the connection that is open.
func (s *sidecar) define(ctx context.Context, in input) (out []byte, took time.Duration, err error) {
	begin := time.Now()
	result, err := v1alpha3.NewCallbacksClient(s.conn).OnDefineDomain(ctx, &v1alpha3.OnDefineDomainParams{DomainXML: in.doc, Vmi: in.vmiJSON})
	return result.GetDomainXML(), time.Since(begin), err
}

// stop ends the process at once and waits until it is gone.
func (s *sidecar) stop() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.home)
}

func stopAll(all []*sidecar) {
	for _, s := range all {
		s.stop()
	}
}

// output keeps what a process writes until it is taken.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := bytes.Clone(o.text.Bytes())
	o.text.Reset()
	return text
}
