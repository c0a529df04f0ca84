// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"testing"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
)

// encodeBundle gives the bytes of a bundle with these patches.
func encodeBundle(t *testing.T, patches ...bundle.Patch) []byte {
	t.Helper()
	content, err := bundle.Encode(patches...)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
