// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// Scene is a VM whose patches get along, and what its guest sees of each: a folder of testdata.
type Scene struct {
	Name string
	// Formats are those of disk images, by their paths, where the unpatched domain is wrong about it.
	Formats map[string]string `json:"formats"`
	// Proofs are in the order of the names of the samples.
	Proofs []Proof `json:"proofs"`

	folder  string
	vm      string   // file
	patches []string // files
}

// Proof is what a guest sees of a sample.
type Proof struct {
	Sample string `json:"sample"`
	Facts  []Fact `json:"facts"`
}

// Fact is one that differs. No value is a fact that the guest does not report; for others than plain texts see match.
type Fact struct {
	Name    string `json:"name"`
	Without string `json:"without"`
	With    string `json:"with"`
	// Because is what makes the difference, where it is not what the patch writes.
	Because string `json:"because"`
}

// Scenes reads all scenes of the repository.
func Scenes() ([]*Scene, error) {
	root, err := cluster.Repository()
	if err != nil {
		return nil, err
	}
	vms, err := filepath.Glob(filepath.Join(root, "test", "guest", "testdata", "*", "vm.yaml"))
	if err != nil || len(vms) == 0 {
		return nil, errors.Join(err, errors.New("test/guest/testdata has no scenes"))
	}
	var scenes []*Scene
	for _, vm := range vms {
		folder := filepath.Dir(vm)
		s := &Scene{Name: filepath.Base(folder), folder: folder, vm: vm}
		if err := s.read(filepath.Join(root, "config", "samples")); err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		scenes = append(scenes, s)
	}
	return scenes, nil
}

// read reads the proofs, and finds the patches that the VM demands: among the samples, or beside it.
func (s *Scene) read(samples string) error {
	data, err := os.ReadFile(filepath.Join(s.folder, "proofs.yaml"))
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(data, s); err != nil {
		return err
	}
	objects, err := cluster.ReadManifest(s.vm)
	if err != nil {
		return err
	}
	labels, _, err := unstructured.NestedStringMap(objects[0].Object, "spec", "template", "metadata", "labels")
	if err != nil {
		return err
	}
	var demanded []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		name, ok := patchName(label)
		if !ok {
			continue
		}
		demanded = append(demanded, name)
		file := filepath.Join(samples, name, "patch.yaml")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			file = filepath.Join(s.folder, name+".yaml")
		}
		s.patches = append(s.patches, file)
	}
	return s.checkProofs(demanded)
}

// checkProofs compares the proofs with the patches that the VM demands.
func (s *Scene) checkProofs(demanded []string) error {
	var proved []string
	for _, proof := range s.Proofs {
		if len(proof.Facts) == 0 {
			return fmt.Errorf("proofs.yaml: it does not say what the guest sees of %s", proof.Sample)
		}
		proved = append(proved, proof.Sample)
	}
	slices.Sort(demanded)
	if !slices.Equal(proved, demanded) {
		return fmt.Errorf("proofs.yaml is about %v, and the VM demands %v, in this order", proved, demanded)
	}
	return nil
}

func patchName(label string) (string, bool) {
	for _, prefix := range []string{v1alpha1.DomainPatchReferencePrefix, v1alpha1.ClusterDomainPatchReferencePrefix} {
		if name, ok := strings.CutPrefix(label, prefix); ok {
			return name, true
		}
	}
	return "", false
}
