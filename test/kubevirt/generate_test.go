// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readmePatch does what both scripts of KubeVirt's README do.
const readmePatch = `# Generated: review it, and say here what it is for and which VMs it is for.
apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata:
  name: board
spec:
  domain:
  - op: set
    path: /domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']
    value: Radical Edward
`

// TestGenerate has the patch generated that does what the scripts of KubeVirt's README do to a
// domain of KubeVirt's converter, and tests it as a case.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", goBuild(dir, []string{"-C", "../..", "./cmd/kubectl-domainpatch"})...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program := filepath.Join(dir, "kubectl-domainpatch")
	domain, err := filepath.Abs("../../patch/testdata/domains/plain.xml")
	if err != nil {
		t.Fatal(err)
	}
	for name, folder := range map[string]func(t *testing.T) string{"Shell": readmeShell, "Python": readmePython} {
		t.Run(name, func(t *testing.T) {
			scripts := folder(t)
			t.Setenv("PATH", scripts+":"+os.Getenv("PATH")) // where the interpreter of the one in Python is
			folder := filepath.Join(t.TempDir(), "case")
			cmd := exec.CommandContext(t.Context(), program, "generate", "--script", filepath.Join(scripts, "onDefineDomain"),
				"--domain", domain, "--name", "board", "--case", folder)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			if diff := cmp.Diff(readmePatch, stdout.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if out, err := exec.CommandContext(t.Context(), program, "test", folder).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
