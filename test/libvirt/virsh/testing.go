// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"os"
	"testing"
)

// Enable is the environment variable that lets tests run libvirt. The targets of the Makefile that need Debian's
// packages install them and set it; the other tests do without.
const Enable = "DOMAINPATCH_LIBVIRT"

// ForTest makes a host for a test, which is skipped where libvirt is not enabled.
func ForTest(t testing.TB) *Host {
	t.Helper()
	if os.Getenv(Enable) == "" {
		t.Skipf("needs Debian's libvirt and QEMU: run make test-libvirt, or set %s=1", Enable)
	}
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
