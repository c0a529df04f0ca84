// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package schema is the table of what KubeVirt keeps of a domain between two calls of
// OnDefineDomain. KubeVirt reads the result of a call into its struct api.DomainSpec and
// writes the struct as the input of the next call: elements and attributes without a field
// are gone, and of several elements that share a field only one is left.
//
// The table is generated from the tags of those structs by test/kubevirt/cmd/schema, and
// compared with them, run for real, by the tests beside it.
//
// What it leaves out: an element or attribute of a foreign namespace whose local name
// KubeVirt knows is read by KubeVirt as its own and loses its namespace. The table calls it
// dropped. qemu:commandline has a field that is only ever written (encoding/xml takes the
// prefix for a part of the name), so what a call adds there is dropped, too.
package schema
