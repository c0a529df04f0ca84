// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
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
		append(stripped, "./cmd/launcher", "./bench/echo", "kubevirt.io/kubevirt/cmd/sidecars", "kubevirt.io/kubevirt/cmd/sidecars/smbios"),
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
	shell, python, err := readmeScripts(ctx)
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
	return linkPython(ctx, hookFolder(dir, pythonHook))
}

// readmeScripts gives the shell and the Python script of KubeVirt's README: the ConfigMaps in it.
func readmeScripts(ctx context.Context) (shell, python string, err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "kubevirt.io/kubevirt").Output()
	if err != nil {
		return "", "", fmt.Errorf("find KubeVirt's module: %w", err)
	}
	file := filepath.Join(strings.TrimSpace(string(out)), "cmd", "sidecars", "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	var scripts []string
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		var config corev1.ConfigMap
		if err := yaml.Unmarshal([]byte(block), &config); err == nil && config.Data["my_script.sh"] != "" {
			scripts = append(scripts, config.Data["my_script.sh"])
		}
	}
	if len(scripts) != 2 || !strings.Contains(scripts[0], "/bin/sh") || !strings.Contains(scripts[1], "python") {
		return "", "", fmt.Errorf("%s has not the shell and the Python script that were there in KubeVirt v1.9.0", file)
	}
	return scripts[0], scripts[1], nil
}

// linkPython makes a program python in the folder: the interpreter itself, not one of the scripts that
// some machines choose a version by.
func linkPython(ctx context.Context, folder string) error {
	out, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return fmt.Errorf("python3 does not run, install Debian's package python3: %w", err)
	}
	return os.Symlink(strings.TrimSpace(string(out)), filepath.Join(folder, "python"))
}
