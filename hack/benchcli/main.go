// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command benchcli measures kubectl-domainpatch as its users meet it: whole processes, with what they
// read generated from the samples. It prints medians beside what is wanted, and fails where one is missed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

func main() {
	program := flag.String("program", "bin/kubectl-domainpatch", "the `file` to measure")
	samples := flag.String("samples", "config/samples", "`folder` of the samples")
	flag.Parse()
	if err := run(*program, *samples); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// measurement is one line of the result.
type measurement struct {
	what   string
	runs   int
	wanted time.Duration
	codes  []int // exit codes that are fine
	args   []string
}

func run(program, samples string) error {
	dir, err := os.MkdirTemp("", "benchcli")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, err := generate(dir, samples)
	if err != nil {
		return err
	}
	missed := 0
	for _, m := range []measurement{
		{"version, which does nothing", 21, 40 * time.Millisecond, []int{0}, []string{"version"}},
		{"render, 1 patch, 8 KB domain", 21, 40 * time.Millisecond, []int{0}, []string{"render", "-f", in.patch, "--vmi", in.vmi, "--domain", in.domain}},
		{"test, 200 cases", 5, 2 * time.Second, []int{0}, []string{"test", in.cases}},
		{"lint, 1000 patches", 3, 5 * time.Second, []int{0, 1}, []string{"lint", "-f", in.patches}}, // some samples are warned of
	} {
		met, err := m.measure(program)
		if err != nil {
			fmt.Printf("%-30s %v\n", m.what, err)
		}
		if !met {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d measurements are over what is wanted, or failed", missed)
	}
	return nil
}

func (m measurement) measure(program string) (met bool, err error) {
	var times []time.Duration
	var peak int64 // KiB
	for range m.runs {
		c := exec.Command(program, m.args...)
		var errs bytes.Buffer
		c.Stderr = &errs
		start := time.Now()
		err := c.Run()
		times = append(times, time.Since(start))
		if c.ProcessState == nil || !slices.Contains(m.codes, c.ProcessState.ExitCode()) {
			return false, fmt.Errorf("%w: %.500s", err, &errs)
		}
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, usage.Maxrss)
		}
	}
	slices.Sort(times)
	median := times[len(times)/2]
	met = median <= m.wanted
	verdict := map[bool]string{true: "ok", false: "OVER"}[met]
	fmt.Printf("%-30s median %8s of %2d, wanted %6s, peak %4d MiB  %s\n",
		m.what, median.Round(100*time.Microsecond), m.runs, m.wanted, peak>>10, verdict)
	return met, nil
}

// inputs are what the program reads.
type inputs struct{ patch, vmi, domain, cases, patches string }

// generate makes the inputs out of the samples that are domain cases.
func generate(dir, samples string) (inputs, error) {
	in := inputs{
		patch:   filepath.Join(samples, "network-mtu", offline.CasePatch),
		vmi:     filepath.Join(samples, "network-mtu", offline.CaseVMI),
		domain:  filepath.Join(samples, "network-mtu", offline.CaseDomain), // 8 KB
		cases:   filepath.Join(dir, "cases"),
		patches: filepath.Join(dir, "patches"),
	}
	found, err := filepath.Glob(filepath.Join(samples, "*", offline.WantDomain))
	if err != nil || len(found) == 0 {
		return in, fmt.Errorf("%s holds no sample with a %s: %w", samples, offline.WantDomain, err)
	}
	for i := range 200 {
		if err := os.CopyFS(filepath.Join(in.cases, fmt.Sprint(i)), os.DirFS(filepath.Dir(found[i%len(found)]))); err != nil {
			return in, err
		}
	}
	return in, writePatches(in.patches, found)
}

// writePatches writes 1000 patches of different names, so that none is the copy of another.
func writePatches(dir string, found []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range 1000 {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(found[i%len(found)]), offline.CasePatch))
		if err != nil {
			return err
		}
		renamed := strings.ReplaceAll(string(text), "\nmetadata:\n  name: ", fmt.Sprintf("\nmetadata:\n  name: p%d-", i))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(renamed), 0o644); err != nil {
			return err
		}
	}
	return nil
}
