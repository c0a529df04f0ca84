// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// root is the repository.
const root = "../.."

// out is where everything goes that is made here.
const out = root + "/out/matrix"

// Modules that KubeVirt requires since v1.8 and that no proxy serves. No package that is built here needs
// the first; the second have stubs in test/kubevirt.
var (
	unserved = []string{"kubevirt.io/virt-template-engine", "libguestfs.org/libnbd"}
	stubbed  = []string{"kubevirt.io/virt-template-api", "kubevirt.io/virt-template-client-go"}
)

// module is the module of the probe for a release. Its go.mod is KubeVirt's own, since only a main module's
// replacements count; the go.sum is KubeVirt's with what it lacks from testdata/go.sum, KubeVirt itself first of all.
// Nothing else may be downloaded.
type module struct {
	release release
	folder  string // where everything goes that is built with it
	file    string // its go.mod; the go.sum is beside it
}

func newModule(r release) (*module, error) {
	folder, err := filepath.Abs(filepath.Join(out, string(r)))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	m := &module{release: r, folder: folder, file: filepath.Join(folder, "go.mod")}
	if err := m.write(); err != nil {
		return nil, fmt.Errorf("KubeVirt %s: %w", r, err)
	}
	return m, nil
}

// build builds a program of KubeVirt's, or a folder of this repository that imports nothing but KubeVirt's packages,
// and gives its path. The name may have a folder.
func (m *module) build(name, in, source string) (program string, err error) {
	program = filepath.Join(m.folder, name)
	_, err = goCommand(in, "build", "-modfile="+m.file, "-mod=readonly", "-tags", m.release.tags(), "-ldflags", "-s -w", "-o", program, source)
	return program, err
}

// write makes go.mod and go.sum.
func (m *module) write() error {
	pinned, err := os.ReadFile("testdata/go.sum")
	if err != nil {
		return err
	}
	start := "module probe\n\ngo 1.26.0\n"
	if err := errors.Join(os.WriteFile(m.file, []byte(start), 0o644), os.WriteFile(m.sumFile(), pinned, 0o644)); err != nil {
		return err
	}
	kubevirt, err := m.download()
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(kubevirt, "go.mod"))
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(kubevirt, "go.sum"))
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(m.file, mod, 0o644), os.WriteFile(m.sumFile(), slices.Concat(sum, pinned), 0o644)); err != nil {
		return err
	}
	edits, err := m.edits()
	if err != nil {
		return err
	}
	_, err = m.command(append(append([]string{"mod", "edit"}, edits...), m.file)...)
	return err
}

func (m *module) sumFile() string { return strings.TrimSuffix(m.file, "mod") + "sum" }

// download gives the folder of KubeVirt's source. Its hash is in testdata/go.sum.
func (m *module) download() (folder string, err error) {
	// The go command would ask a checksum database for one that is missing.
	if sum, err := os.ReadFile(m.sumFile()); err != nil || !bytes.Contains(sum, []byte("kubevirt.io/kubevirt "+string(m.release)+" h1:")) {
		return "", errors.Join(err, fmt.Errorf("test/matrix/testdata/go.sum has no hash of it"))
	}
	text, err := m.command("mod", "download", "-modfile="+m.file, "-json", "kubevirt.io/kubevirt@"+string(m.release))
	if err != nil {
		return "", err
	}
	var downloaded struct{ Dir string }
	return downloaded.Dir, errors.Join(json.Unmarshal(text, &downloaded))
}

// edits are the flags for go mod edit that make a module of ours of KubeVirt's: what it takes from folders of
// its repository is required by version.
func (m *module) edits() ([]string, error) {
	stubs, err := filepath.Abs(root + "/test/kubevirt/stubs")
	if err != nil {
		return nil, err
	}
	text, err := m.command("mod", "edit", "-json", m.file)
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct{ Path, Version string }
		Replace []struct{ Old, New struct{ Path string } }
	}
	if err := json.Unmarshal(text, &mod); err != nil {
		return nil, err
	}
	edits := []string{"-module=github.com/domainpatch/domainpatch/test/matrix/probe", "-go=1.26.0", "-toolchain=none",
		"-require=kubevirt.io/kubevirt@" + string(m.release)}
	for _, replace := range mod.Replace {
		switch {
		case !strings.HasPrefix(replace.New.Path, "."):
		case strings.HasPrefix(replace.Old.Path, "kubevirt.io/"):
			edits = append(edits, fmt.Sprintf("-require=%s@%s", replace.Old.Path, m.release),
				fmt.Sprintf("-replace=%[1]s=%[1]s@%[2]s", replace.Old.Path, m.release))
		default:
			edits = append(edits, "-dropreplace="+replace.Old.Path)
		}
	}
	for _, require := range mod.Require {
		switch {
		case slices.Contains(unserved, require.Path):
			edits = append(edits, "-droprequire="+require.Path, "-exclude="+require.Path+"@"+require.Version)
		case slices.Contains(stubbed, require.Path):
			edits = append(edits, "-replace="+require.Path+"="+filepath.Join(stubs, filepath.Base(require.Path)))
		}
	}
	return edits, nil
}

// command runs the go command in the probe's folder.
func (m *module) command(args ...string) ([]byte, error) { return goCommand("probe", args...) }

// goCommand gives what the go command prints. The flags are those of the Makefile, whose compiled packages it
// shares.
func goCommand(folder string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, stderr.String(), output)
	}
	return output, nil
}
