// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestWithoutContainer(t *testing.T) {
	mounts := []mount{
		{"/repo/bin/shim", "/shim"},
		{"/tmp/c/pod/1/hook-sidecar-0", "/var/run/kubevirt-hooks"},
		{"/tmp/c/pod/2/bundle.json", "/usr/bin/onDefineDomain"},
	}
	container := corev1.Container{Args: []string{"--version", "v1alpha3", "--bundle", "/usr/bin/onDefineDomain", "--sha256", "/usr/bin/onDefineDomains"}}
	want := []string{"/repo/bin/shim", "--socket-dir", "/tmp/c/pod/1/hook-sidecar-0",
		"--version", "v1alpha3", "--bundle", "/tmp/c/pod/2/bundle.json", "--sha256", "/usr/bin/onDefineDomains"}
	if diff := cmp.Diff(want, withoutContainer(container, mounts).Args); diff != "" {
		t.Errorf("withoutContainer(...): -want, +got:\n%s", diff)
	}
}
