// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// programLimit is how long a program may run: KubeVirt waits 60 s for a callback, and the patches
	// before the program may take 5 s.
	programLimit = 50 * time.Second
	// linger is how long the processes that a program leaves behind may keep its stdout open.
	linger = 2 * time.Second
	// maxOutput bounds stdout in bytes: the 4 MiB that KubeVirt's gRPC client takes, less the message around it.
	maxOutput = 4<<20 - 64
)

var (
	errTooMuchOutput = fmt.Errorf("it wrote more than %d bytes to stdout, over the 4 MiB that KubeVirt takes, and was killed", maxOutput)
	errNoOutput      = errors.New("it ended with exit code 0 but wrote nothing to stdout: it must write the document, even if it changes nothing")
)

// program is the user's program for one hook.
type program struct {
	hook     string // OnDefineDomain or PreCloudInitIso
	name     string // what it is called as
	path     string
	document string // the flag before the document
	log      *slog.Logger
}

// run gives what the program writes to stdout for a document and the VMI, as JSON. It is called as
// KubeVirt's sidecar-shim calls it, with our environment and without stdin, but in a process group of its
// own, which is killed when the call ends before the program does.
func (p *program) run(ctx context.Context, doc, vmi []byte) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(vmi, &object); err != nil {
		return nil, fmt.Errorf("program %s: the VMI is not a JSON object: %w", p.path, err)
	}
	limit := timeLimit(ctx)
	ctx, end := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was killed after %v, all the time that the hook has: %w",
		limit.Round(time.Millisecond), context.DeadlineExceeded))
	defer end()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)

	stdout := &boundedOutput{onFull: func() { kill(errTooMuchOutput) }}
	cmd := exec.CommandContext(ctx, p.path, "--vmi", string(vmi), p.document, string(doc))
	cmd.Args[0] = p.name
	cmd.Stdout = stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = linger
	started := time.Now()
	lastWords, err := p.wait(cmd)
	if err = describe(ctx, err, p.path, len(doc), len(vmi)); err == nil && len(bytes.TrimSpace(stdout.data.Bytes())) == 0 {
		err = errNoOutput
	}
	p.record(cmd, time.Since(started), stdout.data.Len())
	switch {
	case err != nil && lastWords != "":
		return nil, fmt.Errorf("program %s: %w; the last line of its stderr: %s", p.path, err, lastWords)
	case err != nil:
		return nil, fmt.Errorf("program %s: %w", p.path, err)
	}
	return stdout.data.Bytes(), nil
}

// timeLimit is how long a program may run: nine tenths of the time that the call has left, so that its
// caller hears why it failed, and at most programLimit.
func timeLimit(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return programLimit
	}
	return min(programLimit, time.Until(deadline)*9/10)
}

// wait runs the command and returns the last line that it wrote to stderr. Stderr is a pipe of ours, for
// with one of cmd's a process that the program leaves behind would hold up the call.
func (p *program) wait(cmd *exec.Cmd) (lastWords string, err error) {
	defer reap()
	reader, writer, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer reader.Close() // nothing is written to it
	cmd.Stderr = writer
	err = cmd.Start()
	if closeErr := writer.Close(); err != nil || closeErr != nil {
		return "", errors.Join(err, closeErr)
	}
	last := make(chan string, 1)
	go func() { last <- p.logStderr(&stderrReader{pipe: reader}) }()
	err = cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) || errors.Is(err, errTooMuchOutput) {
		err = errors.Join(err, killGroup(cmd)) // the program has ended, what it left behind has not
	}
	if err := reader.SetReadDeadline(time.Now()); err != nil {
		p.log.Warn("cannot end reading the program's stderr", "hook", p.hook, "error", err.Error())
	}
	return <-last, err
}

// killGroup kills the program and what it started, but for what left its process group.
func killGroup(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// reap takes the zombies away: as process 1 of its container the shim is the parent of all that a program
// leaves behind, in whatever process group. It may wait for any child, as Core lets one call run at a time and
// the shim starts nothing else, so none of them is os/exec's. What ends later is taken away after the next call.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 && !errors.Is(err, syscall.EINTR) {
			return // none has ended, or there is none
		}
	}
}

// describe says in the user's words why a command failed. What ended the context comes first: the command
// died of that.
func describe(ctx context.Context, err error, path string, docBytes, vmiBytes int) error {
	var exit *exec.ExitError
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(cause, context.Canceled):
		return fmt.Errorf("it was killed, for the caller gave up or the shim ends: %w", cause)
	case cause != nil:
		return cause
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("a process that it started in the background kept its stdout open for %v after its end, and its "+
			"process group was killed: redirect the output of that process", linger)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("the kernel takes no argument of 128 KiB, and it gets the document (%d bytes) and the VMI (%d bytes) as arguments: "+
			"write its edits as a DomainPatch, which takes a document of 512 KiB", docBytes, vmiBytes)
	case errors.Is(err, fs.ErrNotExist):
		return missing(path)
	case errors.Is(err, syscall.ENOEXEC):
		return errors.New("the kernel cannot execute it: a script must name its interpreter in the first line, as in #!/bin/sh")
	case errors.As(err, &exit):
		return exitReason(exit.ProcessState)
	}
	return err
}

// missing says what the kernel did not find when it was to execute the file.
func missing(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written to it
	// The kernel reads 256 bytes of the first line.
	line, err := bufio.NewReaderSize(file, 256).ReadSlice('\n')
	if err == nil && bytes.HasPrefix(line, []byte("#!")) && bytes.HasSuffix(line, []byte("\r\n")) {
		return errors.New("its first line ends with a carriage return, as Windows writes it, which the kernel takes for a part of the " +
			"interpreter's name: save the script with Unix line ends")
	}
	return errors.New("the interpreter in its first line, or a library that it needs, is not in this image")
}

func exitReason(state *os.ProcessState) error {
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled() && status.Signal() == syscall.SIGKILL:
		return errors.New("something killed it, perhaps for the container's memory limit")
	case ok && status.Signaled():
		return fmt.Errorf("it ended by signal %d (%s)", status.Signal(), status.Signal())
	}
	return fmt.Errorf("exit code %d", state.ExitCode())
}

// record writes the program's line, beside the one that the call gets.
func (p *program) record(cmd *exec.Cmd, took time.Duration, outBytes int) {
	exit := -1 // never ran, or a signal ended it
	if cmd.ProcessState != nil {
		exit = cmd.ProcessState.ExitCode()
	}
	p.log.Info("program", "hook", p.hook, "path", p.path, "durationMs", milliseconds(took),
		"exit", exit, "outBytes", outBytes)
}

// boundedOutput keeps maxOutput bytes and refuses more.
type boundedOutput struct {
	data   bytes.Buffer
	onFull func()
}

func (b *boundedOutput) Write(p []byte) (int, error) {
	if b.data.Len()+len(p) > maxOutput {
		b.onFull()
		return 0, errTooMuchOutput
	}
	return b.data.Write(p)
}
