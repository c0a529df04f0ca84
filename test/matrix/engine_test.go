// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const casesFolder = root + "/patch/testdata/cases"

// anyVMI is what a case without a VMI is played with.
const anyVMI = `{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": {"name": "any", "namespace": "default"}}`

// engineCases plays the cases of the engine that give a domain. The release reads it into its types first: what
// they drop of it is not there.
func (p *player) engineCases(t *testing.T) {
	wants, err := filepath.Glob(casesFolder + "/*/" + offline.WantDomain)
	if err != nil || len(wants) < 40 {
		t.Fatalf("%d cases in %s: %v", len(wants), casesFolder, err)
	}
	var boots []*boot
	for _, want := range wants {
		if b := caseBoot(t, filepath.Dir(want)); b != nil {
			boots = append(boots, b)
		}
	}
	p.play(t, boots)
}

// caseBoot gives nil for a case in which no patch applies.
func caseBoot(t *testing.T, folder string) *boot {
	t.Helper()
	vmi, err := os.ReadFile(filepath.Join(folder, offline.CaseVMI))
	all := errors.Is(err, fs.ErrNotExist)
	if all {
		vmi, err = []byte(anyVMI), nil
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &boot{testCase: testCase{vmi: "case", sample: filepath.Base(folder)}}
	if b.program, err = compileCase(filepath.Join(folder, offline.CasePatch), vmi, all); err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	if !b.program.Applies() {
		return nil
	}
	asJSON, err := yaml.YAMLToJSON(vmi)
	b.start = start{VMI: filepath.Join(t.TempDir(), "vmi.json"), Domain: filepath.Join(folder, offline.CaseDomain)}
	if err := errors.Join(err, os.WriteFile(b.VMI, asJSON, 0o644)); err != nil {
		t.Fatal(err)
	}
	return b
}

func compileCase(patches string, vmi []byte, all bool) (*offline.Program, error) {
	objects, _, err := offline.Files{}.Objects([]string{patches})
	if err != nil {
		return nil, err
	}
	parsed, err := offline.ParseVMI(vmi)
	if err != nil {
		return nil, err
	}
	return offline.Compile(context.Background(), objects, parsed, all)
}

// annotation has the release read an annotation with every field, and write the same again: it knows them all.
// controllers/render/annotation_test.go keeps the file current.
func (p *player) annotation(t *testing.T) {
	text, err := os.ReadFile(root + "/controllers/render/testdata/annotation.json")
	if err != nil {
		t.Fatal(err)
	}
	understood := p.ask(t, text, "annotation")
	var read, written any
	if err := errors.Join(json.Unmarshal(text, &read), json.Unmarshal(understood, &written)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, written) {
		t.Errorf("KubeVirt understands\n%s\nof\n%s", understood, strings.TrimSpace(string(text)))
	}
}
