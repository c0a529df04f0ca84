// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import "errors"

// What errors and reports quote. Text from outside, of the document, the VMI or the cloud-init data, stands in
// them in double quotes, as %q writes it, with a bound such as %.40q; so do the messages of libraries that may
// contain such text: of yaml.v3 and of CEL at work. Line numbers and our own words stand outside. The shim's log
// leaves out what is quoted, since its readers may not read the VMI. Not quoted are the names of elements and
// attributes of a domain that is well formed: KubeVirt and libvirt gave them. Text of the patch needs no quotes,
// but may not stand before text from outside, where a quotation mark in it would turn inside into outside.
// Errors of encoding/json quote one character.

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

// Offset is where in the text of the field, a path, an expression or XML, the mistake stands, in
// bytes from its start. It is 0 where that is not known.
func (e *Error) Offset() int {
	var place interface{ Offset() int }
	if !errors.As(e.Err, &place) {
		return 0
	}
	return place.Offset()
}

// placed is an error at a place of an expression, in bytes from its start.
type placed struct {
	error
	offset int
}

// Offset is the place.
func (p placed) Offset() int { return p.offset }

// Unwrap returns the error without its place.
func (p placed) Unwrap() error { return p.error }

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
