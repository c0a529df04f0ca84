// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

// writeProgram writes an executable file of that name into a folder of its own.
func writeProgram(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// scripted is the program onDefineDomain of a shell script's lines.
func scripted(t *testing.T, lines string) (*program, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	path := writeProgram(t, "onDefineDomain", "#!/bin/sh\n"+lines+"\n")
	return &program{hook: OnDefineDomain, name: "onDefineDomain", path: path, document: "--domain",
		log: slog.New(slog.NewJSONHandler(log, nil))}, log
}

func TestProgram(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		want   string // stdout; HERE is the program's path
		err    string
	}{
		"Arguments": {"in the order of KubeVirt's shim, for scripts take them by number", `printf '%s|' "$#" "$0" "$@"`,
			`4|HERE|--vmi|{"a":1}|--domain|<domain/>|`, ""},
		"Bytes":        {"as they are, the last line's end too", `printf '<a>\n\r\n'`, "<a>\n\r\n", ""},
		"Environment":  {"it is the container's", `echo "$SHIM_TEST_VALUE"`, "inherited\n", ""},
		"NoStdin":      {"there is nobody to type", `cat; echo end`, "end\n", ""},
		"ExitCode":     {"the user's own words help him", `echo first >&2; echo 'no such disk' >&2; exit 3`, "", "exit code 3; the last line of its stderr: no such disk"},
		"ExitSilently": {"no words", `echo out; exit 1`, "", "HERE: exit code 1"},
		"Signal":       {"it crashed", `kill -SEGV $$`, "", "it ended by signal 11 (segmentation fault)"},
		"Killed":       {"64 MB are little for Python", `kill -KILL $$`, "", "memory limit"},
		"NoOutput":     {"an empty domain helps nobody", `true`, "", "wrote nothing to stdout"},
		"BlankOutput":  {"an empty domain helps nobody", `echo`, "", "wrote nothing to stdout"},
		"TooMuch":      {"KubeVirt's client would refuse it", `head -c 4194304 /dev/zero`, "", "4 MiB that KubeVirt takes"},
		"TooMuchStill": {"it does not end by itself", `trap '' PIPE; head -c 4194304 /dev/zero; exec sleep 60`, "", "4 MiB that KubeVirt takes"},
		"LongWords":    {"a condition has little room", `head -c 300 /dev/zero | tr '\0' x >&2; exit 1`, "", "stderr: " + strings.Repeat("x", maxLastWords) + "..."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SHIM_TEST_VALUE", "inherited")
			haveStdin(t)
			p, log := scripted(t, tc.script)
			started := time.Now()
			out, err := p.run(soon(t), []byte("<domain/>"), []byte(`{"a":1}`))
			here := func(text string) string { return strings.ReplaceAll(text, "HERE", p.path) }
			switch {
			case tc.err == "" && (err != nil || string(out) != here(tc.want)):
				t.Errorf("got %q, %v, want %q: %s", out, err, here(tc.want), tc.reason)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), here(tc.err)) || out != nil):
				t.Errorf("got %q, %v, want an error with %q: %s", out, err, here(tc.err), tc.reason)
			}
			if took := time.Since(started); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if !strings.Contains(log.String(), `"msg":"program","hook":"OnDefineDomain","path":"`+p.path) {
				t.Errorf("the log lacks the program's line:\n%s", log)
			}
		})
	}
}

// haveStdin gives this process an input of one line: go test has none.
func haveStdin(t *testing.T) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, err = writer.WriteString("typed\n")
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	own := os.Stdin
	os.Stdin = reader
	t.Cleanup(func() {
		os.Stdin = own
		_ = reader.Close() // nothing was written to it
	})
}

func TestProgramGetsToTheLimit(t *testing.T) {
	p, _ := scripted(t, `head -c "$4" /dev/zero | tr '\0' x`)
	if out, err := p.run(soon(t), []byte(strconv.Itoa(maxOutput)), []byte("{}")); err != nil || len(out) != maxOutput {
		t.Errorf("%d bytes, %v, want %d", len(out), err, maxOutput)
	}
	if out, err := p.run(soon(t), []byte(strconv.Itoa(maxOutput+1)), []byte("{}")); !errors.Is(err, errTooMuchOutput) {
		t.Errorf("%d bytes, %v, want one too much to be refused", len(out), err)
	}
}

func TestProgramIsGone(t *testing.T) {
	p, _ := scripted(t, "")
	if err := os.Remove(p.path); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run(soon(t), []byte("<domain/>"), []byte("{}")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no such file", err)
	}
}

