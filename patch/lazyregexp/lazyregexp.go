// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package lazyregexp compiles regular expressions when they are first used. One process runs beside
// every VM, and most never need what belongs to names, cloud-init and the like: compiled at
// start, they are 250 KiB of allocations.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New gives a function that returns the compiled expression, from several goroutines, too. It panics where
// the expression is wrong, as regexp.MustCompile does.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
