// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/domainpatch/domainpatch/cmd/terminal"
)

// progress tells on a terminal how far long work has come. Work that ends within a second is not told of.
type progress struct {
	w     io.Writer // nil: nobody looks
	total int
	what  string
	shown time.Time // when it was last told
	told  bool
}

// newProgress begins work on so many things.
func newProgress(w io.Writer, total int, what string) *progress {
	p := &progress{total: total, what: what, shown: time.Now()}
	if terminal.Is(w) {
		p.w = w
	}
	return p
}

// show tells how many are done, at most once a second.
func (p *progress) show(done int) {
	if p.w == nil || time.Since(p.shown) < time.Second {
		return
	}
	p.shown, p.told = time.Now(), true
	fmt.Fprintf(p.w, "\r%d of %d %s", done, p.total, p.what)
}

// end takes the line away.
func (p *progress) end() {
	if p.told {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
