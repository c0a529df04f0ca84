// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/domainpatch/domainpatch/patch"
)

func discard() *slog.Logger { return slog.New(slog.NewJSONHandler(io.Discard, nil)) }

func TestErrorCode(t *testing.T) {
	ofRule := func(err error) error {
		return &patch.Error{Patch: "DomainPatch a/b", Field: "spec.domain[0]", Err: err}
	}
	cases := map[string]struct {
		reason string
		err    error
		want   codes.Code
	}{
		"Rule":      {"the VM's or the patch's fault", ofRule(errors.New("bad")), codes.FailedPrecondition},
		"Time":      {"the engine's limit of a call", ofRule(fmt.Errorf("the call takes more than 5s: %w", context.DeadlineExceeded)), codes.DeadlineExceeded},
		"Cancelled": {"nobody reads it", ofRule(context.Canceled), codes.Canceled},
		"Panic":     {"our fault", errPanic, codes.Internal},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkLine(t, &Error{Reason: tc.err}, tc.want, tc.err.Error())
		})
	}
}

func TestErrorLine(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   string
	}{
		"Plain":   {"nothing to change", "a: b", "a: b"},
		"Lines":   {"a condition is one line", "a\n  | b\r\n  | c\n", "a | b | c"},
		"Control": {"foreign text does not steer a terminal", "a\x1b[31mb\u0085c", "a [31mb c"},
		"Unicode": {"nor do its line breaks and changes of direction", "a\u2028b\u202ec", "a b c"},
		"Blanks":  {"blanks in a path mean something", "//a[.='x  y']", "//a[.='x  y']"},
		"NotUTF8": {"gRPC refuses it", "a\xffb", "a?b"},
		"Long":    {"an event holds 1024 bytes", strings.Repeat("ä", 1000), strings.Repeat("ä", maxReason/2) + "..."},
		"Odd":     {"no half character at the cut", "a" + strings.Repeat("ä", 1000), "a" + strings.Repeat("ä", maxReason/2-1) + "..."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := &Error{Reason: errors.New(tc.text)}
			if want := "domainpatch: " + tc.want + remedy; err.Error() != want {
				t.Errorf("Error = %q, want %q: %s", err.Error(), want, tc.reason)
			}
			if got := status.Convert(err).Message(); got != err.Error() {
				t.Errorf("gRPC sends %q, not the line", got)
			}
			if len(err.Error()) > 800 || !utf8.ValidString(err.Error()) {
				t.Errorf("not fit for an event: %d bytes", len(err.Error()))
			}
		})
	}
}
