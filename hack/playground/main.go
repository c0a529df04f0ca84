// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command playground packs the page of docs/playground, the samples and the engine into a folder that works
// from any static server and from file://, without a network. ADR 0022 tells why it looks as it does.
//
// Use it by make playground, which builds the engine and installs the page's packages first.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// options are the files that go in and the folder that comes out.
type options struct {
	page, samples, wasm, wasmExec, out string
}

func main() {
	var o options
	flag.StringVar(&o.page, "page", "../../docs/playground", "`folder` of the page, with its node_modules")
	flag.StringVar(&o.samples, "samples", "../../config/samples", "`folder` of the samples")
	flag.StringVar(&o.wasm, "wasm", "", "`file` of cmd/playground, built for js/wasm")
	flag.StringVar(&o.wasmExec, "wasm-exec", "", "`file` lib/wasm/wasm_exec.js of the Go that built it")
	flag.StringVar(&o.out, "out", "../../out/playground", "`folder` to write")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "playground:", err)
		os.Exit(1)
	}
}

func (o *options) run() error {
	samples, err := readSamples(o.samples)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if err := o.bundle(samples); err != nil {
		return err
	}
	if err := o.writeLicenses(); err != nil {
		return err
	}
	html, err := os.ReadFile(filepath.Join(o.page, "index.html"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "index.html"), html, 0o644); err != nil {
		return err
	}
	return o.packEngine()
}

// packEngine writes the engine as a script that hands it over as text: a page of file:// may load scripts, and
// no other bytes.
func (o *options) packEngine() error {
	wasm, err := os.ReadFile(o.wasm)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString(`domainpatchEngine("`)
	text := base64.NewEncoder(base64.StdEncoding, &out)
	packed, err := gzip.NewWriterLevel(text, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := packed.Write(wasm); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if err := text.Close(); err != nil {
		return err
	}
	out.WriteString("\")\n")
	return os.WriteFile(filepath.Join(o.out, "engine.js"), out.Bytes(), 0o644)
}
