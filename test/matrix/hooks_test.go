// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
)

// shimEnds is how long a shim has to end after Shutdown.
const shimEnds = time.Minute

// start and result are those of the probe's command hooks.
type (
	start  struct{ Sockets, VMI, Domain, CloudInit string }
	result struct {
		In, Out   []string
		CloudInit json.RawMessage
		Error     string
	}
)

// sidecar is a shim with its bundle, as the annotation of the VM has it run.
type sidecar struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan error
}

// startSidecar starts the shim with the arguments of the bundle's entry in the annotation. Only the folders
// are others. It is ended with the test.
func startSidecar(t *testing.T, shim, folder string, r release, bundle *render.Bundle) (s *sidecar, sockets string) {
	t.Helper()
	sockets = filepath.Join(folder, "s")
	own := filepath.Join(sockets, r.socketFolder())
	file := filepath.Join(folder, "bundle")
	if err := errors.Join(os.MkdirAll(own, 0o755), os.WriteFile(file, bundle.JSON, 0o644)); err != nil {
		t.Fatal(err)
	}
	args := bundle.Entry(render.Image{Name: "shim"}).Args
	for i := range args {
		if args[i] == v1alpha1.HookPathOnDefineDomain {
			args[i] = file
		}
	}
	s = &sidecar{cmd: exec.Command(shim, append(args, "--socket-dir", own)...), ended: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s, sockets
}

// checkEnded waits for the shim, which ends by itself after Shutdown.
func (s *sidecar) checkEnded() error {
	select {
	case err := <-s.ended:
		return err
	case <-time.After(shimEnds):
		return fmt.Errorf("the shim still runs %s after Shutdown", shimEnds)
	}
}

// boot is a case in a release: its document, its shim, and what came of them.
type boot struct {
	testCase
	start
	program *offline.Program
	sidecar *sidecar
	result  result
	// before and after are the domain of the VM, and what the command line tool makes of it; nil for unknown.
	before, after facts
}

// callHooks has the release call the hooks of all boots.
func (p *player) callHooks(t *testing.T, boots []*boot) {
	t.Helper()
	starts := make([]start, len(boots))
	for i, b := range boots {
		starts[i] = b.start
	}
	input, err := json.Marshal(starts)
	if err != nil {
		t.Fatal(err)
	}
	var results []result
	if err := json.Unmarshal(p.ask(t, input, "hooks"), &results); err != nil || len(results) != len(boots) {
		t.Fatalf("%d results of %d starts: %v", len(results), len(boots), err)
	}
	for i := range boots {
		boots[i].result = results[i]
	}
}

// check compares each call with the same one offline, and looks for the whole edit in each result.
func (b *boot) check(t *testing.T, passes int) {
	t.Helper()
	if b.result.Error != "" {
		t.Fatalf("the VM does not start: %s\n%s", b.result.Error, b.sidecar.output.String())
	}
	if err := b.sidecar.checkEnded(); err != nil {
		t.Errorf("the shim, after Shutdown: %v\n%s", err, b.sidecar.output.String())
	}
	if len(b.result.Out) != passes {
		t.Errorf("%d calls of OnDefineDomain, want %d", len(b.result.Out), passes)
	}
	var first *patch.Report
	for i, in := range b.result.In {
		got, report, err := b.program.Domain(context.Background(), []byte(in), first)
		if err != nil {
			t.Fatalf("call %d, offline: %v", i+1, err)
		}
		if first == nil {
			first = report
			b.setFacts(t, in, got)
		}
		if string(got) != b.result.Out[i] {
			t.Errorf("call %d gives another domain than the command line tool:\n%s\noffline:\n%s", i+1, b.result.Out[i], got)
		}
		checkHas(t, fmt.Sprintf("result of call %d", i+1), b.result.Out[i], b.before, b.after)
		checkPlaceholders(t, in, b.result.Out[i])
	}
	b.checkCloudInit(t)
}

// setFacts takes the edit from the first call, where it is not known from the VM's domain.
func (b *boot) setFacts(t *testing.T, in string, out []byte) {
	t.Helper()
	if b.before != nil {
		return
	}
	var before, after error
	b.before, before = domainFacts([]byte(in))
	b.after, after = domainFacts(out)
	if err := errors.Join(before, after); err != nil {
		t.Fatal(err)
	}
}

// checkHas finds in a domain what an edit adds to before, and nothing that after lacks.
func checkHas(t *testing.T, what, domain string, before, after facts) {
	t.Helper()
	found, err := domainFacts([]byte(domain))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range edit(before, after) {
		fact, isNew := strings.CutPrefix(line, "+ ")
		if isNew && found[fact] == 0 {
			t.Errorf("%s lacks %s", what, fact)
		}
		fact = strings.TrimPrefix(fact, "- ")
		if !isNew && after[fact] == 0 && found[fact] > 0 {
			t.Errorf("%s still has %s", what, fact)
		}
	}
}

// checkPlaceholders finds the placeholder interfaces of a call unchanged in its result.
func checkPlaceholders(t *testing.T, in, out string) {
	t.Helper()
	for _, nic := range strings.SplitAfter(in, "</interface>") {
		start := strings.LastIndex(nic, "<interface ")
		if start >= 0 && strings.Contains(nic, `<target dev="placeholder-`) && !strings.Contains(out, nic[start:]) {
			t.Errorf("a placeholder is changed, or gone:\n%s\nresult:\n%s", nic[start:], out)
		}
	}
}

func (b *boot) checkCloudInit(t *testing.T) {
	t.Helper()
	if b.start.CloudInit == "" || !b.program.Bundle.CloudInit {
		return
	}
	before, err := os.ReadFile(b.start.CloudInit)
	if err != nil {
		t.Fatal(err)
	}
	offlineResult, _, err := b.program.CloudInit(context.Background(), before)
	if err != nil {
		t.Fatalf("PreCloudInitIso, offline: %v", err)
	}
	var got, want any
	if err := errors.Join(json.Unmarshal(b.result.CloudInit, &got), json.Unmarshal(offlineResult, &want)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("PreCloudInitIso gives other data than the command line tool:\n%s\noffline:\n%s", b.result.CloudInit, offlineResult)
	}
}
