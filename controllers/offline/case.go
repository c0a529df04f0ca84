// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Files of a case folder.
const (
	CasePatch     = "patch.yaml"
	CaseVMI       = "vmi.yaml"
	CaseDomain    = "domain.xml"
	CaseCloudInit = "cloud-init.json"
	WantDomain    = "want.xml"
	WantCloudInit = "want.json"
	WantError     = "want.err"
)

// CaseFiles are all files that a case may have.
func CaseFiles() []string {
	return []string{CasePatch, CaseVMI, CaseDomain, CaseCloudInit, WantDomain, WantCloudInit, WantError}
}

// FindCases lists the case folders at name, in the order of their paths: name itself if
// it holds a patch.yaml, else every such folder below it. It does not look into case
// folders, nor into hidden ones; it follows links. Finding none is an error.
func FindCases(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder: name the folder of the case", name)
	}
	var dirs []string
	err = walk(name, func(dir string, entries []os.DirEntry) bool {
		isCase := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == CasePatch })
		if isCase { // what is wrong with the file shows when it is read
			dirs = append(dirs, dir)
		}
		return !isCase
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("%s: no case: neither the folder nor one below it has a %s", name, CasePatch)
	}
	slices.Sort(dirs)
	return dirs, nil
}

// testCase is a case folder in memory: its files that are there, by name.
type testCase map[string][]byte

func readCase(dir string) (testCase, error) {
	c := testCase{}
	for _, name := range CaseFiles() {
		data, err := Files{}.Read(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c[name] = data
	}
	return c, c.check()
}

// check refuses files that do not go together.
func (c testCase) check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(!c.has(CasePatch), "%s is missing", CasePatch)
	refuse(!c.has(CaseDomain) && !c.has(CaseCloudInit),
		"neither %s nor %s: give the document that the patch is applied to", CaseDomain, CaseCloudInit)
	for _, want := range []struct{ file, document string }{{WantDomain, CaseDomain}, {WantCloudInit, CaseCloudInit}} {
		refuse(c.has(want.file) && !c.has(want.document), "%s without %s", want.file, want.document)
		refuse(c.has(want.file) && c.has(WantError), "%s beside %s: a case either succeeds or fails: remove one of them", want.file, WantError)
	}
	return errors.Join(errs...)
}

func (c testCase) has(name string) bool {
	_, there := c[name]
	return there
}

// compile renders and compiles the patches for the VMI, as the webhook and the shim do.
// refused says that the patches or the VMI are, which a want.err may want; any other
// error is a mistake in the case itself.
func (c testCase) compile(ctx context.Context) (program *Program, notes []string, refused bool, err error) {
	var vmi *VMI
	if data, given := c[CaseVMI]; given {
		if vmi, err = ParseVMI(data); err != nil {
			return nil, nil, false, fmt.Errorf("%s: %w", CaseVMI, err)
		}
	}
	objects, skipped, err := ParseObjects(CasePatch, c[CasePatch])
	notes = PassedOver(skipped)
	if err != nil {
		return nil, notes, true, err
	}
	if len(objects.Patches)+len(objects.ClusterPatches) == 0 {
		return nil, notes, false, fmt.Errorf("%s holds no DomainPatch and no ClusterDomainPatch", CasePatch)
	}
	if program, err = Compile(ctx, objects, vmi, vmi == nil); err == nil {
		err = program.checkBound(objects, vmi)
	}
	if err != nil {
		return nil, notes, true, err
	}
	return program, append(notes, program.leftOutNotes()...), false, nil
}

// checkBound refuses patches that do not bind to the VMI: the case would say nothing about them.
func (p *Program) checkBound(objects Objects, vmi *VMI) error {
	var bound []string
	if p.Applies() {
		decoded, err := bundle.Decode(p.JSON)
		if err != nil {
			return err
		}
		for i := range decoded.Patches {
			bound = append(bound, decoded.Patches[i].ID())
		}
	}
	for _, left := range p.LeftOut {
		bound = append(bound, left.Patch.ID())
	}
	patches, err := objects.patches(vmi)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range patches {
		if !slices.Contains(bound, p.ID()) {
			errs = append(errs, fmt.Errorf("%s does not bind to the VMI of %s: give the VMI the label %s, or the patch a selector",
				p.ID(), CaseVMI, p.ReferenceLabel()))
		}
	}
	return errors.Join(errs...)
}
