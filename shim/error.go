// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrorPrefix starts every error that a hook call returns. KubeVirt puts the line into the VMI's
// Synchronized condition, where it can be recognised by the prefix.
const ErrorPrefix = "domainpatch: "

// maxReason is how many bytes of a reason fit beside the prefix and the remedy in an event's message
// (1024 bytes), together with the words that virt-handler and gRPC put before them.
const maxReason = 640

const remedy = "; after the fix restart the VM, for its pod keeps the patches and programs that it started with"

var (
	errTaken = errors.New("the cloud-init rules did not run: KubeVirt calls PreCloudInitIso on the first sidecar that " +
		"subscribes to it, and another entry of the annotation hooks.kubevirt.io/hookSidecars did: remove that entry or " +
		"the cloud-init rules")
	errNotSubscribed = errors.New("the cloud-init rules did not run: the shim does not subscribe to PreCloudInitIso (--hooks), for when the VMI " +
		"was created it had no cloud-init volume, or its metadata did not match: restart the VM, or leave such VMs out by matchConditions")
	errCloudInitFailed = errors.New("the cloud-init rules did not run: the call of PreCloudInitIso before this one failed")
	errPanic           = errors.New("internal error: a bug in domainpatch, please report it with the container's log")
)

// Error is a failed hook call. Its text is one line: prefix, reason, remedy.
type Error struct {
	Reason error
}

// Error gives the line that KubeVirt shows.
func (e *Error) Error() string {
	return ErrorPrefix + oneLine(e.Reason.Error()) + remedy
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

// GRPCStatus is what the gRPC server sends for the error.
func (e *Error) GRPCStatus() *status.Status {
	return status.New(e.code(), e.Error())
}

func (e *Error) code() codes.Code {
	switch {
	case errors.Is(e.Reason, errPanic):
		return codes.Internal
	case errors.Is(e.Reason, context.Canceled):
		return codes.Canceled
	case errors.Is(e.Reason, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	}
	return codes.FailedPrecondition
}

// flat makes foreign text fit for a line: no line breaks, other control characters or changes of
// direction, valid UTF-8.
func flat(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if !strings.ContainsFunc(text, steers) {
		return strings.TrimSpace(text)
	}
	parts := strings.FieldsFunc(text, steers)
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return strings.Join(parts, " ")
}

// oneLine is flat within the bounds of a condition and an event.
func oneLine(text string) string {
	line := flat(text)
	if len(line) > maxReason {
		line = strings.ToValidUTF8(line[:maxReason], "") + "..."
	}
	return line
}

// steers tells a character that does not show but changes how the line is shown.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
