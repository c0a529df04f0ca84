// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInitramfs reads the archive as the kernel's documentation has it; that a kernel takes it, the guests show.
func TestInitramfs(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("12345"), 0o755); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := (&Kernel{}).Initramfs(&packed, program); err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(&packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"modules 40755 ", "dev 40755 ", "dev/console 20600 ", "init 100755 12345", "modules/list 100644 ", "TRAILER!!! 0 "}
	if diff := cmp.Diff(want, entries(t, data)); diff != "" {
		t.Error(diff)
	}
}

// entries are the name, the mode and the content of each.
func entries(t *testing.T, data []byte) []string {
	t.Helper()
	number := func(field int) int {
		n, err := strconv.ParseUint(string(data[6+8*field:14+8*field]), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	up := func(n int) int { return (n + 3) &^ 3 }
	var found []string
	for len(data) > 0 {
		const header = 110
		mode, size, name := number(1), number(6), number(11)
		begin := up(header + name)
		text := strings.TrimSuffix(string(data[header:header+name]), "\x00")
		found = append(found, text+" "+strconv.FormatInt(int64(mode), 8)+" "+string(data[begin:begin+size]))
		data = data[up(begin+size):]
	}
	return found
}

// TestMissingModule wants the next step of whoever has a damaged folder.
func TestMissingModule(t *testing.T) {
	k := &Kernel{Package: "linux-image-test", Image: "/bin/guest/vmlinuz-test", wanted: []string{"virtio_blk"}}
	const want = "linux-image-test has no module virtio_blk: remove /bin/guest, so that the kernel is downloaded anew"
	if err := k.Initramfs(io.Discard, os.DevNull); err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}
