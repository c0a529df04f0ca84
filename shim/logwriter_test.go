// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bufio"
	"errors"
	"io"
	"os"
	"testing"
)

// TestLogWriterDrops: a reader that stops reading gets the line that it stopped at and those that
// come after it reads on; the lines in between are dropped, and no write waits for it.
func TestLogWriterDrops(t *testing.T) {
	reader, writer := io.Pipe() // a write waits until it is read
	defer writer.Close()
	w := NewLogWriter(writer)
	var buffer []byte // slog's, too, is used again
	for _, line := range []string{"stuck\n", "lost1\n", "lost2\n"} {
		buffer = append(buffer[:0], line...)
		if _, err := w.Write(buffer); !errors.Is(err, errLogStuck) {
			t.Fatalf("Write(%q): %v, want %v", line, err, errLogStuck)
		}
	}
	lines := bufio.NewReader(reader)
	if got, err := lines.ReadString('\n'); err != nil || got != "stuck\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	read := make(chan string, 1)
	go func() {
		line, _ := lines.ReadString('\n')
		read <- line
		_, _ = io.Copy(io.Discard, lines)
	}()
	for _, err := w.Write([]byte("next\n")); errors.Is(err, errLogStuck); { // until the stuck line is through
		_, err = w.Write([]byte("next\n"))
	}
	if got := <-read; got != "next\n" {
		t.Errorf("got %q, want the next line", got)
	}
}

func TestLogWriterReturnsErrors(t *testing.T) {
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no full disk here: %v", err)
	}
	defer file.Close()
	w := NewLogWriter(file)
	for range 3 {
		if n, err := w.Write([]byte("line\n")); err == nil || errors.Is(err, errLogStuck) {
			t.Errorf("Write: %d, %v, want the error of the file", n, err)
		}
	}
}
