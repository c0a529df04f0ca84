// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"strings"
	"testing"
)

func TestSinceVersion(t *testing.T) {
	for name, tc := range map[string]struct{ reason, field, want string }{
		"Old":        {"v1.2 has it", "domain.cpu.model", ""},
		"New":        {"the field itself", "domain.rebootPolicy", "v1.8"},
		"InNew":      {"of a struct that is new", "domain.ioThreads.supplementalPoolThreadCount", "v1.5"},
		"InNewList":  {"of a list that is new", "domain.devices.panicDevices[].model", "v1.6"},
		"InOld":      {"the last part of the path is new", "domain.devices.disks[].blockSize.custom.discardGranularity", "v1.7"},
		"BesideNew":  {"a field whose name begins alike", "domain.ioThreadsPolicy", ""},
		"NeverThere": {"no release has it", "domain.nothing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sinceVersion(tc.field); got != tc.want {
				t.Errorf("%s: %s: %q, want %q", tc.reason, tc.field, got, tc.want)
			}
		})
	}
}

// TestSinceInMessage: who reads the finding learns whether his cluster has the field.
func TestSinceInMessage(t *testing.T) {
	for path, want := range map[string]bool{"/domain/on_reboot": true, "/domain/memory": false} {
		l, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		l.Read("a.yaml", []byte(clusterPatch(`domain: [{op: replace, path: "`+path+`", value: destroy}]`)))
		findings, _ := l.Findings()
		said := false
		for _, f := range findings {
			said = said || f.ID == UseVMAPI.ID && strings.Contains(f.Message, "since KubeVirt v1.8") && strings.Contains(f.Fix, "KubeVirt v1.8 or later")
		}
		if said != want {
			t.Errorf("%s: says since when: %t, want %t: %v", path, said, want, findings)
		}
	}
}
