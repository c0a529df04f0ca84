// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/domainpatch/domainpatch/shim"
)

type options struct {
	shim.Config
	level slog.Level
}

// parse reads the flags. Errors that it returns are not printed yet; the usage that -h asks for is.
func parse(args []string, out io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opts.Version, "version", "", "`version` of KubeVirt's hook protocol to serve: v1alpha1, v1alpha2 or v1alpha3 (required)")
	flags.StringVar(&opts.Bundle, "bundle", "/usr/bin/onDefineDomain", "`file` of the bundle")
	flags.StringVar(&opts.SHA256, "sha256", "", "expected SHA-256 of the bundle in `hex`; not checked if empty")
	flags.Func("hooks", "comma-separated `list` of hooks to subscribe to: OnDefineDomain[,PreCloudInitIso] (default OnDefineDomain)",
		func(list string) error {
			opts.Hooks = strings.Split(list, ",")
			return nil
		})
	flags.BoolVar(&opts.AllowExec, "allow-exec", false, "run the programs onDefineDomain and preCloudInitIso of PATH behind the patches, "+
		"as KubeVirt's sidecar-shim does, and announce, without --hooks, what the bundle or a program serves")
	flags.StringVar(&opts.SocketDir, "socket-dir", "/var/run/kubevirt-hooks", "`directory` in which virt-launcher looks for the socket")
	flags.Func("log-level", "least `level` to log: debug, info, warn or error (default info)", func(name string) (err error) {
		opts.level, err = level(name)
		return err
	})
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(out)
		flags.Usage()
		return opts, err
	case err != nil:
		return opts, err
	case flags.NArg() > 0:
		return opts, fmt.Errorf("unexpected argument %q: the shim takes flags only", flags.Arg(0))
	case opts.SocketDir == "":
		return opts, errors.New("--socket-dir is empty: name the directory in which virt-launcher looks, or leave the flag out")
	case opts.Version == "":
		return opts, errors.New("--version is missing: use v1alpha1, v1alpha2 or v1alpha3")
	}
	flags.Visit(func(f *flag.Flag) { opts.RequireBundle = opts.RequireBundle || f.Name == "bundle" })
	return opts, opts.Validate()
}

// level takes the four names alone: slog would take INFO+2, too, which no other tool does.
func level(name string) (slog.Level, error) {
	switch name {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, errors.New("use debug, info, warn or error")
}
