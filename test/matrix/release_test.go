// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var (
	releases = flag.String("releases", "", "releases of KubeVirt to test, such as v1.3.0,v1.9.0, or all; building one takes minutes the first time")
	update   = flag.Bool("update", false, "write the data files anew, and keep the reasons that they give; needs -releases all")
)

// allReleases is a release of each minor version of KubeVirt that can run the shim, oldest first. Of several the
// newest is taken of which Go's module proxy serves all three modules: kubevirt, api and client-go. It has
// not client-go of v1.4.1, v1.5.3 and v1.6.1, say.
var allReleases = []release{"v1.2.2", "v1.3.0", "v1.4.0", "v1.5.1", "v1.6.0", "v1.7.0", "v1.8.2", "v1.9.0"}

// newest is the release that the others are compared with, and that the product's tables come from.
var newest = allReleases[len(allReleases)-1]

// release is a version of KubeVirt's modules.
type release string

// minor is the 3 of v1.3.0.
func (r release) minor() (minor int) {
	if _, err := fmt.Sscanf(string(r), "v1.%d.", &minor); err != nil {
		panic(err)
	}
	return minor
}

// tags are the build tags by which the probe is made for the release: those of earlier minor versions
// among them.
func (r release) tags() string {
	var tags []string
	for minor := allReleases[0].minor(); minor <= r.minor(); minor++ {
		tags = append(tags, fmt.Sprintf("kubevirt1.%d", minor))
	}
	return strings.Join(tags, ",")
}

// socketFolder is where, below the folder for all sidecars, the release looks for a sidecar's socket: each
// has a folder of its own since v1.6.
func (r release) socketFolder() string {
	if r.minor() < 6 {
		return "."
	}
	return "hook-sidecar-0"
}

// passes is how often the release calls OnDefineDomain at most: with placeholder interfaces, as the VM starts and,
// since v1.8, with more PCIe root ports.
func (r release) passes() int {
	if r.minor() < 8 {
		return 2
	}
	return 3
}

// wanted are the releases that the flag names, oldest first.
func wanted(t *testing.T) []release {
	t.Helper()
	if *releases == "" {
		t.Skip("no -releases: make test-matrix has them all")
	}
	if *releases == "all" {
		return allReleases
	}
	if *update {
		t.Fatalf("-releases %s: the data files hold all releases, and -update would leave these alone in them: want all", *releases)
	}
	names := strings.Split(*releases, ",")
	var found []release
	for _, r := range allReleases {
		if slices.Contains(names, string(r)) {
			found = append(found, r)
		}
	}
	if len(found) != len(names) {
		t.Fatalf("-releases %s: want some of %s", *releases, allReleases)
	}
	return found
}
