// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSamples applies every sample to the domains that each release makes of the VMs, offline and by the
// release's own client of the hooks.
func TestSamples(t *testing.T) {
	tested := wanted(t)
	shim := buildShim(t)
	cases := testCases(t)
	of := map[release]edits{}
	for _, r := range tested {
		t.Run(string(r), func(t *testing.T) { of[r] = testRelease(t, r, shim, cases) })
	}
	if of[newest] != nil && !t.Failed() {
		checkDifferences(t, differences(cases, of), tested)
	}
}

func buildShim(t *testing.T) string {
	t.Helper()
	shim, err := filepath.Abs(filepath.Join(t.TempDir(), "shim"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := goCommand(root, "build", "-buildvcs=false", "-tags", "grpcnotrace", "-o", shim, "./cmd/shim"); err != nil {
		t.Fatal(err)
	}
	return shim
}

// testRelease gives the edit of each case.
func testRelease(t *testing.T, r release, shim string, cases []testCase) edits {
	probe, err := buildProbe(r)
	if err != nil {
		t.Fatal(err)
	}
	domains := t.TempDir()
	if output, err := exec.Command(probe, append([]string{"domains", domains}, vmiFiles(t)...)...).CombinedOutput(); err != nil {
		t.Fatalf("probe domains: %v\n%s", err, output)
	}
	found := edits{}
	var boots []*boot
	for _, c := range cases {
		b := &boot{testCase: c, start: startOf(t, domains, c.vmi)}
		lines, err := b.applyOffline()
		if err != nil {
			found[c.String()] = []string{"+ fails: " + err.Error()}
			continue
		}
		found[c.String()] = lines
		b.sidecar, b.Sockets = startSidecar(t, shim, shortFolder(t), r, b.program.Bundle)
		boots = append(boots, b)
	}
	callHooks(t, probe, boots)
	passes := 2
	if r.minor() >= 8 {
		passes = 3
	}
	for _, b := range boots {
		t.Run(b.String(), func(t *testing.T) { b.check(t, passes) })
	}
	return found
}

// startOf names the files that the probe wrote for a VM.
func startOf(t *testing.T, folder, vmi string) start {
	t.Helper()
	name := filepath.Join(folder, vmi)
	s := start{VMI: name + ".vmi.json", Domain: name + ".xml", CloudInit: name + ".cloud-init.json"}
	if _, err := os.Stat(s.CloudInit); errors.Is(err, fs.ErrNotExist) {
		s.CloudInit = ""
	}
	return s
}

// shortFolder is a temporary folder in which the path of a socket is not too long.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "matrix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// applyOffline applies the case to the VM's domain and to its cloud-init data, and gives the edit.
func (b *boot) applyOffline() (lines []string, err error) {
	if b.program, err = b.compile(b.VMI); err != nil {
		return nil, err
	}
	domain, err := os.ReadFile(b.Domain)
	if err != nil {
		return nil, err
	}
	patched, _, err := b.program.Domain(context.Background(), domain, nil)
	if err != nil {
		return nil, err
	}
	var before, after error
	b.before, before = domainFacts(domain)
	b.after, after = domainFacts(patched)
	if err := errors.Join(before, after); err != nil || !b.program.Bundle.CloudInit {
		return edit(b.before, b.after), err
	}
	data, err := b.cloudInitEdit()
	return append(edit(b.before, b.after), data...), err
}

func (b *boot) cloudInitEdit() ([]string, error) {
	data, err := os.ReadFile(b.start.CloudInit)
	if err != nil {
		return nil, err
	}
	patched, _, err := b.program.CloudInit(context.Background(), data)
	if err != nil {
		return nil, err
	}
	before, errBefore := cloudInitFacts(data)
	after, errAfter := cloudInitFacts(patched)
	return edit(before, after), errors.Join(errBefore, errAfter)
}
