// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package release tests the files of a release, which make release-dry-run leaves in the folder DIST.
package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/yaml"
)

func dist(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("DIST")
	if folder == "" {
		t.Skip("DIST is not set: make release-dry-run sets it")
	}
	return folder
}

// checksums are those of checksums.txt, by file.
func checksums(t *testing.T, folder string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for line := range strings.Lines(string(read(t, filepath.Join(folder, "checksums.txt")))) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[file] = sum
	}
	return sums
}

// TestChecksums checks all files, and that nothing of a release is without a checksum.
func TestChecksums(t *testing.T) {
	folder := dist(t)
	sums := checksums(t, folder)
	for file, want := range sums {
		sum := sha256.Sum256(read(t, filepath.Join(folder, file)))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has sum %s, want %s", file, got, want)
		}
	}
	for _, pattern := range []string{"*.tar.gz", "*.zip", "*.tgz", "*.tar", "*install.yaml", "crd.yaml", "*.cdx.json"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("no files %s (%v)", pattern, err)
		}
		for _, file := range files {
			if sums[filepath.Base(file)] == "" {
				t.Errorf("%s has no checksum", file)
			}
		}
	}
}

// platforms are those that the plugin is built for.
var platforms = []string{"darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64", "linux-s390x", "windows-amd64", "windows-arm64"}

// TestArchives opens every archive, and runs the program of this machine's.
func TestArchives(t *testing.T) {
	folder := dist(t)
	for _, platform := range platforms {
		files := unpack(t, one(t, folder, "kubectl-domainpatch-*-"+platform+".[tz]*"))
		program := "kubectl-domainpatch"
		if strings.HasPrefix(platform, "windows") {
			program += ".exe"
		}
		for _, want := range []string{program, "LICENSE", "README.md", "completions/kubectl-domainpatch.bash", "kubectl_complete-domainpatch"} {
			if len(files[want]) == 0 {
				t.Errorf("the archive for %s lacks %s", platform, want)
			}
		}
		if platform == runtime.GOOS+"-"+runtime.GOARCH {
			runs(t, files[program])
		}
	}
}

func runs(t *testing.T, program []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubectl-domainpatch")
	if err := os.WriteFile(file, program, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), file, "version").CombinedOutput()
	if err != nil || !regexp.MustCompile(`^kubectl-domainpatch v[0-9].*\ncommit [0-9a-f]{40} of 20[0-9-]{8}T[0-9:]{8}Z\n`).Match(out) {
		t.Errorf("version: %v (Go puts no version into programs that are built in a git worktree: use a clone)\n%s", err, out)
	}
}

// TestSBOMs judges every SBOM by CycloneDX's own schema, and looks for what must be in it.
func TestSBOMs(t *testing.T) {
	folder := dist(t)
	schema := cycloneDX(t)
	files, err := filepath.Glob(filepath.Join(folder, "*.cdx.json"))
	if err != nil || len(files) != len(platforms)+2 {
		t.Errorf("%d SBOMs, want one for each archive and image (%v)", len(files), err)
	}
	for _, file := range files {
		text := read(t, file)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, want := range []string{`"pkg:golang/stdlib@1.`, `"pkg:golang/github.com/google/cel-go@v`, `"SHA-256"`} {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%s lacks %s", file, want)
			}
		}
	}
}

// cycloneDX is the schema that comes with CycloneDX's library.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go")
	cmd.Dir = "../../../hack/release"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "schema")
	compiler := jsonschema.NewCompiler()
	for id, name := range map[string]string{"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json", "bom-1.6.schema.json": "bom-1.6.schema.json"} {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, filepath.Join(folder, name))))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+id, document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestKrew holds the manifest to what krew's documentation demands of one:
