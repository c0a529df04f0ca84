// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Input is a file with objects, for who reads files one by one.
type Input struct {
	Name string
	// Case is the folder, if the file is the patch of a case; Domain is the domain of the case, if
	// it has one.
	Case, Domain string
	// Named tells that the file was asked for by name, not by its folder.
	Named bool
}

// Inputs are the named files, and of folders the files with objects in them and below them. Of a
// case folder it is the patch alone.
func Inputs(names []string) ([]Input, error) {
	var all []Input
	for _, name := range names {
		info, err := os.Stat(name)
		if name == Stdin || err != nil || !info.IsDir() {
			all = append(all, Input{Name: name, Named: true}) // Read reports what is wrong with it
			continue
		}
		var found []Input
		err = walk(name, func(dir string, entries []os.DirEntry) (below bool) {
			here, isCase := inputsOf(dir, entries)
			found = append(found, here...)
			return !isCase
		})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no .yaml, .yml or .json file in the folder or below it", name)
		}
		all = append(all, found...)
	}
	return all, nil
}

// inputsOf are the inputs of one folder.
func inputsOf(dir string, entries []os.DirEntry) (all []Input, isCase bool) {
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
	}
	if has(CasePatch) && (has(CaseDomain) || has(CaseCloudInit)) {
		in := Input{Name: filepath.Join(dir, CasePatch), Case: dir}
		if has(CaseDomain) {
			in.Domain = filepath.Join(dir, CaseDomain)
		}
		return []Input{in}, true
	}
	for _, e := range entries {
		if !e.IsDir() && isObjectFile(e.Name()) {
			all = append(all, Input{Name: filepath.Join(dir, e.Name())})
		}
	}
	return all, false
}
