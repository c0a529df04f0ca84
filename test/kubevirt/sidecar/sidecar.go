// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package sidecar runs hook sidecars, one after another, for benchmarks and comparisons: each is a process of its own,
// called through KubeVirt's hooks client or on an open connection. See Enter for where they may run.
package sidecar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/hooks/info"
	"kubevirt.io/kubevirt/pkg/hooks/v1alpha3"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
	"github.com/domainpatch/domainpatch/test/kubevirt/output"
)

// SocketDir is where every sidecar makes its socket. It is ours alone: see Enter.
const SocketDir = "/var/run/kubevirt-hooks"

// patience is how long a sidecar may take to answer Info; KubeVirt waits for minutes.
const patience = 30 * time.Second

// Program is a command that becomes a sidecar.
type Program struct {
	Path string // of the executable
	Args []string
	Hook string // the folder of the programs that the stock shim runs; empty for the others
}

// Sidecar is a process that answers.
type Sidecar struct {
	Start time.Duration // from the process's start to the answered Info
	Log   output.Buffer // what it writes

	cmd  *exec.Cmd
	conn *grpc.ClientConn
	home string // has the folder of the container, and that the socket
}

// Launch starts a sidecar and waits for its Info. The socket then moves to a folder of its own, so that
// SocketDir is empty for the next one.
func Launch(ctx context.Context, p Program) (*Sidecar, error) {
	home, err := os.MkdirTemp(SocketDir, "")
	if err != nil {
		return nil, err
	}
	s := &Sidecar{home: home, cmd: exec.CommandContext(ctx, p.Path, p.Args...)}
	s.cmd.Env = []string{"CONTAINER_NAME=hook-sidecar-0", "HOME=" + home, "TMPDIR=" + home, "PATH=" + p.Hook + ":" + os.Getenv("PATH")}
	s.cmd.Stderr = &s.Log
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	socket, err := s.dial(ctx)
	s.Start = time.Since(begin)
	if err == nil {
		container := filepath.Join(home, "hook-sidecar-0")
		err = errors.Join(os.Mkdir(container, 0o755), os.Rename(socket, filepath.Join(container, filepath.Base(socket))))
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(p.Path), err, s.Log.Take())
	}
	return s, nil
}

// dial connects as soon as there is a socket. KubeVirt looks for one every 300 ms only.
func (s *Sidecar) dial(ctx context.Context) (socket string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, err := filepath.Glob(SocketDir + "/*.sock")
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

// Manager is KubeVirt's client, with this sidecar alone.
func (s *Sidecar) Manager() (hooks.Manager, error) {
	m, err := launcher.NewManager(s.home)
	if err == nil {
		err = m.Collect(1, patience)
	}
	return m, err
}

// Define calls OnDefineDomain on the connection that is open.
func (s *Sidecar) Define(ctx context.Context, doc, vmi []byte) (out []byte, took time.Duration, err error) {
	begin := time.Now()
	result, err := v1alpha3.NewCallbacksClient(s.conn).OnDefineDomain(ctx, &v1alpha3.OnDefineDomainParams{DomainXML: doc, Vmi: vmi})
	return result.GetDomainXML(), time.Since(begin), err
}

// Disconnect closes the connection on which Define calls.
func (s *Sidecar) Disconnect() error { return s.conn.Close() }

// CloudInit calls PreCloudInitIso on the connection that is open.
func (s *Sidecar) CloudInit(ctx context.Context, data, vmi []byte) ([]byte, error) {
	result, err := v1alpha3.NewCallbacksClient(s.conn).PreCloudInitIso(ctx, &v1alpha3.PreCloudInitIsoParams{CloudInitData: data, Vmi: vmi})
	return result.GetCloudInitData(), err
}

// Kilobytes are the fields of the process's memory, see the function.
func (s *Sidecar) Kilobytes() (map[string]float64, error) { return Kilobytes(s.cmd.Process.Pid) }

// Kilobytes are the fields of a process's status and smaps_rollup, in KiB (proc(5)).
func Kilobytes(pid int) (map[string]float64, error) {
	fields := map[string]float64{}
	for _, file := range []string{"status", "smaps_rollup"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			key, value, _ := bytes.Cut(line, []byte(":"))
			if number, isSize := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB")); isSize {
				n, err := strconv.ParseFloat(string(number), 64)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
				fields[string(key)] = n
			}
		}
	}
	return fields, nil
}

// Stop ends the process at once and waits until it is gone.
func (s *Sidecar) Stop() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.home)
}

// StopAll stops all of them.
func StopAll(all []*Sidecar) {
	for _, s := range all {
		s.Stop()
	}
}
