// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build js && wasm

// Command playground is the engine in a browser. It gives JavaScript one function, domainpatch, which takes
// a playground.Request and gives a playground.Response, both JSON in a string.
package main

import (
	"context"
	"syscall/js"

	"github.com/domainpatch/domainpatch/controllers/playground"
)

func main() {
	js.Global().Set("domainpatch", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return string(playground.Answer(context.Background(), []byte(args[0].String())))
	}))
	select {} // or the function is gone
}