func TestProgramDoesNotStart(t *testing.T) {
	cases := map[string]struct {
		reason  string
		content string
		doc     int // bytes
		vmi     string
		want    string
	}{
		"LongDocument":  {"the kernel's limit, in words that help", "#!/bin/sh\necho", 128 << 10, "{}", "write its edits as a DomainPatch"},
		"LongVMI":       {"the same", "#!/bin/sh\necho", 1, `{"a":"` + strings.Repeat("x", 128<<10) + `"}`, "the VMI (131080 bytes)"},
		"NoInterpreter": {"the shim's own image has no shell", "#!/nonexistent/sh\n", 1, "{}", "the interpreter in its first line"},
		"Windows":       {"an editor's line ends", "#!/bin/sh\r\necho\r\n", 1, "{}", "ends with a carriage return"},
		"NoFirstLine":   {"a shell would guess, the kernel does not", "echo hello\n", 1, "{}", "as in #!/bin/sh"},
		"BadVMI":        {"KubeVirt's shim reads it first, too", "#!/bin/sh\necho", 1, "[]", "the VMI is not a JSON object"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, _ := scripted(t, "")
			p.path = writeProgram(t, "onDefineDomain", tc.content)
			out, err := p.run(soon(t), []byte(strings.Repeat("x", tc.doc)), []byte(tc.vmi))
			if err == nil || out != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, %v, want an error with %q: %s", out, err, tc.want, tc.reason)
			}
		})
	}
}

// TestProgramName: a program that does several things may tell by its name what is wanted. GNU's cat
// quotes what it is called as.
func TestProgramName(t *testing.T) {
	p, _ := scripted(t, "")
	p.path = filepath.Join(t.TempDir(), "onDefineDomain")
	if err := os.Symlink("/bin/cat", p.path); err != nil {
		t.Fatal(err)
	}
	_, err := p.run(soon(t), []byte("<domain/>"), []byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "Try 'onDefineDomain --help'") {
		t.Errorf("got %v, want the help of onDefineDomain", err)
	}
}

// TestProgramStderr floods stderr: nothing blocks, and the log stays small.
func TestProgramStderr(t *testing.T) {
	p, log := scripted(t, `echo one >&2; echo >&2; printf 'two\n%5000s\n' x | tr ' ' y >&2; yes | head -c 50000000 >&2; echo last >&2; echo out`)
	out, err := p.run(soon(t), []byte("<domain/>"), []byte("{}"))
	if string(out) != "out\n" || err != nil {
		t.Fatalf("got %q, %v", out, err)
	}
	for _, want := range []string{`"line":"one"`, `"line":"two"`, `"line":"` + strings.Repeat("y", maxStderrLine) + `..."`, `"lines":25000004`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if lines := strings.Count(log.String(), "program wrote to stderr"); lines != maxStderrLines {
		t.Errorf("%d lines in the log, want %d", lines, maxStderrLines)
	}
}

// TestProgramIsStopped ends programs that would run on, and what they started.
func TestProgramIsStopped(t *testing.T) {
	// The script starts a process in the background, tells its pid, and hangs.
	const hangs = `sleep 300 & echo $! >"$PID_FILE"; echo before >&2; sleep 300`
	cases := map[string]struct {
		reason string
		script string
		end    func(t *testing.T, pidFile string) context.Context
		is     error
		want   string
	}{
		"Limit": {"a caller that waits hears why", hangs, func(t *testing.T, _ string) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			t.Cleanup(cancel)
			return ctx
		}, context.DeadlineExceeded, "all the time that the hook has: context deadline exceeded; the last line of its stderr: before"},
		"Cancelled": {"nobody waits any more", hangs, func(t *testing.T, pidFile string) context.Context {
			ctx, cancel := context.WithCancel(soon(t))
			go func() {
				defer cancel()
				_, _ = readPID(ctx, pidFile) // the test reads it again
			}()
			return ctx
		}, context.Canceled, "the caller gave up"},
		// It has the two seconds that the output may stay open: in short lines a busy machine would not get to 4 MiB.
		"Floods": {"its output never ends, though nobody reads it", `line=$(printf %65536s); (trap '' PIPE; while :; do echo "$line"; done) 2>/dev/null & echo $! >"$PID_FILE"`,
			func(t *testing.T, _ string) context.Context { return soon(t) }, errTooMuchOutput, "4 MiB that KubeVirt takes"},
		"KeepsStdout": {"its output never ends", `sleep 300 & echo $! >"$PID_FILE"; echo out`,
			func(t *testing.T, _ string) context.Context { return soon(t) }, nil, "redirect the output of that process"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			t.Setenv("PID_FILE", pidFile)
			p, _ := scripted(t, tc.script)
			started := time.Now()
			out, err := p.run(tc.end(t, pidFile), []byte("<domain/>"), []byte("{}"))
			if err == nil || out != nil || !strings.Contains(err.Error(), tc.want) || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("got %q, %v, want an error with %q: %s", out, err, tc.want, tc.reason)
			}
			if took := time.Since(started); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			awaitDeath(t, awaitPID(t, pidFile))
		})
	}
}

