// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package remote reads objects of a cluster for its users: with their rights, without a cache
// and page by page. It writes nothing.
//
// Its errors are for people: they say what could not be read and what to do. What the user has
// no right to, and what is not installed, are errors of their own (Forbidden, NotInstalled), so
// that a caller can go on without it.
package remote
