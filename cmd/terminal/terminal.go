// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package terminal decides what is for people's eyes, and paints it.
package terminal

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/term"
)

// Is tells whether a stream is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// IsColoured tells whether a stream is a terminal that shows colours, and its user wants them: see
// no-color.org.
func IsColoured(w io.Writer) bool {
	return Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Colours of ANSI terminals.
const (
	Red   = "\x1b[31m"
	Green = "\x1b[32m"
	Amber = "\x1b[33m"
	Cyan  = "\x1b[36m"

	plain = "\x1b[0m"
)

// Paint gives text a colour, if the stream is coloured.
func Paint(w io.Writer, colour, text string) string {
	if !IsColoured(w) {
		return text
	}
	return colour + text + plain
}

// Diff paints the lines of a unified diff as git does, if the stream is coloured.
func Diff(w io.Writer, text []byte) []byte {
	if !IsColoured(w) {
		return text
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		colour := map[byte]string{'+': Green, '-': Red, '@': Cyan}[line[0]]
		if colour == "" {
			out.Write(line)
			continue
		}
		out.WriteString(colour)
		out.Write(bytes.TrimSuffix(line, []byte("\n")))
		out.WriteString(plain + "\n")
	}
	return out.Bytes()
}
