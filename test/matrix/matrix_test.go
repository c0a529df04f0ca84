// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// found is what the releases differ in.
type found struct {
	edits  map[release]edits
	fields map[release]map[string]bool // of the VM API
	kept   map[string][]release        // the parts of a domain, with the releases whose types keep them
}

// TestReleases asks each release what it makes of the VMs, and compares the answers.
func TestReleases(t *testing.T) {
	tested := wanted(t)
	shim := buildShim(t)
	cluster := testcluster.Start(t, testcluster.Options{NoKubeVirt: true})
	all := found{map[release]edits{}, map[release]map[string]bool{}, map[string][]release{}}
	for _, r := range tested {
		t.Run(string(r), func(t *testing.T) {
			defer tell(t, r, time.Now())
			p := newPlayer(t, r, shim)
			t.Run("samples", func(t *testing.T) { all.edits[r] = p.samples(t) })
			t.Run("cases", p.engineCases)
			t.Run("annotation", p.annotation)
			t.Run("definitions", func(t *testing.T) { all.fields[r] = p.definitions(t, cluster) })
			t.Run("types", func(t *testing.T) { p.types(t, all.kept) })
			t.Run("chain", p.chain)
		})
	}
	if !t.Failed() {
		all.compare(t, tested)
		checkDocs(t) // of the data files as they are now
	}
}

// tell prints how it went with a release, since all of them take minutes.
func tell(t *testing.T, r release, begin time.Time) {
	verdict := "ok"
	if t.Failed() {
		verdict = "FAILED"
	}
	chain := ""
	if slices.Contains(chained, r) {
		chain = ", the whole chain"
	}
	fmt.Printf("KubeVirt %s: its domains with all samples, its hooks client, the engine's cases, its definitions%s: %s in %.0fs\n",
		r, chain, verdict, time.Since(begin).Seconds())
}

// compare compares the releases, and the outcome with the data files.
func (f *found) compare(t *testing.T, tested []release) {
	t.Helper()
	if f.edits[newest] != nil {
		checkDifferences(t, differences(testCases(t), f.edits), tested)
	}
	if len(tested) == len(allReleases) {
		checkFile(t, sinceFile, sinceHead, since(f.fields))
		checkFile(t, typesFile, typesHead, keptBySome(f.kept))
	}
}

func buildShim(t *testing.T) string {
	t.Helper()
	shim, err := filepath.Abs(filepath.Join(t.TempDir(), "shim"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := goCommand(root, "build", "-buildvcs=false", "-tags", "grpcnotrace", "-o", shim, "./cmd/shim"); err != nil {
		t.Fatal(err)
	}
	return shim
}

// player plays VMs with a release.
type player struct {
	release release
	module  *module
	probe   string // the program built with it
	shim    string
}

func newPlayer(t *testing.T, r release, shim string) *player {
	t.Helper()
	m, err := newModule(r)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := m.build("probe", "probe", ".")
	if err != nil {
		t.Fatal(err)
	}
	return &player{release: r, module: m, probe: probe, shim: shim}
}

// samples gives the edit of each case.
func (p *player) samples(t *testing.T) edits {
	domains := t.TempDir()
	p.ask(t, nil, append([]string{"domains", domains}, vmiFiles(t)...)...)
	all := edits{}
	var boots []*boot
	for _, c := range testCases(t) {
		b := &boot{testCase: c, start: startOf(t, domains, c.vmi)}
		lines, err := b.applyOffline()
		if err != nil {
			all[c.String()] = []string{"+ fails: " + err.Error()}
			continue
		}
		all[c.String()] = lines
		boots = append(boots, b)
	}
	p.play(t, boots)
	return all
}

// play starts a shim for each boot, has the release call its hooks, and checks the results.
func (p *player) play(t *testing.T, boots []*boot) {
	t.Helper()
	for _, b := range boots {
		b.sidecar, b.Sockets = startSidecar(t, p.shim, shortFolder(t), p.release, b.program.Bundle)
	}
	p.callHooks(t, boots)
	for _, b := range boots {
		t.Run(b.String(), func(t *testing.T) { b.check(t, p.release.passes()) })
	}
}

// ask gives what a command of the probe prints.
func (p *player) ask(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(p.probe, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("probe %s: %v\n%s", args[0], err, stderr.String())
	}
	return text
}

// startOf names the files that the probe wrote for a VM.
func startOf(t *testing.T, folder, vmi string) start {
	t.Helper()
	name := filepath.Join(folder, vmi)
	s := start{VMI: name + ".vmi.json", Domain: name + ".xml", CloudInit: name + ".cloud-init.json"}
	if _, err := os.Stat(s.CloudInit); errors.Is(err, fs.ErrNotExist) {
		s.CloudInit = ""
	}
	return s
}

// shortFolder is a temporary folder in which the path of a socket is not too long.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "matrix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// applyOffline applies the case to the VM's domain and to its cloud-init data, and gives the edit.
func (b *boot) applyOffline() (lines []string, err error) {
	if b.program, err = b.compile(b.VMI); err != nil {
		return nil, err
	}
	domain, err := os.ReadFile(b.Domain)
	if err != nil {
		return nil, err
	}
	patched, _, err := b.program.Domain(context.Background(), domain, nil)
	if err != nil {
		return nil, err
	}
	var before, after error
	b.before, before = domainFacts(domain)
	b.after, after = domainFacts(patched)
	if err := errors.Join(before, after); err != nil || !b.program.Bundle.CloudInit {
		return edit(b.before, b.after), err
	}
	data, err := b.cloudInitEdit()
	return append(edit(b.before, b.after), data...), err
}

func (b *boot) cloudInitEdit() ([]string, error) {
	data, err := os.ReadFile(b.start.CloudInit)
	if err != nil {
		return nil, err
	}
	patched, _, err := b.program.CloudInit(context.Background(), data)
	if err != nil {
		return nil, err
	}
	before, errBefore := cloudInitFacts(data)
	after, errAfter := cloudInitFacts(patched)
	return edit(before, after), errors.Join(errBefore, errAfter)
}

// types adds the parts of a domain that the types of the release keep. The engine knows those of the newest alone:
// what an earlier one drops more, rules put in again.
func (p *player) types(t *testing.T, kept map[string][]release) {
	paths := strings.Fields(string(p.ask(t, nil, "types")))
	if len(paths) < 600 {
		t.Fatalf("%d paths are not all of them", len(paths))
	}
	for _, path := range paths {
		kept[path] = append(kept[path], p.release)
		if p.release == newest && !strings.HasPrefix(path, "/domain/metadata/") && !inTable(path) { // metadata has a namespace
			t.Errorf("%s keeps %s, and the engine's table does not: run make generate", newest, path)
		}
	}
}
