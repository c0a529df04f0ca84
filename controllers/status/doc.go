// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package status tells what applies where in a cluster, for its users: patches and policies with
// their conditions, VMs with the patches that bind them and how they fare, bundles with their
// users, and what a restart would change.
//
// It reads what a question needs and no more, with the user's rights. What the user may not read
// is left out and said in a note, wherever the rest still makes sense. What binds, and whether a
// VM is current, is decided by the packages render and fare, as in the operator; the counts of
// patches are those that the operator wrote.
//
// The types of this package are the plugin's JSON output: fields are added, and neither renamed
// nor removed.
package status
