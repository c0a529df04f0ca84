// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"
	"time"
)

// TestProgress checks that progress is for terminals and for long work, and leaves nothing behind.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 200, "cases")
	p.shown = time.Now().Add(-time.Hour)
	p.show(1)
	p.end()
	if out.Len() > 0 {
		t.Errorf("%q is shown to a program", &out)
	}
	p.w, p.shown = &out, time.Now()
	p.show(1)
	p.end()
	if out.Len() > 0 {
		t.Errorf("%q is shown of short work", &out)
	}
	p.shown = time.Now().Add(-time.Hour)
	p.show(2)
	p.show(3)
	p.end()
	if got, want := out.String(), "\r2 of 200 cases\r\x1b[K"; got != want {
		t.Errorf("long work shows %q, want %q", got, want)
	}
}
