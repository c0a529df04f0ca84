// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package scratch

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Victim runs the test once more, in a second process: there the environment variable is set, and the test prints a line
// when it has what its end must not leave behind, and waits. Victim returns that line, without its end, and the function
// that kills the process. The process ends with the context, too.
func Victim(ctx context.Context, t *testing.T, variable string) (line string, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	kill = func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	}
	if err != nil {
		kill()
		t.Fatalf("the second process said %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n"), kill
}
