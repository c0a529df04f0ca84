// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const (
	samplesFolder = root + "/config/samples"
	vmisFolder    = "testdata/vmis"
)

// together is the name of the case of a VM with all samples that its labels name.
const together = "all"

// testCase is a VM with one sample, or with all of its own.
type testCase struct {
	vmi     string // its name
	sample  string // or together
	samples []string
}

func (c *testCase) String() string { return c.vmi + "/" + c.sample }

// testCases lists each VM with each sample that its labels name, and with all of them.
func testCases(t *testing.T) []testCase {
	t.Helper()
	var cases []testCase
	for _, file := range vmiFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vmi struct {
			Metadata struct {
				Name   string
				Labels map[string]string
			}
		}
		if err := yaml.Unmarshal(data, &vmi); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var samples []string
		for _, label := range slices.Sorted(maps.Keys(vmi.Metadata.Labels)) {
			_, sample, _ := strings.Cut(label, "/")
			samples = append(samples, sample)
			cases = append(cases, testCase{vmi.Metadata.Name, sample, []string{sample}})
		}
		cases = append(cases, testCase{vmi.Metadata.Name, together, samples})
	}
	return cases
}

func vmiFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(vmisFolder + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no VMs in %s: %v", vmisFolder, err)
	}
	return files
}

// TestEverySample: each is on a VM of the matrix, also where no release is tested.
func TestEverySample(t *testing.T) {
	var tested []string
	for _, c := range testCases(t) {
		tested = append(tested, c.samples...)
	}
	samples, err := offline.FindCases(samplesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range samples {
		if !slices.Contains(tested, filepath.Base(dir)) {
			t.Errorf("%s: give a VM in test/matrix/%s the label that refers to it, and what it needs", dir, vmisFolder)
		}
	}
}

// TestDifferencesOfSamples: what the data file tells is of cases that there are, and has its reason, also where no
// release is tested.
func TestDifferencesOfSamples(t *testing.T) {
	for _, d := range readDifferences(t) {
		if !slices.ContainsFunc(testCases(t), func(c testCase) bool { return c.vmi == d.VMI && c.sample == d.Sample }) {
			t.Errorf("%s tells of %s/%s: the VM or its label for the sample is gone; remove the entry", differencesFile, d.VMI, d.Sample)
		}
		if strings.TrimSpace(d.Reason) == "" || len(d.Releases) == 0 || len(d.Lines) == 0 {
			t.Errorf("%s tells of %s/%s without a reason, releases or lines", differencesFile, d.VMI, d.Sample)
		}
	}
}

// compile renders the case for the VM as a release sees it, in the JSON file vmi: of its labels only those
// of the case are left.
func (c *testCase) compile(vmiFile string) (*offline.Program, error) {
	data, err := os.ReadFile(vmiFile)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	metadata, _ := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	maps.DeleteFunc(labels, func(label string, _ any) bool {
		_, sample, _ := strings.Cut(label, "/")
		return !slices.Contains(c.samples, sample)
	})
	if data, err = json.Marshal(object); err != nil {
		return nil, err
	}
	vmi, err := offline.ParseVMI(data)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, sample := range c.samples {
		files = append(files, filepath.Join(samplesFolder, sample, offline.CasePatch))
	}
	objects, _, err := offline.Files{}.Objects(files)
	if err != nil {
		return nil, err
	}
	program, err := offline.Compile(context.Background(), objects, vmi, false)
	if err == nil && !program.Applies() {
		err = errors.New("no patch applies")
	}
	return program, err
}