// https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
func TestKrew(t *testing.T) {
	folder := dist(t)
	var plugin struct {
		APIVersion, Kind string
		Metadata         struct{ Name string }
		Spec             struct {
			Version, Homepage, ShortDescription, Description, Caveats string
			Platforms                                                 []struct {
				URI, Sha256, Bin string
				Selector         struct{ MatchLabels map[string]string }
			}
		}
	}
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(folder, "krew", "domainpatch.yaml")), &plugin); err != nil {
		t.Fatal(err)
	}
	s := plugin.Spec
	if !strings.HasPrefix(plugin.APIVersion, "krew.") || !strings.HasSuffix(plugin.APIVersion, "/v1alpha2") || plugin.Kind != "Plugin" || plugin.Metadata.Name != "domainpatch" {
		t.Errorf("it is %s %s %s", plugin.APIVersion, plugin.Kind, plugin.Metadata.Name)
	}
	if !regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`).MatchString(s.Version) || s.Homepage == "" || s.Description == "" {
		t.Errorf("version %q, homepage %q, description %q", s.Version, s.Homepage, s.Description)
	}
	if len(s.ShortDescription) == 0 || len(s.ShortDescription) > 50 || strings.HasSuffix(s.ShortDescription, ".") {
		t.Errorf("the short description is %q", s.ShortDescription)
	}
	sums := checksums(t, folder)
	var found []string
	for _, p := range s.Platforms {
		platform := p.Selector.MatchLabels["os"] + "-" + p.Selector.MatchLabels["arch"]
		found = append(found, platform)
		if sums[path.Base(p.URI)] != p.Sha256 || !strings.HasPrefix(p.URI, "https://") || !strings.Contains(p.URI, platform) || !strings.Contains(p.URI, "/"+s.Version+"/") {
			t.Errorf("%s is at %s with sum %s", platform, p.URI, p.Sha256)
		}
		if files := unpack(t, filepath.Join(folder, path.Base(p.URI))); len(files[p.Bin]) == 0 || len(files["LICENSE"]) == 0 {
			t.Errorf("the archive for %s lacks %s or LICENSE", platform, p.Bin)
		}
	}
	slices.Sort(found)
	if want := slices.DeleteFunc(slices.Clone(platforms), func(p string) bool { return p == "linux-s390x" }); !slices.Equal(found, want) {
		t.Errorf("platforms %q, want %q", found, want)
	}
}

// TestChart loads the chart with Helm, and compares its images with install.yaml's.
func TestChart(t *testing.T) {
	folder := dist(t)
	chart, err := loader.Load(one(t, folder, "domainpatch-chart-*.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := chart.Validate(); err != nil || len(chart.CRDObjects()) != 3 || chart.Schema == nil {
		t.Errorf("the chart has %d CRDs: %v", len(chart.CRDObjects()), err)
	}
	manifest := string(read(t, filepath.Join(folder, "install.yaml")))
	for _, program := range []string{"manager", "shim"} {
		image := chart.Values[program].(map[string]any)["image"].(map[string]any)["repository"].(string) + ":" + chart.AppVersion()
		if !strings.Contains(manifest, image+"\n") || strings.Contains(image, ":dev\n") {
			t.Errorf("install.yaml does not name %s, as the chart does", image)
		}
	}
	if strings.Contains(manifest, "kind: CustomResourceDefinition") {
		t.Error("install.yaml has CRDs: to delete it would delete all patches")
	}
}

func one(t *testing.T, folder, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files %s, want one (%v)", len(files), pattern, err)
	}
	return files[0]
}

// unpack is what an archive holds, by name.
func unpack(t *testing.T, file string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	if strings.HasSuffix(file, ".zip") {
		archive, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		for _, entry := range archive.File {
			content, err := entry.Open()
			if err != nil {
				t.Fatal(err)
			}
			files[entry.Name] = all(t, content)
		}
		return files
	}
	zipped, err := gzip.NewReader(bytes.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = all(t, archive)
	}
}

func all(t *testing.T, r io.Reader) []byte {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
