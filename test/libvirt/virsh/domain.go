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
