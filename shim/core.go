// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/domainpatch/domainpatch/patch"
)

// Names of KubeVirt's hooks, as Info announces them (pkg/hooks/info).
const (
	OnDefineDomain  = "OnDefineDomain"
	PreCloudInitIso = "PreCloudInitIso"
	Shutdown        = "Shutdown"
)

// quiet is how long no call must come until memory is given back. The container lives as long as the VM
// and works for milliseconds, and what a call allocated would stay resident all that time: a large
// domain leaves 10 MiB. KubeVirt's calls of an attempt come in quicker succession.
const quiet = time.Second

// giveBack returns to the system what calls left behind. The first collection only sets aside what is in
// pools (sync.Pool), gRPC's buffers above all, and the second one frees it.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

// Engine applies a bundle; *patch.Program is one. See there for what the calls mean.
type Engine interface {
	Domain(ctx context.Context, doc, vmi []byte, first *patch.Report) ([]byte, *patch.Report, error)
	CloudInit(ctx context.Context, data, vmi []byte) ([]byte, *patch.Report, error)
	RequiresCloudInit(ctx context.Context, vmi []byte) (patchID string, err error)
}

// Core answers hook calls, one at a time, whatever protocol brought them. It is what a transport
// adapts. Errors of its calls are *Error.
type Core struct {
	engine    Engine
	cloudInit bool // PreCloudInitIso is subscribed
	log       *slog.Logger

	turn          chan struct{} // a mutex whose waiters heed their context
	seed          maphash.Seed  // of fingerprints
	attempt       attempt       // guarded by turn, as is the next
	cloudInitCame bool          // PreCloudInitIso was called
	tidy          *time.Timer   // gives memory back when no call came for a while

	ended chan struct{}
	end   func()
}

// NewCore makes a core for one VM. CloudInit says that PreCloudInitIso was announced to KubeVirt.
func NewCore(engine Engine, cloudInit bool, log *slog.Logger) *Core {
	ended := make(chan struct{})
	return &Core{
		engine:    engine,
		cloudInit: cloudInit,
		log:       log,
		turn:      make(chan struct{}, 1),
		seed:      maphash.MakeSeed(),
		tidy:      time.AfterFunc(quiet, giveBack),
		ended:     ended,
		end:       sync.OnceFunc(func() { close(ended) }),
	}
}

// OnDefineDomain gives the domain XML to define in place of doc. The VMI is JSON.
func (c *Core) OnDefineDomain(ctx context.Context, doc, vmi []byte, purpose Purpose) ([]byte, error) {
	return c.answer(ctx, &call{hook: OnDefineDomain, in: doc, vmi: vmi, purpose: purpose, run: c.define, unpatched: asItCame})
}

// PreCloudInitIso gives the CloudInitData to use in place of data; both are JSON, as is the VMI.
func (c *Core) PreCloudInitIso(ctx context.Context, data, vmi []byte, purpose Purpose) ([]byte, error) {
	return c.answer(ctx, &call{hook: PreCloudInitIso, in: data, vmi: vmi, purpose: purpose, run: c.initCloud, unpatched: unpatchedCloudInit})
}

// Shutdown says that no more calls will come. It may be called more than once.
func (c *Core) Shutdown() { c.end() }

// Rest says that a connection has ended. An answer that is read late still takes memory when the call is long over,
// so the time until memory is given back starts anew.
func (c *Core) Rest() {
	select {
	case c.turn <- struct{}{}:
		c.endTurn()
	default: // the call that runs ends later
	}
}

// Ended is closed by Shutdown.
func (c *Core) Ended() <-chan struct{} { return c.ended }

// call is one hook call on its way through the core.
type call struct {
	hook      string
	in, vmi   []byte
	purpose   Purpose
	run       func(context.Context, *call) error
	unpatched func(in []byte) []byte // the answer where KubeVirt throws it away, in case of an error

	repeat    bool
	out       []byte
	report    *patch.Report
	err       error
	tolerated bool // err is not the caller's: the answer is the input
	waited    time.Duration
	took      time.Duration // without the waiting
}

func asItCame(in []byte) []byte { return in }

