// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

var update = flag.Bool("update", false, "write what libvirt makes of the cases into testdata/proofs.yaml")

const (
	proofsFile = "testdata/proofs.yaml"
	toUpdate   = "make test-libvirt UPDATE=1"
)

// casesOfDomains are the folders of samples and cases that succeed on a domain, by their names in the proofs.
func casesOfDomains(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for prefix, folder := range map[string]string{"samples": "../../config/samples", "cases": "../../patch/testdata/cases"} {
		dirs, err := offline.FindCases(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			if _, err := os.Stat(filepath.Join(dir, offline.WantDomain)); err == nil {
				found[prefix+"/"+filepath.Base(dir)] = dir
			}
		}
	}
	return found
}

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
