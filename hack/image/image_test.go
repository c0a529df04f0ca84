// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// expected is what must not change unnoticed: the user, and the most bytes that the program may have.
type expected struct {
	user string
	size int
}

// TestShim builds the image twice, as a user does, for all architectures.
func TestShim(t *testing.T) {
	once, again := build(t, "shim"), build(t, "shim")
	checkIndex(t, once, "linux/amd64", "linux/arm64", "linux/s390x")
	for _, platform := range platforms(t, once) {
		t.Run(platform.Architecture, func(t *testing.T) { checkImage(t, "shim", once, platform, expected{"107:107", 18e6}) })
	}
	if a, b := digest(t, once), digest(t, again); a != b {
		t.Errorf("two builds of one commit made %s and %s", a, b)
	}
	t.Run("Runs", func(t *testing.T) {
		inside := unpack(t, once)
		inside.run(t, 0, "Usage of shim", "--help")
		inside.run(t, 2, "unknown version", "--version", "x")
	})
}

// TestManager builds for one architecture alone, since the others take minutes.
func TestManager(t *testing.T) {
	index := build(t, "manager", "ARCHS="+runtime.GOARCH)
	checkIndex(t, index, "linux/"+runtime.GOARCH)
	checkImage(t, "manager", index, platforms(t, index)[0], expected{"65532:65532", 50e6})
	t.Run("Runs", func(t *testing.T) {
		inside := unpack(t, index)
		inside.run(t, 0, "Usage of manager", "--help")
		inside.run(t, 2, "--shim-image is missing")
	})
}

// TestManifest compares what the Deployment says of the user with what the image says.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../../config/manager/manager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	user, group, _ := strings.Cut(images()["manager"].user, ":")
	for _, want := range []string{"runAsUser: " + user, "runAsGroup: " + group, "runAsNonRoot: true", "readOnlyRootFilesystem: true"} {
		if !strings.Contains(string(text), " "+want) {
			t.Errorf("config/manager/manager.yaml lacks %s", want)
		}
	}
}

func TestRefused(t *testing.T) {
	cases := map[string]struct {
		reason  string
		program string
		epoch   string
		want    string
	}{
		"NoImage":   {"a typo", "shmi", "", `no image of "shmi"`},
		"NoProgram": {"it was not built", "shim", "", "linux-amd64/shim"},
		"BadEpoch":  {"a date is no number", "shim", "2026-01-01", "SOURCE_DATE_EPOCH"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", tc.epoch)
			err := run(io.Discard, t.TempDir(), []string{"amd64"}, []string{tc.program})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("run: %v, want an error with %q: %s", err, tc.want, tc.reason)
			}
		})
	}
}

