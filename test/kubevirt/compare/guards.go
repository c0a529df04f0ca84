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
	"strings"

	celutil "kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/plugins/cel"
)

// guard is what stops an edit that should not be.
type guard struct {
	What                     string
	Script, Plugin, OurPatch string
}

// judgeGuards tries an edit that gives the user power over the pod, a value that is not what it should be, and an edit
// with a mistake in it.
func (c *comparison) judgeGuards(ctx context.Context, f *facts) error {
	emulator := scenario{name: "another emulator", want: replace("<devices>", "<devices><emulator>/var/run/debug/qemu.sh</emulator>")}
	power, err := c.tried(ctx, "An edit that is power over the pod: QEMU is replaced by a program of the user's", "emulator", emulator)
	if err != nil {
		return err
	}
	markup := scenario{name: "markup", vendor: hostile, want: boardOf(escape(hostile))}
	value, err := c.tried(ctx, "The annotation with markup, where each checks it by a pattern", "pattern", markup)
	if err != nil {
		return err
	}
	mistake, err := c.mistake(ctx)
	f.Guards = append(f.Guards, power, value, mistake)
	return err
}

// tried is a row about one scenario.
func (c *comparison) tried(ctx context.Context, what, edit string, s scenario) (guard, error) {
	row := guard{What: what}
	for _, who := range contenders() {
		cell := row.cell(who)
		if cell == nil {
			continue
		}
		made, err := c.first(ctx, who, edit, s)
		var v verdict
		if err == nil {
			v, err = judge(made.doc, made.want, made.out, made.err)
		}
		if err != nil {
			return row, fmt.Errorf("%s, %s: %w", who.name, s.name, err)
		}
		switch v.Word {
		case done, doneBut:
			*cell = "made"
		case notDone:
			*cell = "left out, silently"
		case failed:
			*cell = "refused: `" + firstLine(v.Detail) + "`"
		default:
			*cell = "wrong: " + v.Detail
		}
	}
	return row, nil
}

// cell is that of the contender, if it has one.
func (g *guard) cell(who contender) *string {
	switch who.file {
	case shellFile:
		return &g.Script
	case pluginFile:
		return &g.Plugin
	case patchFile:
		return &g.OurPatch
	}
	return nil
}

// mistake asks who is told before a VM starts that the edit cannot work.
func (c *comparison) mistake(ctx context.Context) (guard, error) {
	g := guard{What: "A mistake: a `sed` without its end, a field that is not there, a bracket too few"}
	script, err := c.open(ctx, contender{file: shellFile}, "mistake", c.base.json)
	if err != nil {
		return g, err // the shim did not start: then it would have told
	}
	_, callErr := script.Define(ctx, c.base.doc, c.base.json)
	script.Stop()
	g.Script = "by the VM that does not start: `" + firstError(callErr) + "`"

	plugin, err := readPlugin(filepath.Join(editsFolder, "mistake", pluginFile))
	if err != nil {
		return g, err
	}
	expression := plugin.(pluginSession).plugins[0].Spec.DomainHooks[0].CEL.Expression
	g.Plugin = "when it is applied: `" + firstError(celutil.GetEvaluator().CompileMutation(expression)) + "`"

	lint := exec.CommandContext(ctx, filepath.Join(c.dir, cli), "lint", "-f", filepath.Join(editsFolder, "mistake", patchFile))
	out, err := lint.CombinedOutput()
	if err == nil {
		return g, errors.New("lint finds nothing wrong with the mistake")
	}
	first, _, _ := bytes.Cut(out, []byte("\n"))
	_, text, _ := strings.Cut(string(first), "DomainPatch mistake: ")
	g.OurPatch = "on a desk and when it is applied: `" + text + "`"
	return g, nil
}

// firstError is the first line of an error; "nothing" if there is none.
func firstError(err error) string {
	if err == nil {
		return "nothing"
	}
	return firstLine(err.Error())
}

// render is what kubectl domainpatch render makes of the domain; nothing if it fails.
func (c *comparison) render(ctx context.Context, patch string, doc, vmi []byte) ([]byte, error) {
	domain, object := filepath.Join(c.dir, "domain.xml"), filepath.Join(c.dir, "vmi.json")
	if err := errors.Join(os.WriteFile(domain, doc, 0o644), os.WriteFile(object, vmi, 0o644)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, cli), "render", "--all", "-f", patch, "-f", policyFile, "--domain", domain, "--vmi", object)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, nil
	}
	return out, err
}
