// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketName(t *testing.T) {
	if got, want := socketName("hook-sidecar-0"), "domainpatch-hook-sidecar-0.sock"; got != want {
		t.Errorf("socketName = %s, want %s", got, want)
	}
	for name, container := range map[string]string{"Missing": "", "Path": "../x", "Long": strings.Repeat("a", 64)} {
		t.Run(name, func(t *testing.T) {
			one, two := socketName(container), socketName(container)
			if one == two {
				t.Errorf("two sidecars without a usable name share %s", one)
			}
			if filepath.Base(one) != one || len(one) > 64 {
				t.Errorf("socketName = %s, not a short file name", one)
			}
		})
	}
}

func TestListen(t *testing.T) {
	cases := map[string]struct {
		reason  string
		prepare func(t *testing.T, dir string) string // gives the directory to listen in
		want    string                                // in the error; empty: it listens
	}{
		"Empty": {"the usual case", func(_ *testing.T, dir string) string { return dir }, ""},
		"Stale": {"an earlier process of the container left its socket", func(t *testing.T, dir string) string {
			old, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s.sock"), Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			old.SetUnlinkOnClose(false)
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			return dir
		}, ""},
		"Living": {"a second shim of the same name", func(t *testing.T, dir string) string {
			other, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s.sock"), Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close() })
			return dir
		}, "CONTAINER_NAME"},
		"Datagram": {"somebody else's", func(t *testing.T, dir string) string {
			other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s.sock"), Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close() })
			return dir
		}, "cannot tell whether"},
		"File": {"a file of somebody else is not ours to remove", func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, "s.sock"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "not a socket"},
		"Missing": {"no such directory", func(_ *testing.T, dir string) string { return filepath.Join(dir, "missing") }, "--socket-dir"},
		"Long": {"unix sockets have short names", func(t *testing.T, dir string) string {
			dir = filepath.Join(dir, strings.Repeat("d", 100))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "at most 107 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := tc.prepare(t, shortDir(t))
			made, err := listen(dir, "s.sock")
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("listen: %v, want an error with %q: %s", err, tc.want, tc.reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("listen: %v: %s", err, tc.reason)
			}
			defer made.Close() // nothing was written
			checkSocket(t, dir, made.path)
		})
	}
}

// TestSocketIsRemoved takes away what this process made and nothing else.
func TestSocketIsRemoved(t *testing.T) {
	dir := shortDir(t)
	first, err := listen(dir, "s.sock")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(first.path, filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	second, err := listen(dir, "s.sock")
	if err != nil {
		t.Fatal(err)
	}
	first.remove()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	checkSocket(t, dir, second.path)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(second.path); err != nil {
		t.Errorf("closed, but not yet removed: %v", err)
	}
	second.remove()
	if _, err := os.Lstat(second.path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there (%v)", err)
	}
}

// checkSocket wants one entry in dir that every user can dial.
func checkSocket(t *testing.T, dir, path string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the directory holds %v (%v), want the socket alone", entries, err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o666 {
		t.Errorf("mode %v (%v), want a socket that every user can open", info.Mode(), err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("cannot dial what KubeVirt would: %v", err)
	}
	_ = conn.Close()
}
