// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bytes"
	"io"
	"os"
	"testing"
)

// TestColour checks that colours are for terminals, and for who wants them.
func TestColour(t *testing.T) {
	pty, err := os.Open("/dev/ptmx")
	if err != nil {
		t.Skipf("no pseudo terminal to test with: %v", err)
	}
	defer pty.Close()
	for name, tc := range map[string]struct {
		reason        string
		to            io.Writer
		noColor, term string
		coloured      bool
	}{
		"terminal": {reason: "what colours are for", to: pty, term: "xterm", coloured: true},
		"no TERM":  {reason: "most terminals show colours", to: pty, coloured: true},
		"file":     {reason: "a program reads it", to: &bytes.Buffer{}, term: "xterm"},
		"NO_COLOR": {reason: "its user said so", to: pty, noColor: "1", term: "xterm"},
		"dumb":     {reason: "it would show the codes", to: pty, term: "dumb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tc.noColor)
			t.Setenv("TERM", tc.term)
			text, painted := "--- a\n+b\n@@ -1 @@\n c\n", "\x1b[31m--- a\x1b[0m\n\x1b[32m+b\x1b[0m\n\x1b[36m@@ -1 @@\x1b[0m\n c\n"
			word, red := "FAIL", "\x1b[31mFAIL\x1b[0m"
			if !tc.coloured {
				painted, red = text, word
			}
			if got := string(Diff(tc.to, []byte(text))); got != painted {
				t.Errorf("Diff gives %q, want %q: %s", got, painted, tc.reason)
			}
			if got := Paint(tc.to, Red, word); got != red {
				t.Errorf("Paint gives %q, want %q: %s", got, red, tc.reason)
			}
		})
	}
}
