// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command image puts programs that are built already into container images, and writes these as OCI layouts:
// folders that the tools of registries read. It needs no container engine, no registry and no network.
// Equal programs of one commit make equal digests.
//
// Use it by make image, which builds the programs first.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func main() {
	bin := flag.String("bin", "../../bin", "`folder` that holds linux-ARCH/PROGRAM and gets image/PROGRAM")
	archs := flag.String("archs", "amd64 arm64 s390x", "`architectures` in Go's words, separated by spaces")
	flag.Parse()
	if err := run(os.Stdout, *bin, strings.Fields(*archs), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, bin string, archs, programs []string) error {
	origin, err := readOrigin(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	for _, program := range programs {
		image, ok := images()[program]
		if !ok {
			return fmt.Errorf("there is no image of %q, only of shim and manager", program)
		}
		index, err := image.pack(bin, program, archs, origin)
		if err != nil {
			return fmt.Errorf("cannot pack %s: %w", program, err)
		}
		folder := filepath.Join(bin, "image", program)
		if err := write(folder, index, origin.version); err != nil {
			return fmt.Errorf("cannot write %s: %w", folder, err)
		}
		if err := report(out, folder, index, origin.version); err != nil {
			return err
		}
	}
	return nil
}

// write replaces the folder by a layout that holds the index alone, tagged with the version.
func write(folder string, index v1.ImageIndex, version string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	_, err := layout.Write(folder, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add:        index,
		Descriptor: v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": version}},
	}))
	return err
}

// report prints digests and sizes, and what to do next.
func report(out io.Writer, folder string, index v1.ImageIndex, version string) error {
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, version %s\n  %-12s %s\n", folder, version, "index", digest)
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			return err
		}
		layers, err := image.Layers()
		if err != nil {
			return err
		}
		size, err := layers[0].Size()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %-12s %s  %.1f MB to pull\n", m.Platform, m.Digest, float64(size)/1e6)
	}
	fmt.Fprintf(out, "  to push it:  crane push %s REGISTRY/%s:%s\n", folder, filepath.Base(folder), version)
	fmt.Fprintln(out, "  other ways, and how to use it: docs/operations.md, Images")
	return nil
}
