// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// anyVMI is the least that a call may bring.
var anyVMI = []byte("{}")

// fakeEngine does what its functions say; without one it returns the input.
type fakeEngine struct {
	domain       func(ctx context.Context, doc, vmi []byte, first *patch.Report) ([]byte, *patch.Report, error)
	cloudInit    func(ctx context.Context, data, vmi []byte) ([]byte, *patch.Report, error)
	hasCloudInit bool
}

func (f *fakeEngine) Domain(ctx context.Context, doc, vmi []byte, first *patch.Report) ([]byte, *patch.Report, error) {
	if f.domain == nil {
		return doc, &patch.Report{}, nil
	}
	return f.domain(ctx, doc, vmi, first)
}

func (f *fakeEngine) CloudInit(ctx context.Context, data, vmi []byte) ([]byte, *patch.Report, error) {
	if f.cloudInit == nil {
		return data, &patch.Report{}, nil
	}
	return f.cloudInit(ctx, data, vmi)
}

func (f *fakeEngine) RequiresCloudInit(context.Context, []byte) (string, error) {
	if f.hasCloudInit {
		return "DomainPatch ns/p", nil
	}
	return "", nil
}

// logBuffer collects the log of a server that runs beside the test.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// running is a server under test and a connection to it.
type running struct {
	*grpc.ClientConn
	server *Server
	log    *logBuffer
	ended  chan error // what Serve returned
	cancel context.CancelFunc
}

// startFake serves the engine; unset fields of the configuration get what KubeVirt would give.
func startFake(t *testing.T, engine Engine, cfg Config) *running {
	t.Helper()
	return start(t, cfg, func(cfg Config, log *slog.Logger) (*Server, error) { return listenWith(engine, cfg, log) })
}

// hooksWith lists the hooks to announce, with or without PreCloudInitIso.
func hooksWith(cloudInit bool) []string {
	if cloudInit {
		return []string{OnDefineDomain, PreCloudInitIso}
	}
	return []string{OnDefineDomain}
}

// startBundle serves a bundle file.
func startBundle(t *testing.T, cfg Config) *running {
	t.Helper()
	return start(t, cfg, Listen)
}

func start(t *testing.T, cfg Config, listen func(Config, *slog.Logger) (*Server, error)) *running {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "v1alpha3"
	}
	cfg.SocketDir = shortDir(t)
	cfg.Container = "hook-sidecar-0"
	r := &running{log: &logBuffer{}, ended: make(chan error, 1)}
	server, err := listen(cfg, slog.New(slog.NewJSONHandler(r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.server, r.cancel = server, cancel
	finished := make(chan struct{})
	go func() {
		r.ended <- server.Serve(ctx)
		close(finished)
	}()
	r.ClientConn = dial(t, server.Path())
	t.Cleanup(func() { cancel(); <-finished })
	return r
}

func dial(t testing.TB, path string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// shortDir is a t.TempDir whose name leaves room for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shim")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// soon bounds a call that must not hang.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// writeBundle writes the bundle of these patches and gives the file and its SHA-256.
func writeBundle(t testing.TB, patches ...bundle.Patch) (path, sum string) {
	t.Helper()
	data, err := bundle.Encode(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: patches})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, data), bundle.Sum(data)
}

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "onDefineDomain")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
