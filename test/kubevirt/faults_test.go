// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKilledBetweenCalls: KubeVirt's call fails in seconds, not after its minute. The containers of a launcher's pod are not
// started again (RestartPolicyNever in virt-controller/services/template.go); where one is all the same, it puts its
// socket where the dead one was, so that a new launcher finds it and the old one, which knows the path, goes on.
func TestKilledBetweenCalls(t *testing.T) {
	t.Parallel()
	recorded := recordPasses(t)
	s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
	content := attemptsBundle(t, false)
	manager, process := runShim(t, s, content, "v1alpha3", "OnDefineDomain")
	if _, err := (attemptStep{call: "1"}).run(t, manager, recorded); err != nil {
		t.Fatal(err)
	}
	socket := socketOf(t, s)
	kill(t, socket, syscall.SIGKILL)
	if err := process.exited(); err == nil {
		t.Fatal("got exit code 0 of a killed process")
	}
	started := time.Now()
	if _, err := (attemptStep{call: "2"}).run(t, manager, recorded); err == nil {
		t.Fatal("a dead sidecar let the VM start")
	}
	if took := time.Since(started); took > 15*time.Second {
		t.Errorf("the call failed after %v", took)
	}
	if _, err := os.Lstat(socket); err != nil {
		t.Fatalf("the dead shim's socket is gone, so this tests nothing: %v", err)
	}
	s.start(t, "shim", shimArgs(writeBundle(t, content), content, "v1alpha3", "OnDefineDomain")...)
	collect(t, s.sockets, 1)
	for _, call := range []string{"1", "2", "3"} {
		if _, err := (attemptStep{call: call}).run(t, manager, recorded); err != nil {
			t.Errorf("pass %s after the restart: %v", call, err)
		}
	}
}

// TestFaultsInCall: what happens while a call is under way hurts that call at most.
func TestFaultsInCall(t *testing.T) {
	for name, tc := range map[string]struct {
		reason   string
		fault    func(t *testing.T, c *caller, socket string)
		answered bool // the call is
		ends     bool // the shim does, with exit code 0
	}{
		"Killed": {"the client learns of it at once", func(t *testing.T, _ *caller, socket string) {
			kill(t, socket, syscall.SIGKILL)
		}, false, false},
		"Terminated": {"calls in flight are finished", func(t *testing.T, _ *caller, socket string) {
			kill(t, socket, syscall.SIGTERM)
		}, true, true},
		"ClientGone": {"the next launcher's calls are not those of the one that has gone", func(t *testing.T, c *caller, _ string) {
			c.hangUp()
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
			manager, process := runShim(t, s, readBundle(t, "domain.json"), "v1alpha3", "OnDefineDomain")
			socket := socketOf(t, s)
			c := call(t, socket)
			resume := freeze(t, socket)
			answer := c.defineInBackground(t)
			tc.fault(t, c, socket)
			resume()
			if err := <-answer; (err == nil) != tc.answered {
				t.Errorf("the call: %v, answered wanted: %v: %s", err, tc.answered, tc.reason)
			}
			switch {
			case name == "Killed":
				_ = process.exited() // an error, of course
			case tc.ends:
				if err := process.exitedSoon(); err != nil {
					t.Error(err)
				}
			default:
				define(t, manager, "devices")
				shutDown(t, manager, process)
			}
		})
	}
}

// TestStrangeClients: only virt-launcher sees the socket; whoever else comes does no harm.
func TestStrangeClients(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for name, said := range map[string]string{
		"Bytes":       strings.Repeat("\x00\xff\x17garbage", 10000),
		"HTTP1":       "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"TLS":         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"HalfPreface": preface[:9],
		"NoSettings":  preface + "\x00\x00\x00\x00\x00\x00\x00\x00\x01",                                                          // a DATA frame first
		"HugeFrame":   preface + "\xff\xff\xff\x04\x00\x00\x00\x00\x00",                                                          // SETTINGS of 16 MiB
		"BadHeaders":  preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff", // no HPACK
		"Silence":     "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sidecar{sockets: t.TempDir(), container: "hook-sidecar-0"}
			manager, process := runShim(t, s, readBundle(t, "domain.json"), "v1alpha3", "OnDefineDomain")
			socket := socketOf(t, s)
			for range 50 { // of them, and none hangs up
				_, _ = dialRaw(t, socket).Write([]byte(said)) // fails where the shim has hung up
			}
			for _, pass := range define(t, manager, "devices") {
				checkEdits(t, pass)
			}
			shutDown(t, manager, process)
		})
	}
}

