// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package hooks runs what pre-commit and GitHub would run, as they do: neither is needed.
package hooks

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// hook is an entry of .pre-commit-hooks.yaml: https://pre-commit.com/#creating-new-hooks
type hook struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Description   string   `json:"description"`
	Language      string   `json:"language"`
	Entry         string   `json:"entry"`
	Args          []string `json:"args"`
	PassFilenames *bool    `json:"pass_filenames"`
	Files         string   `json:"files"`
}

const patch = `apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata: {name: a, namespace: vms}
spec:
  domain:
  - op: set
    path: /domain/devices/disk/iotune/total_iops_sec
    value: "100"
`

// TestPreCommit runs every hook in a repository as pre-commit does: its entry, its args, and no files.
func TestPreCommit(t *testing.T) {
	var hooks []hook
	read(t, "../../../.pre-commit-hooks.yaml", &hooks)
	bin := plugin(t)
	ids := []string{}
	for _, h := range hooks {
		ids = append(ids, h.ID)
		if h.Language != "golang" || h.PassFilenames == nil || *h.PassFilenames || !regexp.MustCompile(h.Files).MatchString("a/patch.yaml") {
			t.Errorf("%s is not as pre-commit and the test take it: %+v", h.ID, h)
		}
		t.Run(h.ID, func(t *testing.T) {
			repository := repository(t)
			line := append(strings.Fields(h.Entry), h.Args...)
			if out, err := command(t, bin, repository, line...).CombinedOutput(); err != nil {
				t.Errorf("%q fails on what is right: %v\n%s", line, err, out)
			}
			write(t, filepath.Join(repository, "case", "patch.yaml"), strings.ReplaceAll(patch, "path: /domain", "path: /domain["))
			if out, err := command(t, bin, repository, line...).CombinedOutput(); err == nil || !strings.Contains(string(out), "case") {
				t.Errorf("%q does not find what is wrong: %v\n%s", line, err, out)
			}
		})
	}
	if want := []string{"domainpatch-lint", "domainpatch-test"}; !slices.Equal(ids, want) {
		t.Errorf("hooks %q, want %q", ids, want)
	}
}

// TestAction checks the action's metadata, and runs its script with the real plugin.
func TestAction(t *testing.T) {
	var action struct {
		Name, Description string
		Inputs            map[string]struct{ Description, Default string }
		Runs              struct {
			Using string
			Steps []struct {
				Shell, Uses, Run string
				Env              map[string]string
			}
		}
	}
	read(t, "../../../action.yml", &action)
	if names := slices.Sorted(maps.Keys(action.Inputs)); action.Runs.Using != "composite" || !slices.Equal(names, []string{"fail-on", "go-version", "lint", "test"}) {
		t.Errorf("%s with inputs %q", action.Runs.Using, names)
	}
	for i, step := range action.Runs.Steps {
		if step.Uses == "" && step.Shell != "bash" || strings.Contains(step.Run, "${{") { // an input in a script would be code
			t.Errorf("step %d is not as it must be: %+v", i, step)
		}
	}
	bin, repository := plugin(t), repository(t)
	out, err := script(t, bin, repository, "LINT=.", "TEST=.\n\n", "FAIL_ON=error").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: 1 of 1 cases") {
		t.Errorf("the action fails on what is right: %v\n%s", err, out)
	}
	write(t, filepath.Join(repository, "case", "patch.yaml"), strings.ReplaceAll(patch, "path: /domain", "path: /domain["))
	out, err = script(t, bin, repository, "LINT=.", "TEST=").CombinedOutput()
	if want := regexp.MustCompile(`(?m)^::error title=DP[0-9]+ [a-z-]+,file=case/patch\.yaml,line=7,col=[0-9]+::`); err == nil || !want.Match(out) {
		t.Errorf("no annotation like %s: %v\n%s", want, err, out)
	}
	if out, err := script(t, bin, repository, "LINT=", "TEST=.").CombinedOutput(); err == nil {
		t.Errorf("the test passes:\n%s", out)
	}
}

// TestActionHostile gives the script findings and output that try to be commands to the runner.
func TestActionHostile(t *testing.T) {
	bin := t.TempDir()
	write(t, filepath.Join(bin, "kubectl-domainpatch"), `#!/bin/sh
if [ "$1" = lint ]; then
	printf '%s\n' '{"findings": [{"code": "DP1", "name": "n", "severity": "warning", "file": "a,b:c.yaml", "line": 2, "message": "x\n::add-mask::%"}]}'
	echo '  ::error::of lint' >&2
	exit 1
fi
echo '::error::of test'
exit 1
`)
	if err := os.Chmod(filepath.Join(bin, "kubectl-domainpatch"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := script(t, bin, t.TempDir(), "LINT=a b", "TEST=.").CombinedOutput()
	if err == nil {
		t.Error("the script succeeds")
	}
	want := regexp.MustCompile(`^::stop-commands::([0-9a-f]{32})
  ::error::of lint
::([0-9a-f]{32})::
::warning title=DP1 n,file=a%2Cb%3Ac.yaml,line=2,col=1::x%0A::add-mask::%25
::stop-commands::([0-9a-f]{32})
::error::of test
::([0-9a-f]{32})::
$`)
	if tokens := want.FindSubmatch(out); tokens == nil || string(tokens[1]) != string(tokens[2]) || string(tokens[1]) == string(tokens[3]) {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// plugin builds the plugin into a folder, as go install does for pre-commit.
func plugin(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/kubectl-domainpatch")
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// repository is one with a case and a file that is not ours.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	const domain = "<domain><devices><disk><target dev='vda'/>%</disk></devices></domain>\n"
	write(t, filepath.Join(root, "other.yaml"), "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n")
	write(t, filepath.Join(root, "case", "patch.yaml"), patch)
	write(t, filepath.Join(root, "case", "domain.xml"), strings.ReplaceAll(domain, "%", ""))
	write(t, filepath.Join(root, "case", "want.xml"), strings.ReplaceAll(domain, "%", "<iotune><total_iops_sec>100</total_iops_sec></iotune>"))
	return root
}

func script(t *testing.T, bin, folder string, env ...string) *exec.Cmd {
	t.Helper()
	path, err := filepath.Abs("../../../hack/action.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, bin, folder, path)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func command(t *testing.T, bin, folder string, line ...string) *exec.Cmd {
	t.Helper()
	if line[0] == "kubectl-domainpatch" {
		line[0] = filepath.Join(bin, line[0])
	}
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	return cmd
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
