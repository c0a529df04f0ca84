// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"fmt"
	"os"
	"strings"
)

// Define gives the XML of a domain to the driver, and returns what the driver keeps of it: the XML of the
// inactive domain. The domain is gone again afterwards. The name must be the domain's, without quotes.
func (s *Session) Define(file, name string) (string, error) {
	if _, err := s.Do("define " + file); err != nil {
		return "", err
	}
	kept, err := s.Do("dumpxml --inactive " + name)
	if err != nil {
		return "", err
	}
	if _, err := s.Do("undefine " + name); err != nil {
		return "", err
	}
	return kept, nil
}

// CommandLine is how QEMU is started: a line for each option with its value.
type CommandLine []string

// NativeArguments asks the embedded QEMU driver how it would start a domain: "domxml-to-native qemu-argv". libvirt
// turns network interfaces into others before it does that: take them out, and see StartedWith.
func (s *Session) NativeArguments(file string) (CommandLine, error) {
	out, err := s.Do("domxml-to-native qemu-argv --xml " + file)
	if err != nil {
		return nil, err
	}
	return parseCommandLine(out)
}

// StartedWith is how QEMU was started for the domain that was created last under the name.
func (h *Host) StartedWith(name string) (CommandLine, error) {
	log, err := os.ReadFile(h.QEMULog(name))
	if err != nil {
		return nil, err
	}
	text := string(log)
	start := strings.LastIndex(text, "\nLC_ALL=C ")
	if start < 0 {
		return nil, fmt.Errorf("%s holds no command line", h.QEMULog(name))
	}
	return parseCommandLine(text[start+1:])
}

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
