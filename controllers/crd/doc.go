// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package crd says without an API server what one would say about an object: it reads the
// schemas of the CustomResourceDefinitions that are shipped, with their CEL rules, and applies
// them. Messages are its own; a test compares the verdicts with those of a real API server.
//
// It knows the part of OpenAPI that these schemas use, and refuses to load one that uses
// more, so that a new keyword cannot be forgotten. Docs: docs/adr/0020-lint-reads-the-crds.md.
package crd
