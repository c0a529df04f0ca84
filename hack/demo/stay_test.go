// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/cluster/appliance"
)

// TestStay is a user's hour with the cluster that stays: the samples are applied, their VM starts;
// a patch is broken, and the VM does not start again.
func TestStay(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	folder := filepath.Join(t.TempDir(), "cluster")
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := stay(ctx, folder, writer)
		_ = writer.CloseWithError(io.EOF)
		ended <- err
	}()
	terminal := bufio.NewScanner(reader)
	awaitLine(t, terminal, "The cluster is up until Ctrl-C")
	kubeconfig := filepath.Join(folder, "kubeconfig")
	c := newClient(t, kubeconfig)

	samples, err := cluster.ReadKustomization(filepath.Join("..", "..", "config", "samples"))
	if err != nil {
		t.Fatal(err)
	}
	var broken *unstructured.Unstructured
	for _, object := range samples {
		object.SetNamespace(appliance.Namespace)
		if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test")); err != nil {
			t.Fatal(err)
		}
		if object.GetName() == "disk-iotune" {
			broken = object
		}
	}
	awaitLine(t, terminal, "+				<total_iops_sec>500</total_iops_sec>")
	awaitLine(t, terminal, "VM default/appliance would run")

	path := `[{"op":"replace","path":"/spec/domain/0/path","value":"/domain/no/such/place/@a"}]`
	if err := c.Patch(ctx, broken, client.RawPatch("application/json-patch+json", []byte(path))); err != nil {
		t.Fatal(err)
	}
	vmi := &unstructured.Unstructured{}
	vmi.SetAPIVersion("kubevirt.io/v1")
	vmi.SetKind("VirtualMachineInstance")
	vmi.SetNamespace(appliance.Namespace)
	vmi.SetName(appliance.Name)
	if err := c.Delete(ctx, vmi); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, terminal, "VM default/appliance did not start: ")

	go func() { _, _ = io.Copy(io.Discard, reader) }()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
	if _, err := os.Stat(kubeconfig); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a kubeconfig that leads nowhere is left: %v", err)
	}
}

// awaitLine reads until a line that begins so.
func awaitLine(t *testing.T, terminal *bufio.Scanner, begin string) {
	t.Helper()
	for terminal.Scan() {
		t.Log(terminal.Text())
		if strings.HasPrefix(terminal.Text(), begin) {
			return
		}
	}
	t.Fatalf("no line begins with %q", begin)
}

func newClient(t *testing.T, kubeconfig string) client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
