// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package render turns a VMI and the patches and policies of a cluster into what the VMI needs
// to start patched: one bundle, the ConfigMap that holds it, and one entry of the
// hookSidecars annotation. The webhooks and the command line tool run this same code.
//
// In the order of use:
//
//	vmi, err := ParseVMI(json)                                     // what rendering needs of a VMI
//	bindings, err := Bindings(vmi.Labels, namespace, patches)      // which patches bind, in order
//	policies := Policies(namespace, policies)                      // which policies limit them
//	bundle, err := Build(ctx, vmi, bindings, policies, compiler)   // what applies: content, hash, hooks, volume
//	bundle.ConfigMap(namespace)                                    // where the shim reads it
//	bundle.Annotations(vmi.Annotations, image)                     // the VMI's two annotations
//	bundle.Verify(vmi.Annotations, image)                          // whether a VMI has them
//
// Render does the steps from Bindings to Build at once. Patch is what both kinds of
// patches are to this package.
//
// The package is pure: objects in, objects out. It has no client and no clock, logs
// nothing, and gives equal output for equal input. An error is always about what the
// user wrote, but for an expired context, and says what to do.
package render
