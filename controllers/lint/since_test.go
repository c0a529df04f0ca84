// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import "testing"

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
