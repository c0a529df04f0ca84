// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package race

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine is where the figures come from.
type Machine struct {
	CPU   string
	Cores int
	Go    string
}

// ThisMachine is the one that this process runs on.
func ThisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m // the architecture must do
	}
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// Markdown writes the table.
func (t *Table) Markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s:\n\n| | ms | of the first line |\n|---|--:|--:|\n", t.Title)
	for _, m := range t.Rows {
		fmt.Fprintf(b, "| %s | %.3f | %.2f |\n", m.Name, m.Milliseconds, m.Ratio)
	}
}
