// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVersion(t *testing.T) {
	for tag, want := range map[string]string{
		"v1.2.3":               "1.2.3",
		"v1.2.3-rc.1":          "1.2.3-rc.1",
		"v1.2.3-4-g0123abc":    "1.2.3-4-g0123abc",
		"0123456":              "0.0.0-dev.g0123456", // a number with a leading 0 is no part of a semantic version
		"0123456-dirty":        "0.0.0-dev.g0123456-dirty",
		"nightly-1-g01234567":  "0.0.0-dev.gnightly-1-g01234567",
		"v1.2":                 "0.0.0-dev.gv1.2",
		"v1.2.3-4-gabc1-dirty": "1.2.3-4-gabc1-dirty",
	} {
		if got := version(tag); got != want {
			t.Errorf("version(%q): %s, want %s", tag, got, want)
		}
	}
}

// TestAssets makes all of them twice: the times of files must not count. Each program is this test's.
func TestAssets(t *testing.T) {
	bin := t.TempDir()
	for _, image := range []string{"manager", "shim"} {
		layout(t, filepath.Join(bin, "image", image))
		program := filepath.Join(bin, "linux-amd64", image)
		if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(self(t), program); err != nil {
			t.Fatal(err)
		}
	}
	first := assetsOf(t, bin)
	if err := os.Chtimes(filepath.Join(bin, "image", "shim", "index.json"), time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	second := assetsOf(t, bin)
	for name, content := range first {
		if !bytes.Equal(content, second[name]) {
			t.Errorf("%s is not the same again", name)
		}
	}
	if len(first) != 7 || len(second) != 7 {
		t.Errorf("%d and %d files, want 7", len(first), len(second))
	}
	manifest := string(first["install.yaml"])
	for _, want := range []string{"image: registry.example.com/a/manager:v1.2.3\n", "--shim-image=registry.example.com/a/shim:v1.2.3\n", "kind: DomainPatchPolicy\n"} {
		if !strings.Contains(manifest, want) {
			t.Errorf("install.yaml lacks %q", want)
		}
	}
	if text := string(first["crd.yaml"]); strings.Count(text, "kind: CustomResourceDefinition\n") != 3 || strings.Contains(manifest, "CustomResourceDefinition") {
		t.Error("the CRDs are not in crd.yaml alone")
	}
	if _, ok := first["domainpatch-chart-1.2.3.tgz"]; !ok {
		t.Error("there is no chart 1.2.3")
	}
}

func assetsOf(t *testing.T, bin string) map[string][]byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "assets")
	if err := run([]string{"assets", "-bin", bin, "-out", out, "-registry", "registry.example.com/a"}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(out, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestSBOM lists the modules of this test, among them a library that it has.
func TestSBOM(t *testing.T) {
	document := filepath.Join(t.TempDir(), "a.cdx.json")
	if err := run([]string{"sbom", "-version", "1.2.3", self(t), document}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"CycloneDX"`, `"1.6"`, `"pkg:golang/stdlib@1.`, `"SHA-256"`, `"urn:uuid:`, `"Apache-2.0"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the SBOM lacks %s:\n%s", want, text)
		}
	}
}

func TestRefused(t *testing.T) {
	bin := t.TempDir()
	cases := map[string]struct {
		args []string
		want string
	}{
		"Nothing":   {nil, "use it as"},
		"NoImages":  {[]string{"assets", "-bin", bin, "-out", filepath.Join(bin, "out")}, "run make image first"},
		"NoProgram": {[]string{"sbom", "-version", "1", "release_test.go", filepath.Join(bin, "x")}, "release_test.go"},
		"NoVersion": {[]string{"sbom", "a", "b"}, "needs -version"},
	}
	for name, tc := range cases {
		if err := run(tc.args); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		}
	}
}

// layout is as much of an OCI layout as counts.
func layout(t *testing.T, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	const index = `{"manifests": [{"annotations": {"org.opencontainers.image.ref.name": "v1.2.3"}}]}`
	if err := os.WriteFile(filepath.Join(folder, "index.json"), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
}

func self(t *testing.T) string {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return file
}
