// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/domainpatch/domainpatch/controllers/testcluster"
	"github.com/domainpatch/domainpatch/test/freeport"
)

// process is the program in a process of its own.
type process struct {
	cmd    *exec.Cmd
	output string // a file
	health string
}

// replica starts a replica as the service account that config/rbac binds.
func replica(t *testing.T, c *testcluster.Cluster, args ...string) *process {
	t.Helper()
	user, err := c.Env.AddUser(envtest.User{Name: serviceAccount, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:domainpatch-system"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	p := &process{output: output.Name(), health: "127.0.0.1:" + freePort(t)}
	args = append([]string{"--kubeconfig", filepath.Join(dir, "kubeconfig"), "--shim-image", "example/shim:v1",
		"--metrics-address", "0", "--health-address", p.health}, args...)
	p.cmd = exec.CommandContext(context.Background(), os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), "MANAGER_TEST_RUN=1")
	p.cmd.Stderr = output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil { // a failed test did not stop it
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if t.Failed() {
			t.Log(p.log(t))
		}
	})
	return p
}

// stop ends the program as a kubelet does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the manager ended with %v, want 0", err)
	}
}

func (p *process) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.output)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *process) waitReady(t *testing.T) {
	t.Helper()
	until(t, "the manager is ready", p.ready)
}

func (p *process) ready(ctx context.Context) error {
	_, err := get(ctx, p.health, "/readyz")
	return err
}

// get asks an address over HTTP, and fails unless the answer is OK.
func get(ctx context.Context, address, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return string(body), err
}

// until tries again until there is no error.
func until(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 90*time.Second, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v", what, last)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}
