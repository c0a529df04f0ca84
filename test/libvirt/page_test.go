// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const pageFile = "../../docs/proof.md"

// TestReasons compares the names of the proofs with the folders, and wants a reason wherever there is something to explain.
func TestReasons(t *testing.T) {
	proofs, err := ReadProofs(proofsFile)
	if err != nil {
		t.Fatal(err)
	}
	cases := casesOfDomains(t)
	for _, name := range sortedNames(proofs) {
		if cases[name] == "" {
			t.Errorf("%s holds %s, which is no case with a %s", proofsFile, name, offline.WantDomain)
		}
		for _, missing := range proofs[name].missingReasons() {
			t.Errorf("%s: %s lacks the reason for %s", proofsFile, name, missing)
		}
	}
	for _, name := range sortedNames(cases) {
		if _, proven := proofs[name]; !proven {
			t.Errorf("%s lacks %s: run make test-libvirt with -update", proofsFile, name)
		}
	}
}

// TestSamplesAreAccepted wants no sample that libvirt refuses, or that its schema does.
func TestSamplesAreAccepted(t *testing.T) {
	proofs, err := ReadProofs(proofsFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range proofs {
		if isSample := filepath.Dir(name) == "samples"; isSample && len(p.Refused)+len(p.Schema) > 0 {
			t.Errorf("%s: refused: %q, schema: %q", name, p.Refused, p.Schema)
		}
	}
}

// TestPage compares the page with the proofs.
func TestPage(t *testing.T) {
	proofs, err := ReadProofs(proofsFile)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := ReadSeen("../guest/testdata")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := offline.FindCases("../../config/samples")
	if err != nil {
		t.Fatal(err)
	}
	var samples []string
	for _, dir := range dirs {
		samples = append(samples, filepath.Base(dir))
	}
	for _, sample := range sortedNames(seen) {
		if !slices.Contains(samples, sample) {
			delete(seen, sample) // a patch beside the VM of a guest
		}
	}
	want := Page(samples, proofs, seen)
	if *update {
		if err := os.WriteFile(pageFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the proofs say; -update writes it (-want +got):\n%s", pageFile, diff)
	}
}
