// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/race"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// Names of contenders that targets refer to.
const (
	echoName    = "echo server of KubeVirt's stubs"
	firstName   = "DomainPatch, first call"
	repeatName  = "DomainPatch, repeated call"
	celFirst    = "DomainPatch with CEL, first call"
	celRepeat   = "DomainPatch with CEL, repeated call"
	sedName     = "stock shim + sh and sed alone"
	shellName   = "stock shim + KubeVirt's shell script"
	goName      = "stock shim + KubeVirt's Go smbios"
	pythonName  = "stock shim + KubeVirt's Python script"
	ourStart    = "DomainPatch"
	ourCELStart = "DomainPatch with CEL"
	stockStart  = "stock shim"
)

// caller is a sidecar that is called again and again with one input.
type caller struct {
	name    string
	program sidecar.Program
	repeats bool // the measured calls repeat a first one with another input

	*sidecar.Sidecar
	in      input
	manager hooks.Manager
}

// start launches the sidecar and shows that its result is right, but for the echo's, which is its input.
func (c *caller) start(ctx context.Context, first, later input) (err error) {
	if c.Sidecar, err = sidecar.Launch(ctx, c.program); err != nil {
		return err
	}
	if c.manager, err = c.Manager(); err != nil {
		return err
	}
	c.in = first
	if c.name == echoName {
		out, err := c.manager.OnDefineDomain(first.spec, first.vmi)
		if err == nil && out != string(first.doc) {
			err = fmt.Errorf("got\n%s", out)
		}
		return err
	}
	if err := first.pass(c.manager); err != nil || !c.repeats {
		return err
	}
	c.in = later
	return later.pass(c.manager)
}

// throughClient is a call as virt-launcher makes it: encode domain and VMI, dial, call.
func (c *caller) throughClient(context.Context) (time.Duration, error) {
	begin := time.Now()
	_, err := c.manager.OnDefineDomain(c.in.spec, c.in.vmi)
	return time.Since(begin), err
}

// onConnection is a call on the connection that is open.
func (c *caller) onConnection(ctx context.Context) (time.Duration, error) {
	_, took, err := c.Define(ctx, c.in.doc, c.in.vmiJSON)
	return took, err
}

func (b *bench) callers() ([]*caller, error) {
	plain, err := b.shim(ours, "literal", literal())
	if err != nil {
		return nil, err
	}
	cel, err := b.shim(ours, "cel", withCEL())
	if err != nil {
		return nil, err
	}
	return []*caller{
		{name: echoName, program: b.echo()},
		{name: firstName, program: plain},
		{name: repeatName, program: plain, repeats: true},
		{name: celFirst, program: cel},
		{name: celRepeat, program: cel, repeats: true},
		{name: sedName, program: b.stockShim(sedHook)},
		{name: shellName, program: b.stockShim(shellHook)},
		{name: goName, program: b.stockShim(goHook)},
		{name: pythonName, program: b.stockShim(pythonHook)},
	}, nil
}

// calls measures one OnDefineDomain through KubeVirt's client, and the server's side of it.
func (b *bench) calls(ctx context.Context, r *report) error {
	first, err := newInput(0)
	if err != nil {
		return err
	}
	later, err := first.later()
	if err != nil {
		return err
	}
	callers, err := b.callers()
	if err != nil {
		return err
	}
	var client, server []race.Contender
	for _, c := range callers {
		if err := c.start(ctx, first, later); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		defer c.Stop()
		client = append(client, race.Contender{Name: c.name, Do: c.throughClient})
		if c.program.Hook == "" {
			server = append(server, race.Contender{Name: c.name, Do: c.onConnection})
		}
	}
	title := fmt.Sprintf("One OnDefineDomain through KubeVirt's client, fresh dial included, %d bytes", len(first.doc))
	if r.Client, err = race.Run(ctx, title, b.rounds, b.turn, client); err != nil {
		return err
	}
	for _, c := range callers {
		c.Log.Take() // what follows is of the next race
	}
	if r.Server, err = race.Run(ctx, "The same call on an open connection: the server's side", b.rounds, b.turn, server); err != nil {
		return err
	}
	return b.shares(r, callers)
}

// share is what makes up a call on an open connection, in milliseconds.
type share struct {
	Name                string
	Total, GRPC, Engine float64
	LogAndTheRest       float64
}

// shares splits the calls of our shim: gRPC is what the echo server takes, and the engine's time is in our log.
func (b *bench) shares(r *report, callers []*caller) error {
	for _, c := range callers[1:] {
		if c.program.Hook != "" {
			continue
		}
		engine, err := engineTime(c.Log.Take())
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		s := share{Name: c.name, Total: r.Server.Of(c.name), GRPC: r.Server.Of(echoName), Engine: engine}
		s.LogAndTheRest = s.Total - s.GRPC - s.Engine
		r.Rest = append(r.Rest, s)
	}
	return nil
}

// engineTime is the median of durationMs in the shim's log. A line that is not complete yet does not count.
func engineTime(log []byte) (float64, error) {
	var all []float64
	for line := range bytes.Lines(log) {
		var call struct{ DurationMs float64 }
		if json.Unmarshal(line, &call) == nil {
			all = append(all, call.DurationMs)
		}
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("no call in its log:\n%s", log)
	}
	return race.Median(all), nil
}
