// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/domainpatch/domainpatch/test/kubevirt/examples"
)

// Programs that build makes in its folder.
const (
	ours       = "shim"
	stock      = "sidecars"
	goSMBIOS   = "smbios"
	echoServer = "echo"
)

// build makes the programs, all stripped, as their makers ship them, and the scripts for the stock shim.
func build(ctx context.Context, dir string) error {
	stripped := []string{"-trimpath", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, args := range [][]string{
		append(stripped, "./cmd/launcher", "./bench/echo", "kubevirt.io/kubevirt/cmd/sidecars", examples.SMBIOS),
		append([]string{"-C", "../..", "-tags", "grpcnotrace"}, append(stripped, "./cmd/shim")...),
	} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", args[len(args)-1], err, out)
		}
	}
	return writeHooks(ctx, dir)
}

// hookFolder is the folder of the program onDefineDomain, for the stock shim's PATH.
func hookFolder(dir, name string) string { return filepath.Join(dir, "hook-"+name) }

// Programs that the stock shim runs.
const (
	sedHook    = "sed"
	shellHook  = "shell"
	pythonHook = "python"
	goHook     = "go"
)

// writeHooks makes the folders of the programs that the stock shim runs: the two scripts of KubeVirt's
// README, the shortest shell script that does their edit, and KubeVirt's compiled smbios.
func writeHooks(ctx context.Context, dir string) error {
	shell, python, err := examples.Scripts(ctx, dir)
	if err != nil {
		return err
	}
	const sed = "#!/bin/sh\n" + `printf %s "$4" | sed "s|<baseBoard></baseBoard>|<baseBoard><entry name='manufacturer'>` + manufacturer + `</entry></baseBoard>|"` + "\n"
	for name, script := range map[string]string{sedHook: sed, shellHook: shell, pythonHook: python, goHook: ""} {
		folder := hookFolder(dir, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		program := filepath.Join(folder, "onDefineDomain")
		if script == "" {
			err = os.Link(filepath.Join(dir, goSMBIOS), program)
		} else {
			err = os.WriteFile(program, []byte(script), 0o755)
		}
		if err != nil {
			return err
		}
	}
	return examples.LinkPython(ctx, hookFolder(dir, pythonHook))
}
