// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
)

// celErrors puts the issues of CEL with a text on one line, each with its position. The place of
// the error is that of the first one.
func celErrors(text string, issues *cel.Issues, variables []string) error {
	var lines []string
	for _, e := range issues.Errors() {
		message := strings.TrimSuffix(strings.Join(strings.Fields(e.Message), " "), " (in container '')")
		lines = append(lines, fmt.Sprintf("%d:%d: %s%s", e.Location.Line(), e.Location.Column()+1, message, celAdvice(message, variables)))
	}
	first := issues.Errors()[0].Location
	return placed{errors.New(strings.Join(lines, "; ")), offsetAt(text, first.Line(), first.Column())}
}

// celAdvice says what to do about a message of CEL that does not say it.
func celAdvice(message string, variables []string) string {
	name, isUnknown := strings.CutPrefix(message, "undeclared reference to ")
	switch name = strings.Trim(name, "'"); {
	case strings.Contains(message, "'_?_:_'") && strings.Contains(message, "null"):
		return ": write dyn(null) for null in a conditional"
	case !isUnknown:
		return ""
	case slices.Contains(variables, name):
		return ": write variables." + name
	case name == "metadata" || name == "spec":
		return ": write vmi." + name
	case name == "xpath":
		return ": only the expressions of domain rules see the domain"
	case name == "current":
		return ": only the expression of a domain rule sees the present value"
	case name == "variables":
		return ": variables are computed after the matchConditions"
	}
	return ""
}

// offsetAt is the place in a text, in bytes, of a line, from 1, and a column in it, in characters from 0.
func offsetAt(text string, line, column int) int {
	rest := text
	for ; line > 1; line-- {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	offset := len(text) - len(rest)
	for i := range rest {
		if column == 0 {
			return offset + i
		}
		column--
	}
	return len(text)
}
