// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
	"github.com/domainpatch/domainpatch/test/kubevirt/race"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// figures are what the edit baseboard costs.
type figures struct {
	Machine race.Machine
	Rows    []figure
}

// figure is what one contender takes.
type figure struct {
	Name    string
	Call    float64 // milliseconds
	Ready   float64 // milliseconds until it answers Info; 0 for what is no sidecar
	Sidecar float64 // the most that the sidecar ever had resident in a boot, or virt-launcher more, in MB
	Program float64 // and the largest program that it runs per call
}

func (c *comparison) figures(ctx context.Context) (*figures, error) {
	f := &figures{Machine: race.ThisMachine()}
	var calls []race.Contender
	for _, who := range contenders() {
		s, err := c.open(ctx, who, "baseboard", c.base.json)
		if err != nil {
			return nil, err
		}
		defer s.Stop()
		manager, err := s.Manager()
		if err != nil {
			return nil, err
		}
		calls = append(calls, race.Contender{Name: who.name, Do: c.timed(manager)})
	}
	table, err := race.Run(ctx, "", c.rounds, c.turn, calls)
	if err != nil {
		return nil, err
	}
	for _, who := range contenders() {
		row := figure{Name: who.name, Call: table.Of(who.name)}
		if err := c.weigh(ctx, who, &row); err != nil {
			return nil, fmt.Errorf("%s: %w", who.name, err)
		}
		f.Rows = append(f.Rows, row)
	}
	return f, nil
}

// timed is a call as virt-launcher makes it.
func (c *comparison) timed(manager hooks.Manager) func(context.Context) (time.Duration, error) {
	return func(context.Context) (time.Duration, error) {
		begin := time.Now()
		_, err := manager.OnDefineDomain(c.base.spec, c.base.vmi)
		return time.Since(begin), err
	}
}

// weigh measures start and memory of a contender, over the calls of some boots.
func (c *comparison) weigh(ctx context.Context, who contender, row *figure) (err error) {
	if who.file == pluginFile {
		row.Sidecar, err = c.pluginMemory(ctx)
		return err
	}
	var starts, peaks []float64
	for range c.rounds {
		start, peak, err := c.boots(ctx, who)
		if err != nil {
			return err
		}
		starts, peaks = append(starts, start), append(peaks, peak)
	}
	row.Ready, row.Sidecar = race.Median(starts), race.Median(peaks)
	if who.file != patchFile {
		row.Program, err = c.programMemory(ctx, who)
	}
	return err
}

// boots starts a sidecar and makes as many calls as KubeVirt does in a boot. It gives the time to the answered Info, in
// milliseconds, and the most memory that the sidecar had, in MB.
func (c *comparison) boots(ctx context.Context, who contender) (start, peak float64, err error) {
	opened, err := c.open(ctx, who, "baseboard", c.base.json)
	if err != nil {
		return 0, 0, err
	}
	defer opened.Stop()
	s := opened.(sidecarSession)
	for range launcher.MaxPasses {
		if _, err := s.Define(ctx, c.base.doc, c.base.json); err != nil {
			return 0, 0, err
		}
	}
	fields, err := s.Kilobytes()
	return race.Milliseconds(s.Start), fields["VmHWM"] * 1024 / 1e6, err
}

// programMemory is the peak of the largest process that the stock shim's program makes, in MB.
func (c *comparison) programMemory(ctx context.Context, who contender) (float64, error) {
	folder := c.hook("baseboard", who)
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, peak), filepath.Join(folder, hookName("baseboard")),
		"--vmi", string(c.base.json), "--domain", string(c.base.doc))
	cmd.Env = []string{"HOME=" + c.dir, "TMPDIR=" + c.dir, "PATH=" + folder + ":" + os.Getenv("PATH")}
	return megabytes(cmd)
}

// pluginMemory is by how much a process that knows KubeVirt's domain grows when it applies the Plugin, in MB.
func (c *comparison) pluginMemory(ctx context.Context) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	return megabytes(exec.CommandContext(ctx, self, "-plugin-memory"))
}

// megabytes reads what the command prints, in KiB.
func megabytes(cmd *exec.Cmd) (float64, error) {
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return kib * 1024 / 1e6, err
}

// printPluginMemory prints the growth, in KiB, over the calls of a boot.
func printPluginMemory() error {
	in, err := newInput()
	if err != nil {
		return err
	}
	before, err := sidecar.Kilobytes(os.Getpid())
	if err != nil {
		return err
	}
	s, err := readPlugin(filepath.Join(editsFolder, "baseboard", pluginFile))
	if err != nil {
		return err
	}
	for range launcher.MaxPasses {
		if _, err := s.Define(context.Background(), in.doc, in.json); err != nil {
			return err
		}
	}
	after, err := sidecar.Kilobytes(os.Getpid())
	fmt.Println(int(after["VmHWM"] - before["VmHWM"]))
	return err
}
