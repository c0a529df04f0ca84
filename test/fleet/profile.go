// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// profiler takes Go's profiles of the manager. One without an address takes none.
type profiler struct{ folder, address string }

func newProfiler(folder string) (*profiler, error) {
	if folder == "" {
		return &profiler{}, nil
	}
	address, err := cluster.FreeAddress()
	return &profiler{folder, address}, errors.Join(err, os.MkdirAll(folder, 0o755))
}

func (p *profiler) managerFlags() []string {
	if p.address == "" {
		return nil
	}
	return []string{"--profiling-address", p.address}
}

// heap writes what is alive.
func (p *profiler) heap(ctx context.Context, name string) error {
	return p.get(ctx, name, "heap?gc=1")
}

// cpu begins a profile of half a minute, which ends later than that where other things take the time.
// The function that it returns waits for it.
func (p *profiler) cpu(ctx context.Context, name string) func() error {
	done := make(chan error, 1)
	go func() { done <- p.get(ctx, name, "profile?seconds=30") }()
	return func() error { return <-done }
}

func (p *profiler) get(ctx context.Context, name, what string) error {
	if p.address == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("profile %s: %s", name, response.Status)
	}
	file, err := os.Create(filepath.Join(p.folder, name+".pb.gz"))
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}
