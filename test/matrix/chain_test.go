// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package matrix

import (
	"bytes"
	"slices"
	"testing"
)

// chained are the releases with which the whole chain is tested: the oldest, and one of those in the middle, before
// sidecars got folders of their own. The newest is test/e2e's own.
var chained = []release{"v1.2.2", "v1.5.1"}

// chain runs test/e2e with the virt-api, the virt-controller, the definitions and the webhooks of the release, and with
// the probe for its virt-launcher. Of the case that fails, the error tells.
func (p *player) chain(t *testing.T) {
	if !slices.Contains(chained, p.release) {
		t.Skip("not one of those with which the whole chain is tested")
	}
	for _, program := range []struct{ name, in, source string }{
		{"virt-api", "probe", "kubevirt.io/kubevirt/cmd/virt-api"},
		{"virt-controller", "probe", "kubevirt.io/kubevirt/cmd/virt-controller"},
		{"kubevirt-manifests", root + "/test/kubevirt", "./cmd/kubevirt-manifests"},
		{"launcher", "probe", "."},
	} {
		if _, err := p.module.build("kubevirt/"+program.name, program.in, program.source); err != nil {
			t.Fatal(err)
		}
	}
	said, err := goCommand(root, "test", "-count=1", "-timeout", "20m", "-run", "^TestChain$", "./test/e2e", "-args", "-release", string(p.release))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(said, []byte("no tests to run")) {
		t.Errorf("%s: does test/e2e still call the test so?", said)
	}
}
