// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/domainpatch/domainpatch/test/kubevirt/examples"
)

// configMapLines are those around a script in KubeVirt's README: apiVersion, kind, metadata, name, data and its key.
const configMapLines = 6

// lines counts what the user writes for the edit, without blank lines and comments; 0 is nothing. A script stands in a
// ConfigMap. A Go program needs an image beside its source, which is not counted.
func (c *comparison) lines(edit string, who contender) (int, error) {
	if who.file == pluginFile || who.file == patchFile {
		return countLines(filepath.Join(editsFolder, edit, who.file), "#")
	}
	if who.file == goFile {
		if edit == "baseboard" || edit == "vendor" {
			folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", examples.SMBIOS).Output()
			if err != nil {
				return 0, fmt.Errorf("find KubeVirt's Go example: %w", err)
			}
			return countLines(filepath.Join(string(bytes.TrimSpace(folder)), "smbios.go"), "//", "/*", "*")
		}
		return countLines(filepath.Join(editsFolder, edit, goFile), "//")
	}
	count, err := countLines(filepath.Join(c.hook(edit, who), hookName(edit)), "# ")
	if count > 0 {
		count += configMapLines
	}
	return count, err
}

func countLines(file string, comments ...string) (int, error) {
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return 0, nil
	}
	count := 0
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		isComment := false
		for _, comment := range comments {
			isComment = isComment || bytes.HasPrefix(line, []byte(comment))
		}
		if len(line) > 0 && !isComment {
			count++
		}
	}
	return count, err
}
