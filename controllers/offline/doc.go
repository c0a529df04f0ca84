// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package offline runs the hooks on files: it reads patches and a VMI as users write
// them, binds and renders them with the code of the webhooks, and applies the bundle
// with the code of the shim. What it shows is what the VM gets.
//
// What is wrong in the files is told with its place: see Mistakes. Inject writes VMs with their
// patches, for clusters without the operator.
//
// It also runs case folders: a patch, a document, and what must come out.
//
// It needs no cluster, and writes nothing but the want files of a case whose update is
// asked for. The command line tool and the tests of engine and samples are its users.
package offline
