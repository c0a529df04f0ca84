// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package patience bounds the time of calls in tests, on machines that others use, too.
package patience

import (
	"testing"
	"time"
)

// Within fails the test at once if a call takes longer than the limit three times in a row: once may be another
// process's doing.
func Within(t *testing.T, limit time.Duration, call func()) {
	t.Helper()
	var took time.Duration
	for range 3 {
		began := time.Now()
		call()
		if took = time.Since(began); took <= limit {
			return
		}
	}
	t.Fatalf("three calls took longer than %v, the last one %v", limit, took)
}