// TestBundleReplaced: the bundle is read once, before the socket appears. KubeVirt mounts it such that it cannot change;
// the volume of another kubelet might.
func TestBundleReplaced(t *testing.T) {
	for name, replace := range map[string]func(file string, content []byte) error{
		"InPlace": func(file string, content []byte) error { return os.WriteFile(file, content, 0o755) },
		"Renamed": func(file string, content []byte) error {
			return errors.Join(os.WriteFile(file+".new", content, 0o755), os.Rename(file+".new", file))
		},
		"Removed": func(file string, _ []byte) error { return os.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sockets, content := t.TempDir(), readBundle(t, "domain.json")
			file := writeBundle(t, content)
			process := sidecar{sockets: sockets, container: "hook-sidecar-0"}.start(t, "shim", shimArgs(file, content, "v1alpha3", "OnDefineDomain")...)
			manager := collect(t, sockets, 1)
			if err := replace(file, readBundle(t, "failing.json")); err != nil {
				t.Fatal(err)
			}
			for _, pass := range define(t, manager, "devices") {
				checkEdits(t, pass)
			}
			shutDown(t, manager, process)
		})
	}
}

// TestSocketDirectoryFaults: without a socket there is nobody to tell, so the container ends, and its log says why.
func TestSocketDirectoryFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		flags []string // of the container
		args  []string // of the shim
		want  error
	}{
		"Missing":    {nil, []string{"--socket-dir", "/nosuchfolder"}, unix.ENOENT},
		"Full":       {[]string{"--hooks-tmpfs", "nr_inodes=1"}, nil, unix.ENOSPC},
		"AlmostFull": {[]string{"--hooks-tmpfs", "nr_inodes=2"}, nil, unix.ENOSPC},
		"Forbidden":  {[]string{"--user", "107"}, nil, unix.EACCES},
		"NoFolder":   {nil, []string{"--socket-dir", "/proc/self/exe"}, unix.ENOTDIR},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			skipUnlessRoot(t)
			content := readBundle(t, "domain.json")
			args := append(shimArgs(writeBundle(t, content), content, "v1alpha3", "OnDefineDomain"), tc.args...)
			process := sidecar{sockets: publicDir(t), container: "hook-sidecar-0", flags: tc.flags}.start(t, "shim", args...)
			checkRefused(t, process, tc.want)
		})
	}
}

// checkRefused waits for exit code 1 and looks for one line that says what is wrong and where to put it right.
func checkRefused(t *testing.T, process *process, want error) {
	t.Helper()
	_ = process.exited() // the launcher's exit code is its own, its last line says the shim's
	log := process.output.String()
	if !strings.Contains(log, "sidecar hook-sidecar-0: exit status 1\n") {
		t.Errorf("want exit status 1:\n%s", log)
	}
	for _, what := range []string{"domainpatch: cannot serve", "--socket-dir", want.Error()} {
		if line := lastLine(log, `"level":"ERROR"`); !strings.Contains(line, what) {
			t.Errorf("the log's last error lacks %q: %s", what, line)
		}
	}
}

func lastLine(log, with string) string {
	last := ""
	for line := range strings.Lines(log) {
		if strings.Contains(line, with) {
			last = line
		}
	}
	return last
}

// skipUnlessRoot is for tests of containers whose user is not the test's.
func skipUnlessRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a container as another user, or with a root of its own")
	}
}

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
