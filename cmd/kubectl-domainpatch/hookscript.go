// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// scriptLimit is how long a hook script may run: as long as KubeVirt waits for a hook.
	scriptLimit = time.Minute
	// scriptLinger is how long processes that it leaves behind may keep its output open.
	scriptLinger = 2 * time.Second
	// maxScriptOutput bounds what it writes, in bytes: KubeVirt takes no more.
	maxScriptOutput = 4 << 20
	// maxScriptErrors bounds what is shown of its stderr, in bytes.
	maxScriptErrors = 4 << 10
)

// hookScript is a program for KubeVirt's sidecar-shim.
type hookScript struct {
	path  string
	name  string // what it is called as: onDefineDomain or preCloudInitIso
	flag  string // the argument before the document
	limit time.Duration

	errors io.Writer // gets what it writes to stderr
}

// run gives what the script writes to stdout. It is called as KubeVirt's sidecar-shim calls
// it, in a scratch folder, without stdin, and in a process group of its own, which is killed
// when the context or the time ends, or a signal asks this program to end.
func (h *hookScript) run(ctx context.Context, document, vmi []byte) ([]byte, error) {
	path, err := filepath.Abs(h.path)
	if err != nil {
		return nil, err
	}
	if err := checkExecutable(path); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "domainpatch-script-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch) // whatever the script left there

	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, end := context.WithTimeoutCause(ctx, h.limit, fmt.Errorf("it ran for %v, the time that KubeVirt gives a hook, and was killed", h.limit))
	defer end()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	tooMuch := fmt.Errorf("it wrote more than the %d MiB that KubeVirt takes, and was killed", maxScriptOutput>>20)
	stdout := &limitedBuffer{limit: maxScriptOutput, full: func() { kill(tooMuch) }}
	stderr := &limitedBuffer{limit: maxScriptErrors, full: func() {}}
	cmd := exec.CommandContext(ctx, path, "--vmi", string(vmi), h.flag, string(document))
	cmd.Args[0] = h.name
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = scratch, stdout, stderr, scriptLinger
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch, "PWD="+scratch)
	ownGroup(cmd)
	err = describeFailure(ctx, cmd.Run(), path)
	killGroup(cmd) // what it left behind
	last := h.printErrors(stderr)
	switch {
	case err != nil && last != "":
		return nil, fmt.Errorf("%w; the last line of its stderr: %.200s", err, last)
	case err != nil:
		return nil, err
	}
	return stdout.data.Bytes(), h.checkOutput(stdout.data.Bytes())
}

// checkExecutable says why a file cannot be run, before it is.
func checkExecutable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return errors.Unwrap(err)
	case info.IsDir():
		return errors.New("it is a folder, not a script")
	case info.Mode()&0o111 == 0:
		return errors.New("it is not executable: KubeVirt makes it so, and here you do with chmod +x")
	}
	return nil
}

// describeFailure says why a run failed. What ended the context comes first: the script died of that.
func describeFailure(ctx context.Context, err error, path string) error {
	var exit *exec.ExitError
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, context.Canceled):
		return errors.New("interrupted: the script was killed")
	case cause != nil:
		return cause
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("a process that it started in the background kept its output open for %v after its end: redirect the output of that process", scriptLinger)
	case errors.Is(err, syscall.E2BIG):
		return errors.New("the document or the VMI is over 128 KiB, which no kernel takes as an argument, nor does it in KubeVirt")
	case errors.Is(err, syscall.ENOEXEC):
		return errors.New("the kernel cannot execute it: a script must name its interpreter in the first line, as in #!/bin/sh")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the interpreter in its first line is not on this machine: %q", firstLine(path))
	case errors.As(err, &exit):
		return fmt.Errorf("it failed with %s", exit.ProcessState)
	}
	return err
}

// firstLine is that of a file, as far as the kernel reads it, in bytes.
func firstLine(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close() // nothing was written to it
	line, err := bufio.NewReader(io.LimitReader(file, 256)).ReadString('\n')
	if err != nil {
		return line
	}
	return strings.TrimSuffix(line, "\n")
}

// printErrors shows what the script wrote to stderr, and returns the last line.
func (h *hookScript) printErrors(stderr *limitedBuffer) (last string) {
	for line := range strings.Lines(strings.ToValidUTF8(stderr.data.String(), "?")) {
		line = strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, strings.TrimRight(line, "\r\n"))
		if strings.TrimSpace(line) != "" {
			fmt.Fprintf(h.errors, "note: %s wrote to stderr: %s\n", h.path, line)
			last = line
		}
	}
	return last
}

// checkOutput refuses what is no document of the hook.
func (h *hookScript) checkOutput(out []byte) error {
	if len(bytes.TrimSpace(out)) == 0 {
		return errors.New("it wrote nothing to stdout: it must write the document, even if it changes nothing")
	}
	if h.flag == "--cloud-init" {
		if !json.Valid(out) {
			return fmt.Errorf("what it wrote to stdout is no JSON; it begins with %.40q", out)
		}
		return nil
	}
	for d := xml.NewDecoder(bytes.NewReader(out)); ; {
		token, err := d.RawToken()
		if err != nil {
			return fmt.Errorf("what it wrote to stdout is no XML; it begins with %.40q", out)
		}
		if _, ok := token.(xml.StartElement); ok {
			return nil // the rest is for the parser of domains
		}
	}
}

// limitedBuffer keeps the first bytes, and drops more.
type limitedBuffer struct {
	data  bytes.Buffer
	limit int
	full  func()
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.limit-b.data.Len())]
	b.data.Write(kept)
	if len(kept) < len(p) {
		b.full()
	}
	return len(p), nil
}
