// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import "errors"

// Error is one thing that is wrong with one patch: found by Compile in its text,
// or by a call on the VM's document.
type Error struct {
	Patch string // "DomainPatch vms/acme-smbios"
	Field string // field path, such as spec.domain[2].path
	Rule  string // the rule's name, if it has one
	Err   error
}

// Error gives the patch, the field path and the reason, in that order.
func (e *Error) Error() string {
	return e.Patch + ": " + e.Detail()
}

// Detail is Error without the name of the patch, for readers who look at that patch.
func (e *Error) Detail() string {
	s := e.Field
	if e.Rule != "" {
		s += " (" + e.Rule + ")"
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Errors lists the single errors that Compile joined, in the order of the patch's text.
// An error of another origin yields none.
func Errors(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range joined.Unwrap() {
			all = append(all, Errors(e)...)
		}
		return all
	}
	var one *Error
	if errors.As(err, &one) {
		return []*Error{one}
	}
	return nil
}
