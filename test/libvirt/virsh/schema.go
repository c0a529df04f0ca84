// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package virsh

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// schemaError is a line of xmllint's: the file, the line in it, and what is wrong.
var schemaError = regexp.MustCompile(`^(?:(.+?):\d+: )?(.*Relax-NG (?:validity|internal) error : .+)$`)

// SchemaErrors judges the XML of domains by libvirt's schema. The errors of each file are in the order of xmllint, without
// the numbers of their lines.
func SchemaErrors(ctx context.Context, files ...string) (map[string][]string, error) {
	cmd := exec.CommandContext(ctx, "xmllint", append([]string{"--noout", "--nonet", "--relaxng", DomainSchema}, files...)...)
	out, err := cmd.CombinedOutput()
	const invalid = 3 // an exit code of xmllint
	var exit *exec.ExitError
	if isVerdict := errors.As(err, &exit) && exit.ExitCode() == invalid; err != nil && !isVerdict {
		return nil, fmt.Errorf("cannot judge by %s: %w\n%s", DomainSchema, err, out)
	}
	return parseSchemaErrors(string(out), files)
}

// parseSchemaErrors takes the lines of a file to be those above its verdict.
func parseSchemaErrors(out string, files []string) (map[string][]string, error) {
	found := map[string][]string{}
	var since []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if m := schemaError.FindStringSubmatch(line); m != nil {
			since = append(since, m[2])
			continue
		}
		file, valid := strings.CutSuffix(line, " validates")
		if !valid {
			if file, valid = strings.CutSuffix(line, " fails to validate"); !valid || len(since) == 0 {
				return nil, fmt.Errorf("xmllint printed %q, which is neither an error of the schema nor a verdict", line)
			}
		}
		found[file], since = since, nil
	}
	if len(found) != len(files) {
		return nil, fmt.Errorf("xmllint judged %d of %d files:\n%s", len(found), len(files), out)
	}
	return found, nil
}
