// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// start is one run of the command hooks.
type start struct {
	launcher.Boot
	out    string
	stdout io.Writer
}

func callHooks(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("hooks", flag.ContinueOnError)
	sockets := flags.String("sockets", "", "")
	file := flags.String("vmi", "", "")
	out := flags.String("out", "", "")
	sidecars := flags.Uint("sidecars", 1, "")
	passes := flags.Int("passes", 0, "")
	timeout := flags.Duration("timeout", time.Minute, "")
	if err := parse(flags, args, false); err != nil {
		return err
	}
	vmi, err := readVMI(*file, stdin)
	if err != nil {
		return err
	}
	manager, err := launcher.NewManager(*sockets)
	if err != nil {
		return err
	}
	s := &start{launcher.Boot{Manager: manager, VMI: vmi, Passes: *passes}, *out, stdout}
	if err := s.Validate(); err != nil {
		return usageError{err}
	}
	if err := clearResults(*out); err != nil {
		return err
	}
	if err := manager.Collect(*sidecars, *timeout); err != nil {
		return fmt.Errorf("virt-launcher panics: %w", err)
	}
	fmt.Fprintf(stdout, "%s/%s: collected %d sidecars\n", vmi.Namespace, vmi.Name, *sidecars)
	if err := s.run(); err != nil {
		return err
	}
	if err := manager.Shutdown(); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	fmt.Fprintln(stdout, "Shutdown: done")
	return nil
}

// run calls the hooks in virt-launcher's order and writes what went in and out.
func (s *start) run() error {
	domain, err := launcher.Convert(s.VMI)
	if err != nil {
		return err
	}
	before, err := launcher.Encode(&domain.Spec)
	if err != nil {
		return err
	}
	if err := s.write("domain.before.xml", before); err != nil {
		return err
	}
	if err := s.cloudInit(); err != nil {
		return err
	}
	passes, failure := s.Define(&domain.Spec)
	for i, pass := range passes {
		if err := s.pass(i+1, pass); err != nil {
			return err
		}
	}
	if failure != nil {
		fmt.Fprintf(s.stdout, "OnDefineDomain %d: failed\n", len(passes))
		return fmt.Errorf("%s", launcher.Condition(failure))
	}
	return s.write("domain.after.xml", passes[len(passes)-1].Out)
}

func (s *start) cloudInit() error {
	before, after, failure := s.CloudInit()
	if before != nil {
		if err := writeJSON(filepath.Join(s.out, "cloud-init.before.json"), before); err != nil {
			return err
		}
	}
	if failure != nil {
		fmt.Fprintln(s.stdout, "PreCloudInitIso: failed")
		return fmt.Errorf("%s", launcher.Condition(failure))
	}
	if after == nil {
		fmt.Fprintln(s.stdout, "PreCloudInitIso: no cloud-init volume")
		return nil
	}
	result := "unchanged"
	if !reflect.DeepEqual(before, after) {
		result = "changed"
	}
	fmt.Fprintf(s.stdout, "PreCloudInitIso: %s\n", result)
	return writeJSON(filepath.Join(s.out, "cloud-init.after.json"), after)
}

func (s *start) pass(number int, pass launcher.Pass) error {
	name := fmt.Sprintf("domain.pass-%d", number)
	if err := s.write(name+".in.xml", pass.In); err != nil || pass.Out == nil {
		return err
	}
	result := "unchanged"
	if string(pass.In) != string(pass.Out) {
		result = fmt.Sprintf("%d bytes in, %d out", len(pass.In), len(pass.Out))
	}
	fmt.Fprintf(s.stdout, "OnDefineDomain %d, %s: %s\n", number, pass.What, result)
	return s.write(name+".out.xml", pass.Out)
}

func (s *start) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(s.out, name), data, 0o644)
}

// clearResults removes the results of an earlier run, so that none is taken for
// one of this run.
func clearResults(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{"domain.before.xml", "domain.after.xml", "domain.pass-*.in.xml", "domain.pass-*.out.xml", "cloud-init.before.json", "cloud-init.after.json"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}
