// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/domainpatch/domainpatch/test/kubevirt/examples"
)

// Folders, from that of this module.
const (
	editsFolder = "compare/edits"
	vmiFile     = "compare/testdata/vmi.yaml"
	policyFile  = "../../config/policy/default.yaml"
)

// Programs that build makes in its folder.
const (
	shim     = "shim"
	cli      = "kubectl-domainpatch"
	stock    = "sidecars"
	goSMBIOS = "smbios"
	peak     = "peak"
)

// needed are the programs of Debian, by their packages.
var needed = []struct{ program, debian string }{
	{"virt-xml", "virtinst"},
	{"xmlstarlet", "xmlstarlet"},
	{"xsltproc", "xsltproc"},
	{"python3", "python3"},
	{"jq", "jq"},
}

// lookUp says which packages are missing.
func lookUp() error {
	var missing []error
	for _, n := range needed {
		if _, err := exec.LookPath(n.program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: install Debian's package %s", n.program, n.debian))
		}
	}
	return errors.Join(missing...)
}

// build makes the programs, all stripped, as their makers ship them, and the folders of the hooks.
func build(ctx context.Context, dir string) error {
	stripped := []string{"build", "-ldflags", "-s -w"}
	into := append(stripped, "-o", dir+"/")
	commands := [][]string{
		append(into, "./cmd/launcher", "./compare/"+peak, "kubevirt.io/kubevirt/cmd/sidecars", examples.SMBIOS),
		append([]string{"build", "-C", "../..", "-tags", "grpcnotrace"}, append(into[1:], "./cmd/shim", "./cmd/kubectl-domainpatch")...),
	}
	for _, edit := range []string{"disk", "iotune", "qemu", "cloudinit"} {
		commands = append(commands, append(stripped, "-o", filepath.Join(dir, "go-"+edit), "./"+filepath.Join(editsFolder, edit, "go")))
	}
	for _, args := range commands {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	return writeHooks(ctx, dir)
}

// hook is the folder of a program that the stock shim runs, for its PATH. It is empty if there is none.
func (c *comparison) hook(edit string, who contender) string {
	return hookFolder(c.dir, edit, who.file)
}

func hookFolder(dir, edit, file string) string {
	return filepath.Join(dir, "hooks", edit, filepath.Base(filepath.Dir(file))+"-"+filepath.Base(file))
}

// writeHooks makes a folder for each program that the stock shim runs.
func writeHooks(ctx context.Context, dir string) error {
	shell, python, err := examples.Scripts(ctx, dir)
	if err != nil {
		return err
	}
	texts := map[string]string{
		filepath.Join("baseboard", shellFile):  shell,
		filepath.Join("baseboard", pythonFile): python,
	}
	for _, folder := range []string{"baseboard", "vendor", "disk", "iotune", "qemu", "cloudinit", "emulator", "pattern", "mistake"} {
		for _, who := range contenders() {
			if who.file == pluginFile || who.file == patchFile {
				continue
			}
			if err := writeHook(ctx, dir, folder, who.file, texts[filepath.Join(folder, who.file)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// hookName is what the stock shim looks for.
func hookName(edit string) string {
	if edit == "cloudinit" {
		return "preCloudInitIso"
	}
	return "onDefineDomain"
}

// writeHook makes the folder of one program: KubeVirt's text, if there is one, or else our file.
func writeHook(ctx context.Context, dir, edit, file, text string) error {
	folder := hookFolder(dir, edit, file)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	program := filepath.Join(folder, hookName(edit))
	source := filepath.Join(editsFolder, edit, file)
	switch {
	case text != "":
		return errors.Join(os.WriteFile(program, []byte(text), 0o755), examples.LinkPython(ctx, folder))
	case file == goFile && (edit == "baseboard" || edit == "vendor"):
		return os.Link(filepath.Join(dir, goSMBIOS), program)
	case !exists(source):
		return nil
	case file == goFile:
		return os.Link(filepath.Join(dir, "go-"+edit), program)
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(program, data, 0o755), examples.LinkPython(ctx, folder))
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
