// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/cluster/appliance"
)

// cliShowsTheSame compares what a VM got with what kubectl domainpatch render shows for the
// same input. The folder has the files that Boot leaves.
func (s *scene) cliShowsTheSame(vm *cluster.VM, folder string) {
	s.Helper()
	program := filepath.Join(s.TempDir(), "kubectl-domainpatch")
	build := exec.CommandContext(s.ctx, "go", "build", "-trimpath", "-o", program, "../../cmd/kubectl-domainpatch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.Fatalf("cannot build the command line tool: %v\n%s", err, out)
	}
	vmi, err := vm.VMI.MarshalJSON()
	s.must(err)
	file := filepath.Join(s.TempDir(), "vmi.json")
	s.must(os.WriteFile(file, vmi, 0o600))
	args := []string{"render", "--vmi", file}
	for _, patch := range appliance.Patches() {
		args = append(args, "-f", filepath.Join(s.samples, patch, "patch.yaml"))
	}
	render := func(flag, input string) []byte {
		s.Helper()
		out, err := exec.CommandContext(s.ctx, program, append(args, flag, filepath.Join(folder, input))...).Output()
		s.must(err)
		return out
	}

	domain, err := os.ReadFile(filepath.Join(folder, "domain.pass-1.out.xml"))
	s.must(err)
	if diff := cmp.Diff(string(domain), string(render("--domain", "domain.pass-1.in.xml"))); diff != "" {
		s.Errorf("domain: -the VM's, +the tool's:\n%s", diff)
	}
	cloudInit, err := os.ReadFile(filepath.Join(folder, "cloud-init.after.json"))
	s.must(err)
	var got, shown map[string]any
	s.must(json.Unmarshal(cloudInit, &got))
	s.must(json.Unmarshal(render("--cloud-init", "cloud-init.before.json"), &shown))
	if diff := cmp.Diff(got, shown); diff != "" {
		s.Errorf("cloud-init data: -the VM's, +the tool's:\n%s", diff)
	}
}
