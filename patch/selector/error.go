// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import "fmt"

// SyntaxError is what is wrong with the text of a path.
type SyntaxError struct {
	at     int
	reason string
}

func syntaxErrorf(at int, format string, args ...any) error {
	return &SyntaxError{at: at, reason: fmt.Sprintf(format, args...)}
}

// Error says what is wrong, and at which byte.
func (e *SyntaxError) Error() string { return e.reason }

// Offset is the place in the path, in bytes from its start; its length where the end is too early.
func (e *SyntaxError) Offset() int { return e.at }
