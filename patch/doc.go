// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package patch is the engine: it compiles a bundle of patches and applies it to a
// libvirt domain and to cloud-init data.
//
// Compile finds everything that is wrong with the text of the patches, all at once,
// each with its field path. A Program then applies them any number of times, from
// any number of goroutines. Per call, patches run in the bundle's order; a patch
// takes effect whole or not at all; a patch with failurePolicy Fail that fails, fails
// the call. Bytes that no rule touches stay as they are.
//
// The package is pure: bytes in, bytes and a report out. It does no input or output,
// logs nothing, and knows neither Kubernetes nor the hook protocol. The CLI, the
// webhooks and the shim all run this code; there is no second implementation.
package patch

import "time"

// MaxDuration is how long one call may take.
const MaxDuration = 5 * time.Second
