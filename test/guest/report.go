// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"fmt"
	"strconv"
	"strings"
)

// Report is what a guest sees, by the names of the facts.
type Report map[string]string

// parseReport reads what the guest wrote on its console, whose lines may be any others, too. It is complete when the
// guest has said how many facts there are; what the guest says behind that is of the report, too.
func parseReport(console string) (report Report, complete bool, err error) {
	report = Report{}
	for line := range strings.Lines(console) {
		line, whole := strings.CutSuffix(line, "\n")
		line, ours := strings.CutPrefix(strings.TrimRight(line, "\r"), "guest: ")
		if !ours || !whole {
			continue
		}
		name, text, _ := strings.Cut(line, " ")
		if name == "end" {
			if text != strconv.Itoa(len(report)) {
				return nil, false, fmt.Errorf("the guest reported %s facts, and %d came through", text, len(report))
			}
			complete = true
			continue
		}
		value, err := strconv.Unquote(text)
		if err != nil {
			return nil, false, fmt.Errorf("the guest said %q, which is no fact: %w", line, err)
		}
		if strings.HasPrefix(value, "error: ") {
			return nil, false, fmt.Errorf("the guest cannot tell %s: %s", name, value)
		}
		report[name] = value
	}
	return report, complete, nil
}
