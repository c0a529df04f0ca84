// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var release = flag.String("release", "", "release of KubeVirt for TestChain, such as v1.2.2, that test/matrix has built; the one in bin/kubevirt otherwise")

// kubeVirtPrograms is the folder with the programs of the release, or empty for bin/kubevirt.
func kubeVirtPrograms(t *testing.T, root string) string {
	t.Helper()
	if *release == "" {
		return ""
	}
	folder := filepath.Join(root, "out", "matrix", *release, "kubevirt")
	if _, err := os.Stat(folder); err != nil {
		t.Fatalf(`-release %[1]s: %[2]v: "make test-matrix RELEASES=%[1]s" builds it, of the releases that it has`, *release, err)
	}
	return folder
}

// minor is the 2 of v1.2.2, and more than any for the release in bin/kubevirt, which is the newest.
func minor(t *testing.T) int {
	t.Helper()
	if *release == "" {
		return math.MaxInt
	}
	var minor int
	if _, err := fmt.Sscanf(*release, "v1.%d.", &minor); err != nil {
		t.Fatalf("-release %s: %v", *release, err)
	}
	return minor
}

// hasOwnSocketFolder tells whether a sidecar has a folder for its socket alone, and its name in the environment. Up to
// v1.5 all sidecars of a Pod share one folder.
func hasOwnSocketFolder(t *testing.T) bool {
	t.Helper()
	return minor(t) >= 6
}
