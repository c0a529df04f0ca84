// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// moduleName is the name by which modules name each other; files may have - where it has _.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".ko"), "-", "_")
}

// withDependencies gives the files of modules and of those that they need, each after what it needs. A module that
// the kernel has not as a file is taken for a part of it; wanted ones must not.
func (k *Kernel) withDependencies(wanted []string) ([]string, error) {
	var files []string
	var add func(name string) error
	add = func(name string) error {
		file, ok := k.modules[name]
		if !ok || slices.Contains(files, file) {
			return nil
		}
		needs, err := dependencies(file)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		for _, need := range needs {
			if err := add(need); err != nil {
				return err
			}
		}
		files = append(files, file)
		return nil
	}
	for _, name := range wanted {
		if k.modules[name] == "" {
			return nil, fmt.Errorf("%s has no module %s", k.Package, name)
		}
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// dependencies are the modules whose symbols a module uses, as its section .modinfo says (linux/module.h).
func dependencies(file string) ([]string, error) {
	object, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	section := object.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s is no module", file)
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if names, ok := strings.CutPrefix(string(field), "depends="); ok && names != "" {
			return strings.Split(strings.ReplaceAll(names, "-", "_"), ","), nil
		}
	}
	return nil, nil
}
