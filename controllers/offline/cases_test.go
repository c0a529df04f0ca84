// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline_test

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch"
)

var update = flag.Bool("update", false, "rewrite the want files of the cases")

// TestCases runs every folder with a patch.yaml: patch.yaml and vmi.yaml (optional)
// applied to domain.xml or cloud-init.json give want.xml or want.json, or fail with the
// text of want.err. The samples that users get are cases, too.
func TestCases(t *testing.T) {
	var dirs []string
	for _, pattern := range []string{"../../config/samples/*/patch.yaml", "../../patch/testdata/cases/*/patch.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no case matches %s: %v", pattern, err)
		}
		dirs = append(dirs, found...)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) { runCase(t, dir) })
	}
}

func runCase(t *testing.T, dir string) {
	var vmi *offline.VMI
	if data, err := os.ReadFile(filepath.Join(dir, "vmi.yaml")); err == nil {
		if vmi, err = offline.ParseVMI(data); err != nil {
			t.Fatal(err)
		}
	}
	program, err := load(filepath.Join(dir, "patch.yaml"), vmi)
	if err != nil {
		checkError(t, dir, err)
		return
	}
	if !program.Applies() {
		t.Fatal("the patch does not bind to vmi.yaml")
	}
	ran := false
	if in, ok := read(t, dir, "domain.xml"); ok {
		ran = true
		runDomain(t, dir, program, in)
	}
	if in, ok := read(t, dir, "cloud-init.json"); ok {
		ran = true
		out, _, err := program.CloudInit(context.Background(), in)
		check(t, dir, "want.json", out, err)
	}
	if !ran {
		t.Fatal("neither domain.xml nor cloud-init.json")
	}
}

func load(file string, vmi *offline.VMI) (*offline.Program, error) {
	patches, _, err := offline.Files{}.Patches([]string{file})
	if err != nil {
		return nil, err
	}
	return offline.Compile(context.Background(), patches, vmi, vmi == nil)
}

// runDomain also checks that the call leaves its input alone, and that applying the
// patch to its own result changes nothing, be it as a repeated or as a first call.
func runDomain(t *testing.T, dir string, program *offline.Program, in []byte) {
	before := slices.Clone(in)
	out, _, err := program.Domain(context.Background(), in, false)
	if string(in) != string(before) {
		t.Error("the call changed its input")
	}
	check(t, dir, "want.xml", out, err)
	if err != nil {
		return
	}
	repeated, _, err := program.Domain(context.Background(), in, true)
	if err != nil || string(repeated) != string(out) {
		t.Errorf("a repeated call: %v (-first +repeated):\n%s", err, cmp.Diff(string(out), string(repeated)))
	}
	again, _, err := program.Domain(context.Background(), out, false)
	if failed := (*patch.Error)(nil); err != nil && !errors.As(err, &failed) || err == nil && string(again) != string(out) {
		t.Errorf("a first call on the result: %v (-want +got):\n%s", err, cmp.Diff(string(out), string(again)))
	}
}

func check(t *testing.T, dir, want string, got []byte, err error) {
	t.Helper()
	if err != nil {
		checkError(t, dir, err)
		return
	}
	if _, failing := read(t, dir, "want.err"); failing {
		t.Fatal("no error, but there is a want.err")
	}
	compare(t, filepath.Join(dir, want), string(got))
}

func checkError(t *testing.T, dir string, err error) {
	t.Helper()
	if _, succeeding := read(t, dir, "want.xml"); succeeding && !*update {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "") + "\n"
	compare(t, filepath.Join(dir, "want.err"), text)
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(file), diff)
	}
}

func read(t *testing.T, dir, name string) ([]byte, bool) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return data, err == nil
}
