// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// TestMaxDuration lets the time of a call run out before the call does its work.
func TestMaxDuration(t *testing.T) {
	value := "x"
	p, err := Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{{
		Kind: bundle.KindDomainPatch, Namespace: "ns", Name: "p", FailurePolicy: bundle.Fail,
		Domain:    []bundle.DomainRule{{Op: bundle.OpSet, Path: "/domain/name", Value: &value, When: "[1, 2, 3].all(x, [1, 2, 3].all(y, x * y > 0))"}},
		CloudInit: []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/a", Value: []byte("1")}},
	}, {
		Kind: bundle.KindDomainPatch, Namespace: "ns", Name: "fails", FailurePolicy: bundle.Ignore,
		CloudInit: []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpRemove, Path: "/missing"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		in, end, err := p.newInput(context.Background(), []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		time.Sleep(MaxDuration + time.Millisecond)
		run := domainRun{program: p, input: in, source: []byte("<domain><name/></domain>")}
		_, _, domainErr := run.once()
		data, err := cloudinit.Parse([]byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, _, cloudInitErr := p.patches[0].applyCloudInit(&cloudInitCall{input: *in}, data)
		_, _, ignoredErr := p.patches[1].applyCloudInit(&cloudInitCall{input: *in}, data)
		for _, err := range []error{domainErr, cloudInitErr, ignoredErr} {
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the call takes more than 5s") {
				t.Errorf("got %v, want an error that tells the limit", err)
			}
		}
	})
}

// TestBeyond: from what is known to be sound, the first bad part is found as by a look at all of them, and with few attempts where
// bad ones stand next to each other.
func TestBeyond(t *testing.T) {
	const n = 20
	for known := range n {
		for bad := known; bad < n; bad++ {
			attempts := 0
			got := beyond(known, n, func(parts int) bool { attempts++; return parts <= bad })
			if got != bad || attempts > 2+2*(bad-known) {
				t.Errorf("%d parts are sound: got %d after %d attempts, want %d", known, got, attempts, bad)
			}
		}
	}
	if got := beyond(5, n, func(parts int) bool { return parts < 3 }); got != -1 {
		t.Errorf("what is not sound as it was believed gives %d, want -1", got)
	}
}