func (c *Core) answer(ctx context.Context, k *call) ([]byte, error) {
	came := time.Now()
	k.err = c.takeTurn(ctx)
	k.waited = time.Since(came)
	if k.err == nil {
		defer c.endTurn()
		k.err = c.guard(ctx, k)
		k.took = time.Since(came) - k.waited
	}
	if k.tolerated = k.err != nil && k.purpose.isMigrationTarget(k.vmi); k.tolerated {
		k.out = k.unpatched(k.in)
	}
	c.record(ctx, k)
	if k.err != nil && !k.tolerated {
		return nil, &Error{Reason: k.err}
	}
	return k.out, nil
}

func (c *Core) takeTurn(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		c.tidy.Stop()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the caller gave up waiting for another call: %w", ctx.Err())
	}
}

func (c *Core) endTurn() {
	c.tidy.Reset(quiet)
	<-c.turn
}

// guard runs the call and turns a panic into an error, so that KubeVirt and the user learn of it
// and the next call finds a server. What the panic says may quote the document, so only a
// runtime error's text is logged.
func (c *Core) guard(ctx context.Context, k *call) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		text := fmt.Sprintf("%T", cause)
		if known, ok := cause.(runtime.Error); ok {
			text = known.Error()
		}
		stack := debug.Stack()
		c.log.Error("panic", "hook", k.hook, "cause", text, "stack", string(stack[:min(len(stack), maxLoggedStack)]))
		err = errPanic
	}()
	return k.run(ctx, k)
}

// checkVMI refuses what no launcher sends, also where no rule reads the VMI: the engine parses it only then,
// for that takes longer than most patches do.
func checkVMI(vmi []byte) error {
	switch {
	case len(vmi) == 0:
		return errors.New("malformed request: the VMI is empty")
	case !json.Valid(vmi):
		return fmt.Errorf("malformed request: the VMI is not JSON: %w", json.Unmarshal(vmi, new(json.RawMessage)))
	case !bytes.HasPrefix(bytes.TrimLeft(vmi, " \t\r\n"), []byte("{")):
		return errors.New("malformed request: the VMI is not a JSON object")
	}
	return nil
}

func (c *Core) define(ctx context.Context, k *call) error {
	got := fingerprint{domain: maphash.Bytes(c.seed, k.in), vmi: maphash.Bytes(c.seed, k.vmi)}
	first := c.attempt.begin(k.in, got)
	k.repeat = first != nil
	if !k.repeat { // which brings the VMI of the first call: it passed, and asking takes as long as a repeat
		if err := checkVMI(k.vmi); err != nil {
			return err
		}
		if err := c.missedCloudInit(ctx, k); err != nil {
			return err
		}
	}
	out, report, err := c.engine.Domain(ctx, k.in, k.vmi, first)
	k.report = report
	if err == nil {
		err = ctx.Err() // nobody reads the answer, so it is none
	}
	if err != nil {
		return err
	}
	c.attempt.succeed(got, first, report)
	k.out = out
	return nil
}

// missedCloudInit is an error where a patch that must apply has rules for cloud-init and
// PreCloudInitIso did not come. The sidecar that KubeVirt picked stays the same as long as the
// launcher lives, and ours in its pod: who got the call of one attempt gets that of all.
func (c *Core) missedCloudInit(ctx context.Context, k *call) error {
	if c.attempt.cloudInit {
		return nil
	}
	id, err := c.engine.RequiresCloudInit(ctx, k.vmi)
	switch {
	case err != nil || id == "":
		return err
	case c.cloudInitCame: // and failed, else the attempt would know of it
		return fmt.Errorf("%s: %w", id, errCloudInitFailed)
	case c.cloudInit:
		return fmt.Errorf("%s: %w", id, errTaken)
	}
	return fmt.Errorf("%s: %w", id, errNotSubscribed)
}

// initCloud opens an attempt: KubeVirt calls PreCloudInitIso (preStartHook in virtwrap/manager.go)
// before the first OnDefineDomain of every attempt. A failure leaves an attempt that must not go on.
func (c *Core) initCloud(ctx context.Context, k *call) error {
	c.attempt = attempt{}
	c.cloudInitCame = true
	if err := checkVMI(k.vmi); err != nil {
		return err
	}
	out, report, err := c.engine.CloudInit(ctx, k.in, k.vmi)
	k.report = report
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	c.attempt.cloudInit = true
	k.out = out
	return nil
}
