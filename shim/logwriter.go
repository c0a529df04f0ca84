// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// logPatience is how long a line may take to get into the log. virt-launcher gives Info a second.
const logPatience = 200 * time.Millisecond

var errLogStuck = errors.New("the log takes no lines")

// LogWriter writes lines to a log that nobody may read. The start of a VM must not wait for that: a line that
// takes over 200 ms is left to itself, and as long as it is not through further ones are dropped.
type LogWriter struct {
	out  io.Writer
	free chan struct{} // holds a token while no line is on its way
}

// NewLogWriter makes a LogWriter that writes to out.
func NewLogWriter(out io.Writer) *LogWriter {
	w := &LogWriter{out: out, free: make(chan struct{}, 1)}
	w.free <- struct{}{}
	return w
}

// Write writes one line. Calls of it must not overlap; a slog handler's do not.
func (w *LogWriter) Write(line []byte) (int, error) {
	select {
	case <-w.free:
	default:
		return 0, errLogStuck
	}
	through := make(chan error, 1)
	go func(line []byte) {
		_, err := w.out.Write(line)
		w.free <- struct{}{}
		through <- err
	}(bytes.Clone(line)) // the caller uses its buffer again
	select {
	case err := <-through:
		return len(line), err
	case <-time.After(logPatience):
		return 0, errLogStuck
	}
}
