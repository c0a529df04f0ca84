// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package virsh

import (
	"fmt"
	"strings"
)

// CommandLine is how QEMU is started: a line for each option with its value.
type CommandLine []string

// parseCommandLine reads a shell command as libvirt writes it, with or without line breaks between its options. What
// follows the command is not read.
func parseCommandLine(text string) (CommandLine, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	var lines CommandLine
	for _, word := range words {
		isValue := len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "-") && !strings.HasPrefix(word, "-")
		if isValue {
			lines[len(lines)-1] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines, nil
}

// splitWords splits a command into its words, and removes single quotes and backslashes: libvirt writes no other quotes.
func splitWords(text string) (words []string, err error) {
	const none, plain, quoted, escaped = 0, 1, 2, 3
	state := none
	var word strings.Builder
	for _, r := range strings.TrimRight(text, "\n") + "\n" {
		switch {
		case state == escaped && r == '\n':
			state = none
		case state == quoted && r == '\'':
			state = plain
		case state == quoted:
			word.WriteRune(r)
		case state == escaped:
			word.WriteRune(r)
			state = plain
		case r == '\\':
			state = escaped
		case r == '\'':
			state = quoted
		case r == ' ' || r == '\n':
			if state == plain {
				words = append(words, word.String())
				word.Reset()
			}
			state = none
			if r == '\n' {
				return words, nil
			}
		default:
			word.WriteRune(r)
			state = plain
		}
	}
	return nil, fmt.Errorf("the command line of QEMU does not end: %.200q", text)
}
