// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "kubevirt.io/api/core/v1"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// printDomain writes the domain exactly as a sidecar gets it: no newline at the end.
func printDomain(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("domain", flag.ContinueOnError)
	file := flags.String("vmi", "", "")
	if err := parse(flags, args, false); err != nil {
		return err
	}
	vmi, err := readVMI(*file, stdin)
	if err != nil {
		return err
	}
	domain, err := encodeDomain(vmi)
	if err != nil {
		return err
	}
	_, err = stdout.Write(domain)
	return err
}

// writeDomains ends its files with a newline, as text files in Git do.
func writeDomains(args []string) error {
	flags := flag.NewFlagSet("domains", flag.ContinueOnError)
	out := flags.String("out", "", "")
	if err := parse(flags, args, true); err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for _, file := range flags.Args() {
		vmi, err := readVMI(file, nil)
		if err != nil {
			return err
		}
		domain, err := encodeDomain(vmi)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if err := os.WriteFile(filepath.Join(*out, name+".xml"), append(domain, '\n'), 0o644); err != nil {
			return err
		}
		if err := writeJSON(filepath.Join(*out, name+".vmi.json"), vmi); err != nil {
			return err
		}
	}
	return nil
}

func encodeDomain(vmi *v1.VirtualMachineInstance) ([]byte, error) {
	domain, err := launcher.Convert(vmi)
	if err != nil {
		return nil, err
	}
	return launcher.Encode(&domain.Spec)
}

func readVMI(file string, stdin io.Reader) (*v1.VirtualMachineInstance, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	vmi, err := launcher.ParseVMI(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return vmi, nil
}

func writeJSON(file string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
