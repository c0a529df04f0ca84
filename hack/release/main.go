// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command release makes what a release has beside the plugin's archives: install manifests, the Helm chart, archives of
// the images, and the bills of materials (SBOMs) of all programs, in CycloneDX. It needs no network. Equal commits make
// equal files.
//
// Use it by make release-dry-run, which builds the images first, and goreleaser's archives afterwards.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "assets":
			return assets(args[1:])
		case "sbom":
			return sbom(args[1:])
		}
	}
	return errors.New("use it as: release assets [flags], or release sbom -version VERSION PROGRAM DOCUMENT")
}

// assets writes all but the SBOMs of archives.
func assets(args []string) error {
	flags := flag.NewFlagSet("assets", flag.ContinueOnError)
	root := flags.String("root", "../..", "`folder` of the repository")
	bin := flags.String("bin", "../../out/release", "`folder` with the images' programs and layouts, as make image leaves it")
	out := flags.String("out", "../../out/release/assets", "`folder` for the results; it is emptied")
	registry := flags.String("registry", "domainpatch", "`prefix` of the images' names in manifests and chart")
	if err := flags.Parse(args); err != nil {
		return err
	}
	tag, err := readTag(filepath.Join(*bin, "image", "manager"))
	if err != nil {
		return err
	}
	r := release{root: *root, bin: *bin, out: *out, registry: *registry, tag: tag, version: version(tag)}
	if err := errors.Join(os.RemoveAll(*out), os.MkdirAll(*out, 0o755)); err != nil {
		return err
	}
	for _, step := range []func() error{r.writeManifests, r.writeChart, r.writeImages} {
		if err := step(); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(*bin, "version"), []byte(r.version+"\n"), 0o644)
}

// release is what is being made.
type release struct {
	root, bin, out string
	registry       string // prefix of the images' names
	tag            string // of the images: what git describes the commit as
	version        string // semantic, without a v
}
