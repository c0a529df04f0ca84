// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Initramfs writes an archive that the kernel unpacks and runs: a static program as /init, in /modules the modules
// that were asked for with what they need, and in /modules/list their files in the order in which they can be loaded.
func (k *Kernel) Initramfs(w io.Writer, program string) error {
	files, err := k.withDependencies(k.wanted)
	if err != nil {
		return fmt.Errorf("%w: remove %s, so that the kernel is downloaded anew", err, filepath.Dir(k.Image))
	}
	packed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	a := &archive{w: packed}
	a.folder("modules")
	a.console("dev", "dev/console")
	a.copy("init", program, 0o755)
	var list strings.Builder
	for _, file := range files {
		a.copy("modules/"+filepath.Base(file), file, 0o644)
		fmt.Fprintln(&list, filepath.Base(file))
	}
	a.file("modules/list", []byte(list.String()), 0o644)
	a.end()
	return errors.Join(a.err, packed.Close())
}

// archive writes the format that the kernel knows as newc (Documentation/driver-api/early-userspace/buffer-format.rst).
// Its first error stays.
type archive struct {
	w     io.Writer
	inode int
	err   error
}

const (
	typeFolder    = 0o040000
	typeCharacter = 0o020000
	typeFile      = 0o100000
)

func (a *archive) folder(name string) { a.entry(name, typeFolder|0o755, 0, 0, nil) }

func (a *archive) file(name string, content []byte, mode int) {
	a.entry(name, typeFile|mode, 0, 0, content)
}

// console adds the device that the kernel opens for the first program: number 5, 1.
func (a *archive) console(folder, name string) {
	a.folder(folder)
	a.entry(name, typeCharacter|0o600, 5, 1, nil)
}

func (a *archive) copy(name, source string, mode int) {
	content, err := os.ReadFile(source)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.file(name, content, mode)
}

func (a *archive) end() { a.entry("TRAILER!!!", 0, 0, 0, nil) }

// entry writes a header of 13 numbers and the name, and the content; each is filled up to a multiple of four bytes.
func (a *archive) entry(name string, mode, major, minor int, content []byte) {
	if a.err != nil {
		return
	}
	a.inode++
	var entry bytes.Buffer
	entry.WriteString("070701")
	for _, field := range []int{a.inode, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name) + 1, 0} {
		fmt.Fprintf(&entry, "%08X", field)
	}
	entry.WriteString(name + "\x00")
	fill(&entry)
	entry.Write(content)
	fill(&entry)
	_, a.err = a.w.Write(entry.Bytes())
}

func fill(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}
