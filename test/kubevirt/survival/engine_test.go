// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package survival has the tests that edits survive what KubeVirt does between two calls of
// OnDefineDomain, with KubeVirt's own structs as the judge.
package survival

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// engine is the program hack/engine of the product's module, which this one cannot import:
// it requires other versions of what KubeVirt requires.
var engine struct {
	sync.Mutex
	requests  *json.Encoder
	responses *json.Decoder
}

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "survival")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "engine")
	build := exec.Command("go", "build", "-C", "../../..", "-trimpath", "-o", program, "./hack/engine")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the engine: %v\n%s", err, out)
		return 1
	}
	end, err := startEngine(program)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := end(); err != nil {
		fmt.Fprintln(os.Stderr, "the engine:", err)
		return 1
	}
	return code
}

func startEngine(program string) (end func() error, err error) {
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	engine.requests, engine.responses = json.NewEncoder(in), json.NewDecoder(out)
	return func() error {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		return cmd.Wait()
	}, cmd.Start()
}

// report is what a repeated call needs of the first one: the engine's own JSON.
type report = json.RawMessage

// call asks the engine; see there for the request. The refusal is the engine's error.
func call(t *testing.T, folder, domain string, first report) (out string, made report, refusal string) {
	t.Helper()
	engine.Lock()
	defer engine.Unlock()
	var answer struct {
		Domain string `json:"domain"`
		Report report `json:"report"`
		Error  string `json:"error"`
	}
	err := engine.requests.Encode(map[string]any{"folder": folder, "domain": domain, "first": first})
	if err == nil {
		err = engine.responses.Decode(&answer)
	}
	if err != nil {
		t.Fatalf("ask the engine: %v", err)
	}
	return answer.Domain, answer.Report, answer.Error
}

// modelled is what the engine says that KubeVirt makes of a domain.
func modelled(t *testing.T, domain string) string {
	t.Helper()
	out, _, refusal := call(t, "", domain, nil)
	if refusal != "" {
		t.Fatalf("the model: %s\n%s", refusal, domain)
	}
	return out
}

// roundTrip is what KubeVirt makes of a domain.
func roundTrip(t *testing.T, domain string) string {
	t.Helper()
	spec, err := launcher.Decode([]byte(domain))
	if err != nil {
		t.Fatalf("%v\n%s", err, domain)
	}
	out, err := launcher.Encode(spec)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
