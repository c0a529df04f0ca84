// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// facts are what became of the edits.
type facts struct {
	Edits  []editFacts
	Shared []keeping // of the domain that others have edited, by contender
	Broken []verdict // of a domain that is cut off, by contender
	Cloud  []cloudFacts
	// CloudLines are those that the user writes for it, by contender.
	CloudLines []string
	Guards     []guard
	CLI        tally // results of the CLI that are the shim's
}

// tally counts what is so, of all.
type tally struct{ Same, All int }

// editFacts are those of one edit, by contender.
type editFacts struct {
	edit
	By []column
}

// column is what one contender made of an edit.
type column struct {
	First      []verdict // by scenario: the first call
	OtherDisks int       // that were changed in those calls, and that nobody wanted changed
	Boot       verdict   // what libvirt gets after KubeVirt's three calls
	Again      verdict   // its own result as input
	Lines      int       // that the user writes
}

func (c *comparison) facts(ctx context.Context) (*facts, error) {
	plain, err := c.passes(unedited{})
	if err != nil {
		return nil, err
	}
	c.last = plain[len(plain)-1].In
	f := &facts{}
	for _, e := range edits() {
		by, err := c.columns(ctx, e, &f.CLI)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		f.Edits = append(f.Edits, editFacts{e, by})
	}
	for _, part := range []func(context.Context, *facts) error{c.judgeShared, c.judgeBroken, c.judgeCloud, c.judgeGuards} {
		if err := part(ctx, f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// atATime is how many contenders work side by side. KubeVirt's client mostly waits, but other tests want the CPUs, too.
const atATime = 3

// columns lets all contenders make the edit. Only DomainPatch counts into cli.
func (c *comparison) columns(ctx context.Context, e edit, cli *tally) ([]column, error) {
	all := contenders()
	by, errs := make([]column, len(all)), make([]error, len(all))
	free := make(chan struct{}, atATime)
	var wait sync.WaitGroup
	for i, who := range all {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			if err := c.judgeEdit(ctx, who, e, &by[i], cli); err != nil {
				errs[i] = fmt.Errorf("%s: %w", who.name, err)
			}
		})
	}
	wait.Wait()
	return by, errors.Join(errs...)
}

func (c *comparison) judgeEdit(ctx context.Context, who contender, e edit, into *column, cli *tally) (err error) {
	for _, s := range e.scenarios {
		made, err := c.first(ctx, who, e.name, s)
		if err == nil && who.file == patchFile {
			err = c.countCLI(ctx, e.name, made, cli)
		}
		var v verdict
		if err == nil {
			v, err = judge(made.doc, made.want, made.out, made.err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		into.First = append(into.First, v)
		into.OtherDisks += otherDisks(made.want, made.out)
	}
	if into.Boot, err = c.boot(ctx, who, e); err != nil {
		return fmt.Errorf("a boot: %w", err)
	}
	if into.Again, err = c.again(ctx, who, e); err != nil {
		return fmt.Errorf("its own result: %w", err)
	}
	into.Lines, err = c.lines(e.name, who)
	return err
}

// call is one OnDefineDomain: what went in, what was wanted, what came out.
type call struct {
	doc, want, vmi []byte
	out            []byte
	err            error
}

// first makes the first call of a new session, with the scenario's input.
func (c *comparison) first(ctx context.Context, who contender, edit string, s scenario) (call, error) {
	var made call
	var err error
	if made.doc, made.want, made.vmi, err = c.base.of(s); err != nil {
		return made, err
	}
	session, err := c.open(ctx, who, edit, made.vmi)
	if err != nil {
		return made, err
	}
	defer session.Stop()
	made.out, made.err = session.Define(ctx, made.doc, made.vmi)
	return made, nil
}

// boot plays all calls of a boot. The last result, which libvirt gets, is compared with the edit of the last input
// that a boot without any edit has.
func (c *comparison) boot(ctx context.Context, who contender, e edit) (verdict, error) {
	session, err := c.open(ctx, who, e.name, c.base.json)
	if err != nil {
		return verdict{}, err
	}
	defer session.Stop()
	manager, err := session.Manager()
	if err != nil {
		return verdict{}, err
	}
	passes, bootErr := c.passes(manager)
	want := e.scenarios[0].want(string(c.last))
	return judge(c.last, []byte(want), passes[len(passes)-1].Out, bootErr)
}

func (c *comparison) passes(manager hooks.Manager) ([]launcher.Pass, error) {
	return (&launcher.Boot{Manager: manager, VMI: c.base.vmi, Passes: launcher.MaxPasses}).Define(c.base.spec.DeepCopy())
}

// again gives the contender its own result. Nothing is wanted then.
func (c *comparison) again(ctx context.Context, who contender, e edit) (verdict, error) {
	session, err := c.open(ctx, who, e.name, c.base.json)
	if err != nil {
		return verdict{}, err
	}
	defer session.Stop()
	once, err := session.Define(ctx, c.base.doc, c.base.json)
	if err != nil {
		return verdict{failed, err.Error()}, nil
	}
	twice, err := session.Define(ctx, once, c.base.json)
	v, err := judge(once, once, twice, err)
	switch v.Word {
	case notDone:
		v.Word = "the same"
	case doneBut:
		v.Word = "more"
	}
	return v, err
}

// countCLI counts whether kubectl domainpatch render gives what the shim gave, byte by byte, or fails as well.
func (c *comparison) countCLI(ctx context.Context, edit string, made call, count *tally) error {
	out, err := c.render(ctx, filepath.Join(editsFolder, edit, patchFile), made.doc, made.vmi)
	if err != nil {
		return err
	}
	count.All++
	if bytes.Equal(out, made.out) {
		count.Same++
	}
	return nil
}

func (c *comparison) judgeShared(ctx context.Context, f *facts) error {
	for _, who := range contenders() {
		made, err := c.first(ctx, who, "baseboard", shared)
		var k keeping
		if err == nil {
			k, err = keep(made.doc, made.want, made.out, made.err)
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", who.name, shared.name, err)
		}
		f.Shared = append(f.Shared, k)
	}
	return nil
}

// judgeBroken gives each contender a domain whose end is lost.
func (c *comparison) judgeBroken(ctx context.Context, f *facts) error {
	for _, who := range contenders() {
		made, err := c.first(ctx, who, "baseboard", broken)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", who.name, broken.name, err)
		}
		v := verdict{Word: "handed on"}
		if made.err != nil {
			v = verdict{failed, made.err.Error()}
		}
		f.Broken = append(f.Broken, v)
	}
	return nil
}
