// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/domainpatch/domainpatch/test/scratch"
)

const domain = `<domain type='qemu'>
  <name>one</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type><smbios mode='sysinfo'/></os>
  <sysinfo type='smbios'><baseBoard><entry name='manufacturer'>Spike&apos;s, &amp; Ed</entry></baseBoard></sysinfo>
  <devices>%DEVICES%<nonsense/></devices>
</domain>
`

func newHost(t *testing.T) (context.Context, *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx, ForTest(t)
}

func open(ctx context.Context, t *testing.T, h *Host, driver string, taps ...Tap) *Session {
	t.Helper()
	s, err := h.Open(ctx, driver, taps...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, h *Host, devices string) string {
	t.Helper()
	file, err := h.Write("one.xml", []byte(strings.ReplaceAll(domain, "%DEVICES%", devices)))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestDefine goes on after an error, twice with one name, and shows what libvirt drops.
func TestDefine(t *testing.T) {
	ctx, h := newHost(t)
	file := write(t, h, "")
	s := open(ctx, t, h, TestDriver)
	if _, err := s.Define(h.Path("nowhere"), "one"); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("a file that is not there: %v", err)
	}
	for range 2 {
		kept, err := s.Define(file, "one")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(kept, "Spike&apos;s, &amp; Ed") || strings.Contains(kept, "nonsense") {
			t.Errorf("libvirt kept: %s", kept)
		}
	}
	if _, err := s.Do("list\nlist"); err == nil {
		t.Error("two commands in one")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestNativeArguments also starts the domain, and ends the session while it runs.
func TestNativeArguments(t *testing.T) {
	ctx, h := newHost(t)
	tap := Tap{Name: "tap0", MultiQueue: true}
	s := open(ctx, t, h, h.QEMUDriver(), tap)
	const wanted = "-smbios type=2,manufacturer=Spike's,, & Ed"
	native, err := s.NativeArguments(write(t, h, ""))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(native, wanted) || !strings.HasPrefix(native[0], "LC_ALL=C") {
		t.Errorf("domxml-to-native: %q", native)
	}
	file := write(t, h, `<interface type='ethernet'><target dev='tap0' managed='no'/><model type='virtio'/><driver queues='2'/></interface>`)
	if _, err := s.Do("create " + file); err != nil {
		log, _ := os.ReadFile(h.LibvirtLog())
		t.Fatalf("%v\n%s", err, log)
	}
	started, err := h.StartedWith("one")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(started, wanted) || !slices.ContainsFunc(started, func(l string) bool { return strings.Contains(l, `"virtio-net-pci","mq":true`) }) {
		t.Errorf("create: %q", started)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := scratch.ProcessesOn(t, h.dir); len(left) > 0 {
		t.Errorf("the session is closed, but these live: %q", left)
	}
}

// TestTerminal has a terminal, as a person who runs make has. virsh would start an agent of polkit there, if that is
// installed, and take its refusal for one of libvirt.
func TestTerminal(t *testing.T) {
	ctx, h := newHost(t)
	s := open(ctx, t, h, TestDriver)
	leader, err := unix.Getsid(s.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if leader != s.cmd.Process.Pid {
		t.Errorf("virsh runs in session %d, which may have a terminal, and not in one of its own", leader)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestContainer is in one that is not privileged, in a second process: root, but without what namespaces need.
func TestContainer(t *testing.T) {
	ctx, h := newHost(t)
	const inside = "DOMAINPATCH_VIRSH_CONTAINER"
	if os.Getenv(inside) != "" {
		_, err := h.Open(ctx, TestDriver)
		fmt.Println("error:", err)
		return
	}
	cmd := exec.CommandContext(ctx, "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", os.Args[0], "-test.run=^TestContainer$")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "a container must be privileged") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestEnd ends the context in the middle of a command.
func TestEnd(t *testing.T) {
	ctx, h := newHost(t)
	ctx, cancel := context.WithCancel(ctx)
	s := open(ctx, t, h, h.QEMUDriver())
	if _, err := s.Do("create " + write(t, h, "")); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := s.Do("event --domain one --event lifecycle --timeout 100"); err == nil {
		t.Error("no error")
	}
	if err := s.Close(); err == nil {
		t.Error("virsh was killed, and Close says nothing")
	}
	if left := scratch.ProcessesOn(t, h.dir); len(left) > 0 {
		t.Errorf("the context is done, but these live: %q", left)
	}
}

// TestKilled kills a process that has a running domain, as nothing else does: the test itself, in a second process.
func TestKilled(t *testing.T) {
	ctx, h := newHost(t)
	const victim = "DOMAINPATCH_VIRSH_VICTIM"
	if os.Getenv(victim) != "" {
		s := open(ctx, t, h, h.QEMUDriver())
		if _, err := s.Do("create " + write(t, h, "")); err != nil {
			t.Fatal(err)
		}
		fmt.Println("folder:", h.dir)
		<-ctx.Done()
	}
	line, kill := scratch.Victim(ctx, t, victim)
	dir, found := strings.CutPrefix(line, "folder: ")
	running := found && len(scratch.ProcessesOn(t, dir)) > 0
	kill()
	if !running {
		t.Fatalf("it said %q, and nothing ran before its end", line)
	}
	for ctx.Err() == nil {
		_, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && len(scratch.ProcessesOn(t, dir)) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s is still there, or these: %q", dir, scratch.ProcessesOn(t, dir))
}

func TestCheckVersions(t *testing.T) {
	for said, ok := range map[string]bool{
		"Using library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\nRunning hypervisor: QEMU 7.2.22\n":   true,
		"Using library: libvirt 11.3.0\nUsing API: QEMU 11.3.0\nRunning hypervisor: QEMU 7.2.22\n": false,
		"Using library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\nRunning hypervisor: QEMU 10.0.2\n":   false,
	} {
		if err := checkVersions(said); (err == nil) != ok {
			t.Errorf("%q: got error %v", said, err)
		}
	}
}

func TestSchemaErrors(t *testing.T) {
	ctx, h := newHost(t)
	file := write(t, h, "")
	valid, err := h.Write("valid.xml", []byte(strings.ReplaceAll(domain, "%DEVICES%<nonsense/>", "")))
	if err != nil {
		t.Fatal(err)
	}
	found, err := SchemaErrors(ctx, valid, file)
	if err != nil {
		t.Fatal(err)
	}
	if len(found[valid]) != 0 || len(found[file]) == 0 {
		t.Errorf("found %q", found)
	}
	if _, err := SchemaErrors(ctx, h.Path("nowhere")); err == nil {
		t.Error("no error for a file that is not there")
	}
}

func TestParseCommandLine(t *testing.T) {
	for _, text := range []string{
		"LC_ALL=C \\\n/usr/bin/qemu \\\n-name 'a b'\\''s' \\\n-S \\\n-x '' \"\nchar device redirected",
		"LC_ALL=C /usr/bin/qemu -name 'a b'\\''s' -S -x '' \"\n\n",
	} {
		got, err := parseCommandLine(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(CommandLine{"LC_ALL=C", "/usr/bin/qemu", "-name a b's", "-S", `-x  "`}, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := parseCommandLine("-a 'b\n"); err == nil {
		t.Error("no error for one that ends in its middle")
	}
}
