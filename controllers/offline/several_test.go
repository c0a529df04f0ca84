// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"
)

// TestSeveralDocuments wants no document of a file to be passed over that kubectl reads, and every one of YAML to be read.
func TestSeveralDocuments(t *testing.T) {
	const vm = `{"kind": "VirtualMachineInstance", "metadata": {"name": "a"}}`
	for name, tc := range map[string]struct{ file, want string }{
		"one":                {vm, ""},
		"comment behind":     {vm + " # of Monday\n...\n", ""},
		"others behind":      {vm + "\n---\n{\"kind\": \"Secret\"}\n---\nnull\n", ""},
		"nothing before":     {"---\n# Source: vm.yaml\n---\n" + vm, ""},
		"JSON behind JSON":   {vm + "\n" + vm, "f:2:1: this stands behind a JSON object: put a line with --- between them"},
		"JSON in one line":   {"---  " + vm + " " + vm, "f:1:68: this stands behind a JSON object"},
		"text behind JSON":   {vm + "\nfoo: bar\n", "f:2:1: this stands behind a JSON object"},
		"second VM":          {vm + "\n---\n" + vm, "f:3:1: a second VM, a VirtualMachineInstance: "},
		"no object behind":   {vm + "\n---\n- a\n", "f:2: this is no Kubernetes object"},
		"syntax":             {vm + "\n---\n- [\n", "f:3: this is neither YAML nor JSON: "},
		"nothing but spaces": {" \n", `kind "" is neither VirtualMachineInstance nor VirtualMachine`},
	} {
		_, err := parseVMI("f", []byte(tc.file))
		checkFirst(t, name, err, tc.want)
	}
	_, _, err := ParseObjects("f", []byte(`{"kind": "A"}{"kind": "B"}`))
	checkFirst(t, "objects", err, "f:1:14: this stands behind a JSON object")
}

// checkFirst wants an error whose first mistake begins so, or none where that is empty.
func checkFirst(t *testing.T, name string, err error, want string) {
	t.Helper()
	got := ""
	if all := Mistakes(err); len(all) > 0 {
		got = all[0].String()
	}
	if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}
