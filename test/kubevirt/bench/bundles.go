// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxBundle is the largest bundle that the shim takes, in bytes.
const maxBundle = 512 << 10

// rule is one domain rule of a bundle, as docs/rules.md describes it.
type rule struct {
	Op         string `json:"op"`
	Path       string `json:"path"`
	Value      string `json:"value,omitempty"`
	Expression string `json:"expression,omitempty"`
	Expect     string `json:"expect,omitempty"`
}

type patch struct {
	Kind          string `json:"kind"`
	Namespace     string `json:"namespace"`
	Name          string `json:"name"`
	FailurePolicy string `json:"failurePolicy"`
	Domain        []rule `json:"domain"`
}

// smbios is the patch that does what KubeVirt's examples do.
func smbios(value rule) patch {
	value.Op, value.Path = "set", "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']"
	return newPatch("smbios", rule{Op: "set", Path: "/domain/os/smbios/@mode", Value: "sysinfo"}, value)
}

func literal() []patch { return []patch{smbios(rule{Value: manufacturer})} }

func withCEL() []patch {
	return []patch{smbios(rule{Expression: "vmi.metadata.annotations['smbios.vm.kubevirt.io/baseBoardManufacturer']"})}
}

func newPatch(name string, rules ...rule) patch {
	return patch{Kind: "DomainPatch", Namespace: "vms", Name: name, FailurePolicy: "Fail", Domain: rules}
}

// manyMatches has 64 rules for 230 disks each: with more, the document would grow by over 256 KiB.
func manyMatches() []patch {
	p := smbios(rule{Value: manufacturer})
	for i := len(p.Domain); i < 64; i++ {
		p.Domain = append(p.Domain, rule{Op: "set", Value: fmt.Sprint(i),
			Path: fmt.Sprintf("/domain/devices/disk[position()<=230]/iotune/b%d", i)})
	}
	return []patch{p}
}

// largest fills a bundle up to its limit. The expressions take the 128 KiB that all of a bundle may have; text makes
// that of the rule i of the patch n.
func largest(text func(n, i int) string) []patch {
	patches := literal()
	for n := range 63 {
		p := newPatch(fmt.Sprintf("p%d", n))
		for i := range 63 {
			p.Domain = append(p.Domain, rule{Op: "set", Path: fmt.Sprintf("/domain/metadata/x%d", i), Expect: "Any",
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
func (b *bench) shim(binary, name string, patches []patch) (program, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // the canonical form has no escapes that JSON does not ask for
	if err := enc.Encode(map[string]any{"formatVersion": 1, "patches": patches}); err != nil {
		return program{}, err
	}
	data := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	sum := sha256.Sum256(data)
	file := filepath.Join(b.dir, strings.ReplaceAll(name, " ", "-")+".json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return program{}, err
	}
	return program{path: filepath.Join(b.dir, binary), args: []string{"--version", "v1alpha3", "--bundle", file,
		"--sha256", hex.EncodeToString(sum[:]), "--hooks", "OnDefineDomain"}}, nil
}

// stockShim is KubeVirt's with the program of that name.
func (b *bench) stockShim(hook string) program {
	return program{path: filepath.Join(b.dir, stock), args: []string{"--version", "v1alpha3"}, hook: hookFolder(b.dir, hook)}
}

func (b *bench) echo() program {
	return program{path: filepath.Join(b.dir, echoServer), args: []string{socketDir + "/echo.sock"}}
}
