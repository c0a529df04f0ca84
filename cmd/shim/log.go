// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// logPatience is how long a line may take to get into the log. virt-launcher gives Info a second.
const logPatience = 200 * time.Millisecond

var errLogStuck = errors.New("the log takes no lines")

// logWriter writes lines to a log that nobody may read. The start of a VM must not wait for that: a line that
// takes too long is left to itself, and as long as it is not through further ones are dropped.
type logWriter struct {
	out  io.Writer
	free chan struct{} // holds a token while no line is on its way
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, free: make(chan struct{}, 1)}
	w.free <- struct{}{}
	return w
}

// Write writes one line. Calls of it must not overlap; a slog handler's do not.
func (w *logWriter) Write(line []byte) (int, error) {
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

// surviveBrokenLog keeps a program whose log was closed at the other end alive: Go ends one that writes to a broken
// standard error, unless it wants to know of SIGPIPE. To ignore the signal would do, but programs that are
// started from here would inherit that.
func surviveBrokenLog() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
