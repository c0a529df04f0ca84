// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"os"
	"testing"
)

// enable is the environment variable that lets tests run libvirt. The targets of the Makefile that need Debian's
// packages install them and set it; the other tests do without.
const enable = "DOMAINPATCH_LIBVIRT"

// SkipUnlessEnabled skips a test where libvirt is not enabled.
func SkipUnlessEnabled(t testing.TB) {
	t.Helper()
	if os.Getenv(enable) == "" {
		t.Skipf("needs Debian's libvirt and QEMU: run make test-system, or set %s=1", enable)
	}
}

// ForTest makes a host for a test, which is skipped where libvirt is not enabled.
func ForTest(t testing.TB) *Host {
	t.Helper()
	SkipUnlessEnabled(t)
	h, err := NewHost()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}
