// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// stored is the part of a stored VMI and of its bundle's ConfigMap that reaches the shim.
type stored struct {
	Metadata struct{ Annotations map[string]string }
	Data     map[string]string
}

// TestUpgrade runs the program as the annotations of VMIs say that older operators created, on
// the bundles that these wrote: an older image may be gone, and be replaced by this one under
// its name. The results are those of the program of that time.
func TestUpgrade(t *testing.T) {
	folders, err := filepath.Glob("../manager/testdata/stored/format-*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("folders %v, error %v", folders, err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			dir := shortDir(t)
			var object map[string]any
			if err := yaml.Unmarshal([]byte(text(t, folder, "vmi.yaml")), &object); err != nil {
				t.Fatal(err)
			}
			vmi, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			cmd, stderr := command(t, append(args(t, folder, filepath.Join(dir, "bundle.json")), "--socket-dir", dir)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			callbacks := v1alpha3.NewCallbacksClient(connect(t, filepath.Join(dir, "domainpatch-hook-sidecar-3.sock")))
			data, err := callbacks.PreCloudInitIso(t.Context(), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(text(t, folder, "cloud-init.json")), Vmi: vmi})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text(t, folder, "want.json"), string(data.CloudInitData)); diff != "" {
				t.Errorf("cloud-init data (-then +now):\n%s", diff)
			}
			domain, err := callbacks.OnDefineDomain(t.Context(), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(text(t, folder, "domain.xml")), Vmi: vmi})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text(t, folder, "want.xml"), string(domain.DomainXml)); diff != "" {
				t.Errorf("domain (-then +now):\n%s", diff)
			}
			if _, err := callbacks.Shutdown(t.Context(), &v1alpha3.ShutdownParams{}); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, stderr)
			}
		})
	}
}

// args are those of the shim's container, with the bundle of the folder in this file.
func args(t *testing.T, folder, file string) []string {
	t.Helper()
	var vmi, bundle stored
	for name, into := range map[string]*stored{"vmi.yaml": &vmi, "bundle.yaml": &bundle} {
		if err := yaml.Unmarshal([]byte(text(t, folder, name)), into); err != nil {
			t.Fatal(err)
		}
	}
	var sidecars []struct{ Args []string }
	if err := json.Unmarshal([]byte(vmi.Metadata.Annotations["hooks.kubevirt.io/hookSidecars"]), &sidecars); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(bundle.Data["bundle.json"]), 0o600); err != nil {
		t.Fatal(err)
	}
	args := sidecars[len(sidecars)-1].Args // ours is the last one
	i := slices.Index(args, "/usr/bin/onDefineDomain")
	if i < 0 {
		t.Fatalf("no bundle in %s", strings.Join(args, " "))
	}
	return slices.Replace(args, i, i+1, file)
}

func text(t *testing.T, folder, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
