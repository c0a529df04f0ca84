// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// maxBundle is the largest bundle that the shim takes, in bytes.
const maxBundle = 512 << 10

// smbios is the patch that does what KubeVirt's examples do.
func smbios(value bundle.DomainRule) bundle.Patch {
	value.Op, value.Path = "set", "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']"
	return bundle.NewPatch("smbios", bundle.DomainRule{Op: "set", Path: "/domain/os/smbios/@mode", Value: "sysinfo"}, value)
}

func literal() []bundle.Patch { return []bundle.Patch{smbios(bundle.DomainRule{Value: manufacturer})} }

func withCEL() []bundle.Patch {
	return []bundle.Patch{smbios(bundle.DomainRule{Expression: "vmi.metadata.annotations['smbios.vm.kubevirt.io/baseBoardManufacturer']"})}
}

// manyMatches has 64 rules for 230 disks each: with more, the document would grow by over 256 KiB.
func manyMatches() []bundle.Patch {
	p := smbios(bundle.DomainRule{Value: manufacturer})
	for i := len(p.Domain); i < 64; i++ {
		p.Domain = append(p.Domain, bundle.DomainRule{Op: "set", Value: fmt.Sprint(i),
			Path: fmt.Sprintf("/domain/devices/disk[position()<=230]/iotune/b%d", i)})
	}
	return []bundle.Patch{p}
}

// largest fills a bundle up to its limit. The expressions take the 128 KiB that all of a bundle may have; text makes
// that of the rule i of the patch n.
func largest(text func(n, i int) string) []bundle.Patch {
	patches := literal()
	for n := range 63 {
		p := bundle.NewPatch(fmt.Sprintf("p%d", n))
		for i := range 63 {
			p.Domain = append(p.Domain, bundle.DomainRule{Op: "set", Path: fmt.Sprintf("/domain/metadata/x%d", i), Expect: "Any",
				Expression: text(n, i)})
		}
		patches = append(patches, p)
	}
	return patches
}

// sameText is one expression in all rules of a patch, ownText another one in each.
func sameText(n, _ int) string { return fmt.Sprintf("'%d' + vmi.metadata.name", n) }
func ownText(n, i int) string  { return fmt.Sprintf("'%d' + vmi.metadata.name", 63*n+i) }

// shim is ours with the bundle, as the operator starts it. Dir is where the programs are.
func (b *bench) shim(binary, name string, patches []bundle.Patch) (sidecar.Program, error) {
	data, err := bundle.Encode(patches...)
	if err != nil {
		return sidecar.Program{}, err
	}
	sum := sha256.Sum256(data)
	file := filepath.Join(b.dir, strings.ReplaceAll(name, " ", "-")+".json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return sidecar.Program{}, err
	}
	return sidecar.Program{Path: filepath.Join(b.dir, binary), Args: []string{"--version", "v1alpha3", "--bundle", file,
		"--sha256", hex.EncodeToString(sum[:]), "--hooks", "OnDefineDomain"}}, nil
}

// stockShim is KubeVirt's with the program of that name.
func (b *bench) stockShim(hook string) sidecar.Program {
	return sidecar.Program{Path: filepath.Join(b.dir, stock), Args: []string{"--version", "v1alpha3"}, Hook: hookFolder(b.dir, hook)}
}

func (b *bench) echo() sidecar.Program {
	return sidecar.Program{Path: filepath.Join(b.dir, echoServer), Args: []string{sidecar.SocketDir + "/echo.sock"}}
}
