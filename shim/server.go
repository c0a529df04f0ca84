// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/domainpatch/domainpatch/shim/proto/info"
)

const (
	// maxMessage bounds what one call carries, in bytes. The engine has narrower limits for each document
	// and says so in our words, which gRPC does not, so this one only stops the absurd: KubeVirt
	// sends the VMI (etcd holds 1.5 MiB) and the cloud-init data twice (two Secrets of 1 MiB).
	maxMessage = 8 << 20
	// patience is how long calls in flight may take to end when the server is told to, and lastPatience how
	// long after they were cancelled, which kills the programs that they run.
	patience     = 500 * time.Millisecond
	lastPatience = 300 * time.Millisecond
)

// Config says what to serve and where.
type Config struct {
	// Version is the one version of the hook protocol to serve: v1alpha1, v1alpha2 or v1alpha3.
	Version string
	// Bundle is the file of the bundle.
	Bundle string
	// SHA256 is the bundle's expected hash in 64 lower-case hexadecimal digits; empty: any.
	SHA256 string
	// Hooks are the hooks to announce beside Shutdown: OnDefineDomain, or that and PreCloudInitIso, which v1alpha1
	// does not have. Empty: OnDefineDomain, or with AllowExec what the bundle or a program serves.
	Hooks []string
	// AllowExec runs the user's programs onDefineDomain and preCloudInitIso of PATH behind the patches. A
	// bundle file that is missing, or that is a program, is then no error without RequireBundle and SHA256.
	AllowExec bool
	// RequireBundle wants a bundle in spite of AllowExec.
	RequireBundle bool
	// SocketDir is where virt-launcher looks for the socket.
	SocketDir string
	// Container makes the socket's name unique in the pod: KubeVirt's CONTAINER_NAME.
	Container string
}

// isHexSum is asked at every start, and the regular expression would take a hundredth of that to compile.
func isHexSum(text string) bool {
	return len(text) == 2*sha256.Size && strings.Trim(text, "0123456789abcdef") == ""
}

// Validate reports what of the configuration can never work. It reads no file.
func (c Config) Validate() error {
	v, err := versionNamed(c.Version)
	if err != nil {
		return err
	}
	if err := v.validate(c.Hooks); err != nil {
		return err
	}
	if c.SHA256 != "" && !isHexSum(c.SHA256) {
		return fmt.Errorf("%q is not a SHA-256: want 64 lower-case hexadecimal digits", c.SHA256)
	}
	return nil
}

// Server is a core on a socket.
type Server struct {
	core     *Core
	grpc     *grpc.Server
	socket   *socket
	patience time.Duration // see there
	log      *slog.Logger
}

// mayLack tells whether a bundle that cannot be loaded for this reason is simply not there.
func (c Config) mayLack(reason error) bool {
	return c.AllowExec && !c.RequireBundle && c.SHA256 == "" && (errors.Is(reason, fs.ErrNotExist) || errors.Is(reason, errProgram))
}

// Listen reads and compiles the bundle and then opens the socket. A bundle that cannot be used is no
// error here: see the package comment. Nothing answers before Serve, but connections wait.
func Listen(cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	bundle, err := load(cfg.Bundle, cfg.SHA256)
	if bundle.sum != "" {
		log = log.With("bundle", bundle.sum)
	}
	var engine Engine = bundle
	switch {
	case err != nil && cfg.mayLack(err):
		engine = unpatched{}
	case err != nil:
		log.Error("the bundle cannot be used, every hook call will fail", "error", loggedText(err.Error(), maxLoggedError, logsWhole(context.Background(), log)))
		engine = unusable{reason: err}
	}
	if cfg.AllowExec {
		var notRun string
		if !errors.Is(err, errProgram) {
			notRun = cfg.Bundle
		}
		programs := findPrograms(engine, notRun, log)
		if len(cfg.Hooks) == 0 {
			cfg.Hooks = programs.hooks(bundle.cloudInit, cfg.Version)
		}
		programs.warn(cfg.Hooks, log)
		engine = programs
	} else if len(cfg.Hooks) == 0 {
		cfg.Hooks = []string{OnDefineDomain}
	}
	return listenWith(engine, cfg, log)
}

// listenWith is Listen with a given engine. The configuration is valid and has its hooks.
func listenWith(engine Engine, cfg Config, log *slog.Logger) (*Server, error) {
	v, err := versionNamed(cfg.Version)
	if err != nil {
		return nil, err
	}
	s := &Server{
		core: NewCore(engine, slices.Contains(cfg.Hooks, PreCloudInitIso), log),
		grpc: grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.NumStreamWorkers(1)),
		log:  log,

		patience: patience,
	}
	info.RegisterInfoServer(s.grpc, infoServer{answer: v.announcement(cfg.Hooks), log: log})
	v.register(s.grpc, s.core)
	if s.socket, err = listen(cfg.SocketDir, socketName(cfg.Container)); err != nil {
		return nil, err
	}
	attrs := []any{"socket", s.socket.path, "version", cfg.Version}
	if len(cfg.Hooks) > 0 {
		attrs = append(attrs, "hooks", cfg.Hooks)
	}
	log.Info("listening", attrs...)
	return s, nil
}

// Path is the path of the socket.
func (s *Server) Path() string { return s.socket.path }

// Serve answers until Shutdown is called or ctx is done, and returns nil then, at most a second later.
func (s *Server) Serve(ctx context.Context) error {
	defer s.socket.remove()
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(watched{s.socket, s.core.Rest}) }()
	select {
	case <-s.core.Ended():
		s.log.Info("ending", "reason", "Shutdown was called")
	case <-ctx.Done():
		s.log.Info("ending", "reason", context.Cause(ctx).Error())
	case err := <-failed:
		return fmt.Errorf("cannot serve on %s: %w", s.socket.path, errors.Join(err, s.socket.Close()))
	}
	s.stop()
	return nil
}

// stop lets calls in flight, Shutdown among them, answer first. It does not wait for connections on which
// nobody has said anything: gRPC would, for two minutes, even where it is told to stop at once.
func (s *Server) stop() {
	ended := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-time.After(s.patience):
	}
	go s.grpc.Stop()
	select {
	case <-ended:
	case <-time.After(lastPatience):
	}
}
