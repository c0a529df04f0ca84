// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package examples gives the programs that KubeVirt shows its users for its sidecar-shim, from KubeVirt's
// module: the two scripts of cmd/sidecars/README.md, and the Go programs beside it.
package examples

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

// Packages of KubeVirt's Go programs.
const (
	SMBIOS    = "kubevirt.io/kubevirt/cmd/sidecars/smbios"    // an onDefineDomain
	CloudInit = "kubevirt.io/kubevirt/cmd/sidecars/cloudinit" // a preCloudInitIso
)

// Scripts returns the shell and the Python script of the README, both for onDefineDomain, as they stand in
// its ConfigMaps, except that the Python script keeps its files in the folder dir: those of /tmp have fixed
// names, and another run writes there, too.
func Scripts(ctx context.Context, dir string) (shell, python string, err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "kubevirt.io/kubevirt").Output()
	if err != nil {
		return "", "", fmt.Errorf("find KubeVirt's module: %w", err)
	}
	file := filepath.Join(strings.TrimSpace(string(out)), "cmd", "sidecars", "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	const tmp = `"/tmp/`
	var scripts []string
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		var config corev1.ConfigMap
		if err := yaml.Unmarshal([]byte(block), &config); err == nil && config.Data["my_script.sh"] != "" {
			scripts = append(scripts, config.Data["my_script.sh"])
		}
	}
	if len(scripts) != 2 || !strings.HasPrefix(scripts[0], "#!/bin/sh\n") || !strings.HasPrefix(scripts[1], "#!/usr/bin/env python\n") || !strings.Contains(scripts[1], tmp) {
		return "", "", fmt.Errorf("%s has not the shell and the Python script that KubeVirt v1.9.0 has there", file)
	}
	return scripts[0], strings.ReplaceAll(scripts[1], tmp, `"`+dir+"/"), nil
}

// LinkPython makes a program python in the folder, which Debian does not have: the interpreter itself, not
// one of the scripts that some machines choose a version by.
func LinkPython(ctx context.Context, folder string) error {
	out, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return fmt.Errorf("python3 does not run, install Debian's package python3: %w", err)
	}
	return os.Symlink(strings.TrimSpace(string(out)), filepath.Join(folder, "python"))
}
