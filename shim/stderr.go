// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// maxStderrLine and maxStderrLines bound what one call logs of stderr, in bytes and lines.
	maxStderrLine  = 1 << 10
	maxStderrLines = 200
	// maxLastWords bounds, in bytes, the line of stderr that goes into an error.
	maxLastWords = 200
	// maxPipe is the most that a pipe holds in bytes, unless root made it larger (pipe(7)).
	maxPipe = 1 << 20
)

// logStderr logs the lines, the first of them, and returns the last one. It reads to the end however much
// comes, so that the program is never held up.
func (p *program) logStderr(r io.Reader) (last string) {
	reader := bufio.NewReaderSize(r, maxStderrLine)
	lines := 0
	for isRest := false; ; {
		part, isPrefix, err := reader.ReadLine()
		if err != nil {
			break
		}
		text := strings.TrimSpace(string(part))
		if isPrefix {
			text += "..."
		}
		if !isRest && text != "" {
			last = text
			if lines++; lines <= maxStderrLines {
				p.log.Info("program wrote to stderr", "hook", p.hook, "line", text)
			}
		}
		isRest = isPrefix
	}
	if lines > maxStderrLines {
		p.log.Warn("program wrote more to stderr than is logged", "hook", p.hook, "lines", lines)
	}
	if len(last) > maxLastWords {
		last = strings.ToValidUTF8(last[:maxLastWords], "") + "..."
	}
	return last
}

// stderrReader reads a pipe until its deadline, which is set when the program has ended, and then what the pipe
// holds, without waiting for more: by then all that the program wrote is in it, however slowly we run.
type stderrReader struct {
	pipe  *os.File
	ended bool
	rest  int // bytes read after the end
}

func (s *stderrReader) Read(p []byte) (int, error) {
	if !s.ended {
		n, err := s.pipe.Read(p)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		s.ended = true
	}
	if s.rest >= maxPipe {
		return 0, io.EOF // the processes that the program left behind write on
	}
	n, err := readNow(s.pipe, p)
	s.rest += n
	return n, err
}

// readNow reads what is there, and gives io.EOF where there is nothing.
func readNow(pipe *os.File, p []byte) (n int, err error) {
	if err := pipe.SetReadDeadline(time.Time{}); err != nil { // one that is over forbids to look
		return 0, err
	}
	conn, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	var readErr error
	err = conn.Read(func(fd uintptr) bool {
		for n, readErr = syscall.Read(int(fd), p); errors.Is(readErr, syscall.EINTR); {
			n, readErr = syscall.Read(int(fd), p)
		}
		return true // never wait
	})
	switch {
	case err != nil:
		return 0, err
	case readErr != nil, n == 0:
		return 0, io.EOF
	}
	return n, nil
}
