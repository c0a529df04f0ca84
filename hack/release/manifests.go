// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// writeManifests writes crd.yaml, and install.yaml, which is config/default without the CRDs: kubectl needs these
// before the default policy, and to delete install.yaml must not delete all patches.
func (r release) writeManifests() error {
	if err := r.build("crd.yaml", "../../crd"); err != nil {
		return err
	}
	return r.build("install.yaml", "../../rbac", "../../manager", "../../policy", "../../webhook")
}

// build writes what kustomize makes of folders, with the images named. The kustomization is in memory.
func (r release) build(file string, folders ...string) error {
	files := filesys.MakeFsInMemory()
	if err := copyConfig(files, filepath.Join(r.root, "config")); err != nil {
		return err
	}
	text := fmt.Sprintf(kustomization, strings.Join(folders, ", "), r.registry, r.tag)
	if file == "install.yaml" {
		text += fmt.Sprintf(shimPatch, r.registry, r.tag)
	}
	if err := files.WriteFile("/config/release/all/kustomization.yaml", []byte(text)); err != nil {
		return err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/config/release/all")
	if err != nil {
		return err
	}
	yaml, err := built.AsYaml()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, file), yaml, 0o644)
}

const kustomization = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%s]
images:
- {name: domainpatch/manager, newName: %s/manager, newTag: %s}
`

// shimPatch names the shim's image, which is an argument: images does not reach it.
const shimPatch = `patches:
- target: {kind: Deployment, name: domainpatch-manager}
  patch: |
    - {op: test, path: /spec/template/spec/containers/0/args/1, value: "--shim-image=domainpatch/shim:dev"}
    - {op: replace, path: /spec/template/spec/containers/0/args/1, value: "--shim-image=%s/shim:%s"}
`

func copyConfig(files filesys.FileSystem, config string) error {
	found, err := filepath.Glob(filepath.Join(config, "*", "*.yaml"))
	if err != nil || len(found) == 0 {
		return fmt.Errorf("%s has no folders with YAML (%v)", config, err)
	}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := files.WriteFile(filepath.Join("/config", filepath.Base(filepath.Dir(file)), filepath.Base(file)), text); err != nil {
			return err
		}
	}
	return nil
}
