// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package render turns a VMI and the patches of its namespace into what the VMI needs
// to start patched: one bundle, the ConfigMap that holds it, and one entry of the
// hookSidecars annotation. The webhooks and the command line tool run this same code.
//
// In the order of use:
//
//	vmi, err := ParseVMI(json)                                   // what rendering needs of a VMI
//	bindings, err := Bindings(vmi.Labels, namespace, patches)    // which patches bind, in order
//	bundle, err := Build(ctx, vmi, bindings, Compile)            // what applies: content, hash, hooks
//	bundle.ConfigMap(namespace)                                  // where the shim reads it
//	bundle.Annotations(vmi.Annotations, image)                   // the VMI's two annotations
//	bundle.Verify(vmi.Annotations, image)                        // whether a VMI has them
//
// Render does the first steps at once. Patch alone converts a DomainPatch, for those who
// build a bundle without a VMI.
//
// The package is pure: objects in, objects out. It has no client and no clock, logs
// nothing, and gives equal output for equal input. An error is always about what the
// user wrote, but for an expired context, and says what to do.
package render
