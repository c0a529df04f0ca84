// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle writes the page's scripts and its style. The source imports two things that are made here:
// "playground:samples", a list of sample, and "playground:worker", the text of the worker's script.
func (o *options) bundle(samples []sample) error {
	list, err := json.Marshal(samples)
	if err != nil {
		return err
	}
	worker, err := o.bundleWorker()
	if err != nil {
		return err
	}
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	b := o.build()
	b.EntryPoints = []string{"src/theme.js", "src/playground.js", "src/playground.css"}
	b.Outdir = out
	b.Write = true
	b.Plugins = []api.Plugin{made(map[string]api.OnLoadResult{
		"playground:samples": {Contents: text(string(list)), Loader: api.LoaderJSON},
		"playground:worker":  {Contents: text(worker), Loader: api.LoaderText},
	})}
	return check(api.Build(b))
}

// bundleWorker makes one classic script of the worker and of Go's part of it.
func (o *options) bundleWorker() (string, error) {
	exec, err := filepath.Abs(o.wasmExec)
	if err != nil {
		return "", err
	}
	b := o.build()
	b.EntryPoints = []string{"src/worker.js"}
	b.Alias = map[string]string{"wasm_exec": exec}
	result := api.Build(b)
	if err := check(result); err != nil {
		return "", err
	}
	return string(result.OutputFiles[0].Contents), nil
}

// build has what both bundles share. The targets are the oldest browsers with DecompressionStream.
func (o *options) build() api.BuildOptions {
	page, _ := filepath.Abs(o.page) // esbuild says what is wrong with it
	return api.BuildOptions{
		AbsWorkingDir:     page,
		Bundle:            true,
		Format:            api.FormatIIFE,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsEndOfFile,
		LogLevel:          api.LogLevelWarning,
		Engines: []api.Engine{
			{Name: api.EngineChrome, Version: "105"}, {Name: api.EngineFirefox, Version: "113"}, {Name: api.EngineSafari, Version: "16.4"},
		},
	}
}

// made resolves imports to what there is no file of.
func made(contents map[string]api.OnLoadResult) api.Plugin {
	const namespace = "made"
	return api.Plugin{Name: namespace, Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: "^playground:"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: args.Path, Namespace: namespace}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: namespace}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			found, known := contents[args.Path]
			if !known {
				return found, errors.New("nothing makes this")
			}
			return found, nil
		})
	}}
}

func text(s string) *string { return &s }

// check makes one error of what esbuild has printed already.
func check(result api.BuildResult) error {
	if n := len(result.Errors); n > 0 {
		return errors.New(result.Errors[0].Text)
	}
	return nil
}
