// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package playground answers the page of cmd/playground: texts that somebody types in, and what the hooks
// make of them, both as JSON. It binds, compiles and applies with package offline and warns with package lint,
// as the command line tool does, and adds nothing to what that decides.
//
// It needs no file, no cluster and no browser, so the tests run it natively.
package playground
