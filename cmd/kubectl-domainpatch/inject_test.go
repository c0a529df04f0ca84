// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// TestDefaultImage checks that inject names the image that the operator's manifest names.
func TestDefaultImage(t *testing.T) {
	manifest, err := os.ReadFile("../../config/manager/manager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if arg := "- --shim-image=" + defaultImage + "\n"; !strings.Contains(string(manifest), arg) {
		t.Errorf("config/manager/manager.yaml does not say %q", arg)
	}
}
