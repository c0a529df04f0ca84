// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	_ "embed"
	"strings"
)

// sinceText has the fields of the VM API that KubeVirt v1.2 lacks, with the first minor version that has each.
// test/matrix writes it from the custom resource definitions of the releases.
//
//go:embed vmapi-since.txt
var sinceText string

// sinceVersion is the first minor version of KubeVirt that has a field of the VM API, such as v1.6; empty where
// all do that DomainPatch works with. A field is as new as the newest that it lies in.
func sinceVersion(field string) (version string) {
	longest := ""
	for line := range strings.Lines(sinceText) {
		name, since, isField := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "#") || !isField || len(name) < len(longest) {
			continue
		}
		rest, below := strings.CutPrefix(field, name)
		if below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			longest, version = name, since
		}
	}
	return version
}