// build runs make image for one image into a folder of its own and reads the index back from the layout.
func build(t *testing.T, program string, variables ...string) v1.ImageIndex {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", append(variables, "image", "IMAGES="+program, "BIN="+bin)...)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	folder, err := layout.ImageIndexFromPath(filepath.Join(bin, "image", program))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(folder); err != nil { // digests, sizes, media types
		t.Fatal(err)
	}
	entries := manifests(t, folder)
	if len(entries) != 1 {
		t.Fatalf("the layout has %d entries, want 1: tools would not know which one to take", len(entries))
	}
	index, err := folder.ImageIndex(entries[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func manifests(t *testing.T, index v1.ImageIndex) []v1.Descriptor {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Manifests
}

func platforms(t *testing.T, index v1.ImageIndex) (found []*v1.Platform) {
	t.Helper()
	for _, m := range manifests(t, index) {
		found = append(found, m.Platform)
	}
	return found
}

func digest(t *testing.T, index v1.ImageIndex) v1.Hash {
	t.Helper()
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// checkIndex checks the platforms and what registries show of the image.
func checkIndex(t *testing.T, index v1.ImageIndex, want ...string) {
	t.Helper()
	var got []string
	for _, platform := range platforms(t, index) {
		got = append(got, platform.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("platforms %q, want %q", got, want)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"title", "description", "version", "source", "licenses"} {
		if manifest.Annotations["org.opencontainers.image."+key] == "" {
			t.Errorf("the index has no annotation org.opencontainers.image.%s", key)
		}
	}
}

// checkImage checks what runs, as whom, and that the image holds one static program and nothing else.
func checkImage(t *testing.T, program string, index v1.ImageIndex, platform *v1.Platform, want expected) {
	t.Helper()
	config, header, content := only(t, index, platform)
	if got := config.Config.User; got != want.user {
		t.Errorf("user %q, want %q", got, want.user)
	}
	if got, want := config.Config.Entrypoint, []string{"/" + program}; !slices.Equal(got, want) || len(config.Config.Cmd) > 0 {
		t.Errorf("entrypoint %q with arguments %q, want %q without", got, config.Config.Cmd, want)
	}
	if header.Name != program || header.Mode != 0o755 || header.Uid != 0 || header.Gid != 0 {
		t.Errorf("file %s with mode %o of %d:%d, want %s with mode 755 of root, who alone may write it", header.Name, header.Mode, header.Uid, header.Gid, program)
	}
	if len(content) > want.size {
		t.Errorf("%s has %d bytes, want at most %d", program, len(content), want.size)
	}
	checkProgram(t, content, platform.Architecture)
}

// checkProgram checks that a program is static, of the architecture, and says nothing of where it was built.
func checkProgram(t *testing.T, content []byte, arch string) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "s390x": elf.EM_S390}
	if file.Machine != machines[arch] {
		t.Errorf("the program for %s is for %v", arch, file.Machine)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Errorf("the program for %s is not static", arch)
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range info.Settings {
		if strings.HasPrefix(setting.Key, "vcs.") {
			t.Errorf("the program has %s: each commit would change it", setting.Key)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte(root)) {
		t.Errorf("the program contains %s: each folder would change it", root)
	}
}

// only is the configuration and the only file of the image for the platform.
func only(t *testing.T, index v1.ImageIndex, platform *v1.Platform) (*v1.ConfigFile, *tar.Header, []byte) {
	t.Helper()
	for _, m := range manifests(t, index) {
		if !m.Platform.Equals(*platform) {
			continue
		}
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, want 1 (%v)", len(layers), err)
		}
		archive, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		header, content := onlyFile(t, tar.NewReader(archive))
		return config, header, content
	}
	t.Skipf("there is no image for this machine's %s", platform)
	return nil, nil, nil
}

func onlyFile(t *testing.T, archive *tar.Reader) (*tar.Header, []byte) {
	t.Helper()
	header, err := archive.Next()
	if err != nil {
		t.Fatal(err)
	}
	if header.Typeflag != tar.TypeReg {
		t.Fatalf("%s is no regular file", header.Name)
	}
	content, err := io.ReadAll(archive)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := archive.Next(); err != io.EOF {
		t.Fatalf("the layer holds more than %s: %v %v", header.Name, other, err)
	}
	return header, content
}

// container is the unpacked image for this machine.
type container struct {
	root   string
	config v1.Config
}

func unpack(t *testing.T, index v1.ImageIndex) container {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can change the root folder")
	}
	config, header, content := only(t, index, &v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH})
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, header.Name), content, header.FileInfo().Mode()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o555); err != nil {
		t.Fatal(err)
	}
	return container{root: root, config: config.Config}
}

// run starts the image's entrypoint as the image's user, with nothing around it but the image.
func (c container) run(t *testing.T, code int, stderr string, args ...string) {
	t.Helper()
	var user syscall.Credential
	if _, err := fmt.Sscanf(c.config.User, "%d:%d", &user.Uid, &user.Gid); err != nil {
		t.Fatalf("user %q: %v", c.config.User, err)
	}
	cmd := exec.CommandContext(t.Context(), c.config.Entrypoint[0], args...)
	cmd.Dir, cmd.Env = c.config.WorkingDir, c.config.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &user}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%q does not start: %v", args, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), stderr) {
		t.Errorf("%q ends with %d, want %d and %q:\n%s", args, got, code, stderr, out)
	}
}
