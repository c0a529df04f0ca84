// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
)

// writeCase writes the case folder, if the case passes.
func (o *generateOptions) writeCase(ctx context.Context, s streams, p *generatedPatch, changes []change, vmi []byte) error {
	files, err := p.caseFiles(changes, vmi)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(files))
	if err := o.checkFolder(names); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "domainpatch-case-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch) // it is a copy
	for _, name := range names {
		if err := offline.WriteFile(filepath.Join(scratch, name), files[name]); err != nil {
			return err
		}
	}
	if err := passes(offline.RunCase(ctx, scratch)); err != nil {
		return fmt.Errorf("the case would not pass, so it was not written: %w", err)
	}
	if err := os.MkdirAll(o.folder, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := offline.WriteFile(filepath.Join(o.folder, name), files[name]); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.err, "note: wrote a case: run it with kubectl domainpatch test %s\n", o.folder)
	return nil
}

// passes says why a case does not pass.
func passes(r *offline.CaseResult) error {
	err := r.Err
	for i := range r.Mismatches {
		err = errors.Join(err, errors.New(r.Mismatches[i].Reason()))
	}
	return err
}

// checkFolder refuses to overwrite files, and to mix the case with another one.
func (o *generateOptions) checkFolder(names []string) error {
	for _, name := range offline.CaseFiles() {
		file := filepath.Join(o.folder, name)
		_, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case !o.force:
			return fmt.Errorf("%s exists: name another folder, or give --force", file)
		case !slices.Contains(names, name):
			return fmt.Errorf("%s exists and does not belong to the new case: remove it", file)
		}
	}
	return nil
}

// caseFiles are the files of the case by their names.
func (p *generatedPatch) caseFiles(changes []change, vmi []byte) (map[string][]byte, error) {
	text, err := p.encode("yaml")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{offline.CasePatch: text}
	for _, c := range changes {
		if c.isCloudInit() {
			files[offline.CaseCloudInit], files[offline.WantCloudInit] = c.before, c.output
		} else {
			files[offline.CaseDomain], files[offline.WantDomain] = c.before, c.output
		}
	}
	if vmi != nil {
		if files[offline.CaseVMI], err = p.bound(vmi); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// bound gives a VMI, or the template of a VM, the label by which it demands the patch. It
// takes away those that refer to other patches, which the case does not have.
func (p *generatedPatch) bound(vmi []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(vmi, &document); err != nil {
		return nil, err
	}
	at := document.Content[0]
	if kind := offline.MemberOrNew(at, "kind"); kind.Value == "VirtualMachine" {
		at = offline.MemberOrNew(offline.MemberOrNew(at, "spec"), "template")
	}
	prefix := v1alpha1.DomainPatchReferencePrefix
	if p.cluster {
		prefix = v1alpha1.ClusterDomainPatchReferencePrefix
	}
	labels := offline.MemberOrNew(offline.MemberOrNew(at, "metadata"), "labels")
	if labels.Alias != nil { // what shares them keeps them as they are
		*labels = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: slices.Clone(labels.Alias.Content)}
	}
	for i := len(labels.Content) - 2; i >= 0; i -= 2 {
		if name := labels.Content[i].Value; strings.HasPrefix(name, v1alpha1.DomainPatchReferencePrefix) || strings.HasPrefix(name, v1alpha1.ClusterDomainPatchReferencePrefix) {
			labels.Content = slices.Delete(labels.Content, i, i+2)
		}
	}
	*offline.MemberOrNew(labels, prefix+p.name) = *textNode("true")
	return encodeYAML(&document)
}
