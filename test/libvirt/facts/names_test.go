// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package facts

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// laterNames are of libvirt's page formatdomain and newer than this libvirt.
var laterNames = map[string][]string{
	"elements": {"aia", "async-teardown", "dataStore", "emsr_bitmap", "guestVisibleWorkarounds", "hostData", "idAuth", "idBlock", "iommufd",
		"mrConfigId", "mrOwner", "mrOwnerConfig", "openfiles", "portOptions", "ps2", "pstore", "queue", "quoteGenerationService", "ras",
		"shim", "statistic", "statistics", "throttlefilter", "throttlefilters", "throttlegroup", "throttlegroups", "xmm_input"},
	"attributes": {"dma", "granule", "pciBus", "vcek"},
}

// TestNamesOfLint: lint takes names for spelling mistakes that neither libvirt nor KubeVirt has.
func TestNamesOfLint(t *testing.T) {
	virsh.ForTest(t)
	g := loadGrammar(t)
	elements := map[string]bool{}
	for _, children := range g.children {
		for name := range children {
			elements[name] = true
		}
	}
	for section, known := range map[string]map[string]bool{"elements": elements, "attributes": g.attributes} {
		want := append(slices.Collect(maps.Keys(known)), laterNames[section]...)
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), namesOfLint(t, section)); diff != "" {
			t.Errorf("%s (-libvirt +lint):\n%s", section, diff)
		}
	}
}

func namesOfLint(t *testing.T, section string) []string {
	t.Helper()
	text, err := os.ReadFile("../../../controllers/lint/libvirt.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+section+"\n")
	rest, _, _ = strings.Cut(rest, "\nattributes\n")
	return slices.Sorted(slices.Values(strings.Fields(rest)))
}
