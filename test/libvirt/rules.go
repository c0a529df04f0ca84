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
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// idle finds the rules of a sample without which QEMU's command line would be the same: what the sample changes of it
// proves nothing of them. A rule that others need, or without which libvirt refuses the domain, is none of them. Of a rule that
// merges, which stands for many, it finds the places.
func (j *judge) idle(dir string, s *subject, qemu []string) (map[string]string, error) {
	if len(qemu) == 0 {
		return nil, nil
	}
	_, rules, err := readRules(dir)
	if err != nil {
		return nil, err
	}
	if len(*rules) != len(s.rules) {
		return nil, fmt.Errorf("the sample has %d rules, and the places of %d are known", len(*rules), len(s.rules))
	}
	var idle []string
	for i, rule := range *rules {
		if rule.Op == v1alpha1.DomainOpTest {
			continue
		}
		paths, err := j.idleOf(dir, i, len(*rules), rule, s, qemu)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			idle = append(idle, fmt.Sprintf("spec.domain[%d], %s %s", i, rule.Op, path))
		}
	}
	return unexplained(idle), nil
}

// idleOf is the path of a rule of several, or the places of one that merges.
func (j *judge) idleOf(dir string, i, of int, rule v1alpha1.DomainRule, s *subject, qemu []string) ([]string, error) {
	if of > 1 {
		idle, err := j.isIdleRule(dir, i, s, qemu)
		if idle || err != nil {
			return []string{rule.Path}, err
		}
	}
	if rule.Op != v1alpha1.DomainOpMerge {
		return nil, nil
	}
	return j.idlePlaces(s, s.rules[i].Places, qemu)
}

// isIdleRule asks without the rule of a number.
func (j *judge) isIdleRule(dir string, i int, s *subject, qemu []string) (bool, error) {
	vmi, err := readVMI(dir)
	if err != nil {
		return false, err
	}
	objects, rules, err := readRules(dir)
	if err != nil {
		return false, err
	}
	*rules = slices.Delete(*rules, i, i+1)
	program, err := offline.Compile(j.ctx, objects, vmi, vmi == nil)
	if err != nil {
		return false, err
	}
	after, _, err := program.Domain(j.ctx, s.before, nil)
	if err != nil {
		return false, nil // others need it
	}
	return j.isSame(s, after, qemu)
}

// isSame says whether another patched domain changes the same of QEMU's command line.
func (j *judge) isSame(s *subject, after []byte, qemu []string) (bool, error) {
	rest := *s
	rest.after = after
	var p Proof
	err := j.start(&rest, &p)
	return len(p.Refused) == 0 && slices.Equal(p.QEMU, qemu), err
}

// idlePlaces finds those which QEMU's command line does not show: it would be the same with what was there before. Of an
// element that is new it tells nothing more when it does not show at all.
func (j *judge) idlePlaces(s *subject, places []patch.Place, qemu []string) ([]string, error) {
	var idle []string
	for i := range places {
		path := places[i].String()
		within := func(whole string) bool { return path == whole || strings.HasPrefix(path, whole+"/") }
		if slices.ContainsFunc(idle, within) {
			continue
		}
		after, changed, err := s.without(&places[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !changed {
			continue
		}
		same, err := j.isSame(s, after, qemu)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if same {
			idle = append(idle, path)
		}
	}
	return idle, nil
}

// without is the patched domain but for one place, which has what was there before, and whether that is another domain.
func (s *subject) without(place *patch.Place) (domain []byte, changed bool, err error) {
	path := place.String()
	was, err := texts(s.before, path)
	if err != nil {
		return nil, false, err
	}
	is, err := texts(s.after, path)
	if err != nil || slices.Equal(was, is) || len(was) > 0 && place.IsElement() { // what is in the element has places of its own
		return nil, false, err
	}
	undo := change{path: path}
	switch {
	case len(was) == 1 && len(is) == 1:
		undo.value = was[0]
	case len(was) > 0:
		return nil, false, fmt.Errorf("it is %q and was %q: one of each is expected", is, was)
	}
	domain, err = localise(s.after, []change{undo})
	return domain, true, err
}

// texts are those of all nodes that a path selects.
func texts(domain []byte, path string) ([]string, error) {
	doc, err := document.Parse(domain)
	if err != nil {
		return nil, err
	}
	found, err := selectAll(path, doc)
	var all []string
	for _, n := range found {
		all = append(all, n.Text())
	}
	return all, err
}

// readRules reads the patch of a sample, and returns the rules that are in it, to be changed there.
func readRules(dir string) (offline.Objects, *[]v1alpha1.DomainRule, error) {
	objects, _, err := offline.Files{}.Objects([]string{filepath.Join(dir, offline.CasePatch)})
	switch {
	case err != nil:
		return objects, nil, err
	case len(objects.Patches) == 1 && len(objects.ClusterPatches) == 0:
		return objects, &objects.Patches[0].Spec.Domain, nil
	case len(objects.Patches) == 0 && len(objects.ClusterPatches) == 1:
		return objects, &objects.ClusterPatches[0].Spec.Domain, nil
	}
	return objects, nil, errors.New("a sample is one patch")
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
