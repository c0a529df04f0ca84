// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// endedPipe is a pipe at whose other end the program has ended, and something that it left behind lives on.
func endedPipe(t *testing.T) (*stderrReader, *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	if err := reader.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	return &stderrReader{pipe: reader}, writer
}

// TestStderrReaderDrains: a shim that gets no CPU while the program runs misses nothing of what it wrote.
func TestStderrReaderDrains(t *testing.T) {
	reader, writer := endedPipe(t)
	want := bytes.Repeat([]byte("line\n"), 12000)
	if _, err := writer.Write(want); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
	}
}

// TestStderrReaderEnds: what was left behind may write on as fast as the pipe is read.
func TestStderrReaderEnds(t *testing.T) {
	reader, writer := endedPipe(t)
	line := bytes.Repeat([]byte("y\n"), 2048)
	for read := 0; read <= 2*maxPipe; {
		if _, err := writer.Write(line); err != nil {
			t.Fatal(err)
		}
		n, err := reader.Read(make([]byte, len(line)))
		if errors.Is(err, io.EOF) {
			return
		}
		read += n
	}
	t.Error("the reader goes on for ever")
}
