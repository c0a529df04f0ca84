// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// walk visits a folder and, while visit says so, those below it, each once. Hidden folders are
// left out. Links are followed, after the folders that are no links, so that a folder goes by its own
// name where it has one.
func walk(root string, visit func(dir string, entries []os.DirEntry) (below bool)) error {
	seen := map[string]bool{}
	for pending := []string{root}; len(pending) > 0; pending = pending[1:] {
		links, err := walkFolders(pending[0], seen, visit)
		if err != nil {
			return err
		}
		pending = append(pending, links...)
	}
	return nil
}

// walkFolders is walk without the links, which it returns.
func walkFolders(dir string, seen map[string]bool, visit func(string, []os.DirEntry) bool) (links []string, err error) {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil || seen[resolved] {
		return nil, err
	}
	seen[resolved] = true
	entries, err := os.ReadDir(dir)
	if err != nil || !visit(dir, entries) {
		return nil, err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			below, err := walkFolders(name, seen, visit)
			if err != nil {
				return nil, err
			}
			links = append(links, below...)
		case e.Type()&os.ModeSymlink != 0:
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				links = append(links, name)
			}
		}
	}
	return links, nil
}

// expand lists the files of a folder; any other name stands for itself. The VMI of a case folder below it
// is for the test alone: inject would write it among the VMs.
func (f Files) expand(name string) ([]string, error) {
	if name == Stdin {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, nil // Read reports what is wrong with it
	}
	var files []string
	err = walk(name, func(dir string, entries []os.DirEntry) bool {
		_, isCase := inputsOf(dir, entries)
		for _, e := range entries {
			isTestVMI := isCase && dir != name && e.Name() == CaseVMI
			if !e.IsDir() && isObjectFile(e.Name()) && !isTestVMI {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
		return f.Recursive
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .yaml, .yml or .json file in the folder%s", name,
			map[bool]string{false: "; --recursive (-R) looks into the folders below it, too"}[f.Recursive])
	}
	slices.Sort(files)
	return files, err
}

// isObjectFile says whether a file of a folder may hold objects of a cluster. The documents of cases
// and what kustomize reads do not.
func isObjectFile(name string) bool {
	switch name {
	case CaseCloudInit, WantCloudInit, "kustomization.yaml", "kustomization.yml":
		return false
	}
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}
