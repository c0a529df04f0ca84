// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLogFaults: whoever reads the log, or does not, the VM starts.
func TestLogFaults(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *os.File{
		"Closed": brokenPipe,
		"Full":   fullDisk,
		"Stuck":  stuckPipe,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := open(t)
			manager, process := runShim(t, sidecar{sockets: t.TempDir(), stderr: log}, readBundle(t, "domain.json"), "v1alpha3", "OnDefineDomain")
			for _, pass := range define(t, manager, "devices") {
				checkEdits(t, pass)
			}
			shutDown(t, manager, process)
		})
	}
}

// brokenPipe is the log of a container whose runtime has gone.
func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	t.Cleanup(func() { writer.Close() })
	return writer
}

// fullDisk is a log to which nothing more can be written.
func fullDisk(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// stuckPipe is the log of a container whose runtime does not read it: every write waits for ever.
func stuckPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		_, err = unix.Write(ends[1], []byte{'\n'})
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(ends[1], false); err != nil {
		t.Fatal(err)
	}
	reader, writer := os.NewFile(uintptr(ends[0]), "reader"), os.NewFile(uintptr(ends[1]), "writer")
	t.Cleanup(func() { reader.Close(); writer.Close() })
	return writer
}
