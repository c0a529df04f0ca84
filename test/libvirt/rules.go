// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
)

// idle finds the rules of a sample without which QEMU's command line would be the same: what is other on it proves
// nothing of them. A rule that others need, or without which libvirt refuses the domain, is none of them.
func (j *judge) idle(dir string, s *subject, qemu []string) (map[string]string, error) {
	vmi, err := readVMI(dir)
	if err != nil {
		return nil, err
	}
	var idle []string
	for i := 0; ; i++ {
		objects, _, err := offline.Files{}.Objects([]string{filepath.Join(dir, offline.CasePatch)})
		if err != nil {
			return nil, err
		}
		rules, err := rulesOf(objects)
		if err != nil || len(qemu) == 0 || len(*rules) < 2 || i == len(*rules) {
			return unexplained(idle), err
		}
		rule := (*rules)[i]
		if rule.Op == v1alpha1.DomainOpTest {
			continue
		}
		*rules = slices.Delete(*rules, i, i+1)
		program, err := offline.Compile(j.ctx, objects, vmi, vmi == nil)
		if err != nil {
			return nil, err
		}
		rest := *s
		if rest.after, _, err = program.Domain(j.ctx, s.before, nil); err != nil {
			continue // others need it
		}
		var without Proof
		if err := j.start(&rest, &without); err != nil {
			return nil, err
		}
		if len(without.Refused) == 0 && slices.Equal(without.QEMU, qemu) {
			idle = append(idle, fmt.Sprintf("spec.domain[%d], %s %s", i, rule.Op, rule.Path))
		}
	}
}

// rulesOf are the rules of the one patch that a sample is.
func rulesOf(objects offline.Objects) (*[]v1alpha1.DomainRule, error) {
	switch {
	case len(objects.Patches) == 1 && len(objects.ClusterPatches) == 0:
		return &objects.Patches[0].Spec.Domain, nil
	case len(objects.Patches) == 0 && len(objects.ClusterPatches) == 1:
		return &objects.ClusterPatches[0].Spec.Domain, nil
	}
	return nil, errors.New("a sample is one patch")
}

// readVMI reads the VMI of a case; nil where it has none.
func readVMI(dir string) (*offline.VMI, error) {
	data, err := os.ReadFile(filepath.Join(dir, offline.CaseVMI))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return offline.ParseVMI(data)
}
