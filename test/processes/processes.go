// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package processes finds the processes of this machine that work on a folder: those that a cluster has to end, and those
// that a test must not leave behind. It reads Linux' /proc.
package processes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Process is one that ran when it was found.
type Process struct {
	PID, Parent int
	Command     string // its command line, with spaces between the arguments
}

func (p Process) String() string { return fmt.Sprintf("process %d (%s)", p.PID, p.Command) }

// Kill ends the process at once. That it has ended before is no error.
func (p Process) Kill() error {
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

var parent = regexp.MustCompile(`(?m)^PPid:\t(\d+)$`)

// On finds the processes whose command line names a folder. One that has ended has no command line, and is left out.
func On(folder string) ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, file := range files {
		command, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(command), folder) {
			continue // it has ended since, or works on something else
		}
		dir := filepath.Dir(file)
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		ppid := parent.FindSubmatch(status)
		if err != nil || ppid == nil {
			continue // it has ended since
		}
		p := Process{Command: strings.ReplaceAll(strings.Trim(string(command), "\x00"), "\x00", " ")}
		p.PID, err = strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		if p.Parent, err = strconv.Atoi(string(ppid[1])); err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	return found, nil
}