// TestProgramLeavesDaemon: what KubeVirt's shim lets live, lives on.
func TestProgramLeavesDaemon(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("PID_FILE", pidFile)
	p, _ := scripted(t, `sleep 300 >/dev/null & echo $! >"$PID_FILE"; echo out`)
	out, err := p.run(soon(t), []byte("<domain/>"), []byte("{}"))
	if string(out) != "out\n" || err != nil {
		t.Errorf("got %q, %v: it keeps stderr alone", out, err)
	}
	pid := awaitPID(t, pidFile)
	if isDead(pid) {
		t.Error("the background process was killed")
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
}

// TestProgramLeavesNoZombies runs itself as a process that inherits orphans, as process 1 of a container does.
func TestProgramLeavesNoZombies(t *testing.T) {
	if os.Getenv("SHIM_TEST_REAPER") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProgramLeavesNoZombies$")
		cmd.Env = append(os.Environ(), "SHIM_TEST_REAPER=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, script string
		later          bool // it ends after the call
	}{
		"DuringTheCall": {"the orphan ends before the program",
			`(sleep 0.1 & echo $! >"$PID_FILE"); read -r pid <"$PID_FILE"; until grep -q ' Z ' "/proc/$pid/stat"; do sleep 0.01; done; echo out`, false},
		"Later":   {"the next call takes it away", `sleep 300 >/dev/null & echo $! >"$PID_FILE"; echo out`, true},
		"Session": {"it is in no process group that we know", `setsid sleep 300 >/dev/null & echo $! >"$PID_FILE"; echo out`, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			t.Setenv("PID_FILE", pidFile)
			p, _ := scripted(t, tc.script)
			next, _ := scripted(t, "echo next")
			if _, err := p.run(soon(t), []byte("<domain/>"), []byte("{}")); err != nil {
				t.Fatal(err)
			}
			pid := awaitPID(t, pidFile)
			if tc.later {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
				awaitDeath(t, pid)
				if out, err := next.run(soon(t), []byte("<domain/>"), []byte("{}")); string(out) != "next\n" || err != nil {
					t.Errorf("the next call: %q, %v", out, err)
				}
			}
			if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("process %d is still there (%v): %s", pid, err, tc.reason)
			}
		})
	}
}

func TestProgramTimeLimit(t *testing.T) {
	if got := timeLimit(t.Context()); got != programLimit {
		t.Errorf("without a deadline: %v, want %v", got, programLimit)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got := timeLimit(ctx); got != programLimit {
		t.Errorf("in the minute that KubeVirt gives: %v, want %v", got, programLimit)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got := timeLimit(ctx); got > 9*time.Second || got < 8*time.Second {
		t.Errorf("with 10s left: %v, want 9s", got)
	}
}

// TestEndKillsProgram ends the server while a program runs.
func TestEndKillsProgram(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("PID_FILE", pidFile)
	p, log := scripted(t, `echo $$ >"$PID_FILE"; exec sleep 300`)
	server := startFake(t, programs{Engine: unpatched{}, onDefineDomain: p}, Config{})
	failed := make(chan error, 1)
	go func() {
		_, err := v1alpha3.NewCallbacksClient(server).OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{Vmi: []byte("{}")})
		failed <- err
	}()
	pid := awaitPID(t, pidFile)
	started := time.Now()
	server.cancel()
	awaitEnd(t, server)
	if took := time.Since(started); took > 10*time.Second { // of a second, on a busy machine
		t.Errorf("the end took %v", took)
	}
	if !isDead(pid) {
		t.Error("the server has ended, and the program runs")
	}
	if err := <-failed; err == nil {
		t.Error("the call was answered")
	}
	if !strings.Contains(log.String(), `"exit":-1`) {
		t.Errorf("the log lacks the program's line:\n%s", log)
	}
}

// TestProgramFailureIsALine goes through the core: the user reads one line.
func TestProgramFailureIsALine(t *testing.T) {
	p, _ := scripted(t, `printf 'no\033[31m such\rdisk\n' >&2; exit 3`)
	server := startFake(t, programs{Engine: unpatched{}, onDefineDomain: p}, Config{})
	_, err := v1alpha3.NewCallbacksClient(server).OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte("<domain/>"), Vmi: []byte("{}")})
	checkLine(t, err, codes.FailedPrecondition, "domainpatch: program "+p.path+": exit code 3; the last line of its stderr: no [31m such disk")
}

// awaitPID waits until a script has written a pid into the file.
func awaitPID(t *testing.T, file string) int {
	t.Helper()
	pid, err := readPID(soon(t), file)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func readPID(ctx context.Context, file string) (int, error) {
	for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(file)
		if pid, convErr := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && convErr == nil && pid > 1 {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no script wrote its pid: %w", ctx.Err())
}

func awaitDeath(t *testing.T, pid int) {
	t.Helper()
	for ctx := soon(t); !isDead(pid); time.Sleep(10 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("process %d lives on", pid)
		}
	}
}

// isDead counts a zombie as dead: its parent may take its time.
func isDead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}
