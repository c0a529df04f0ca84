// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package lint finds what is wrong with patches and policies (errors: the API server or the
// operator refuses them) and what is likely to be (warnings), before they are in a cluster.
//
// It takes objects one by one, keeps of each only what conflicts are found by, and needs neither
// files nor a cluster. Every finding has a code of Codes that never changes its meaning, and which
// docs/lint.md explains. A warning is silenced for one object by the annotation
// lint.domainpatch.kubevirt.io/CODE, whose value is the reason.
//
// Errors come from the same code as those of the webhooks. Messages quote the objects, but
// never what looks like a secret.
package lint
