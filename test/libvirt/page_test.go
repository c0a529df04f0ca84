// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"os"
	"path/filepath"
	"strings"
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
			t.Errorf("%s lacks %s: %s writes it", proofsFile, name, toUpdate)
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

// TestSamplesAreProven wants each sample shown by QEMU or a guest, or the reason why not.
func TestSamplesAreProven(t *testing.T) {
	proofs, samples, seen := readPage(t)
	for _, sample := range sortedNames(samples) {
		if proof := proofs["samples/"+sample]; len(proof.QEMU) == 0 && len(seen[sample]) == 0 && proof.NoEffect == "" {
			t.Errorf("nothing shows sample %s: give it to a guest (test/guest/testdata) or, where it edits a domain, write the reason as noEffect into %s", sample, proofsFile)
		}
	}
}

// TestGuestsAreNotShownWhatLibvirtDrops wants a reason for what a guest sees of a place that this libvirt does not keep.
func TestGuestsAreNotShownWhatLibvirtDrops(t *testing.T) {
	proofs, samples, seen := readPage(t)
	for _, sample := range sortedNames(samples) {
		for path := range proofs["samples/"+sample].NotKept {
			name := strings.TrimPrefix(path[strings.LastIndex(path, "/")+1:], "@")
			for _, line := range seen[sample] {
				if strings.Contains(line, "/"+name+": ") && !strings.HasSuffix(line, ")") {
					t.Errorf("sample %s: libvirt drops %s, and the guest shows %q: test/guest/testdata must say because of what", sample, path, line)
				}
			}
		}
	}
}

func TestPage(t *testing.T) { checkPage(t) }

// checkPage compares the page with the proofs; with -update it writes the page.
func checkPage(t *testing.T) {
	t.Helper()
	proofs, samples, seen := readPage(t)
	want := Page(sortedNames(samples), proofs, seen)
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
		t.Errorf("%s is not what the proofs say; %s writes it (-want +got):\n%s", pageFile, toUpdate, diff)
	}
}

// readPage reads what the page is made of; samples are the folders of all, by their names.
func readPage(t *testing.T) (proofs Proofs, samples map[string]string, seen Seen) {
	t.Helper()
	proofs, err := ReadProofs(proofsFile)
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := offline.FindCases("../../config/samples")
	if err != nil {
		t.Fatal(err)
	}
	samples = map[string]string{}
	for _, dir := range dirs {
		samples[filepath.Base(dir)] = dir
	}
	if seen, err = ReadSeen("../guest/testdata", samples); err != nil {
		t.Fatal(err)
	}
	return proofs, samples, seen
}
