// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writeChart packs the chart as helm package does, but for the times, which helm takes from the clock.
func (r release) writeChart() error {
	chart := filepath.Join(r.root, "config", "chart")
	file, err := os.Create(filepath.Join(r.out, "domainpatch-chart-"+r.version+".tgz"))
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(file)
	err = pack(zip, chart, "domainpatch/", func(name string, text []byte) ([]byte, error) {
		switch name {
		case "Chart.yaml":
			return replace(text, "version: 0.0.0-dev\nappVersion: dev\n", "version: "+r.version+"\nappVersion: "+r.tag+"\n")
		case "values.yaml":
			text, err := replace(text, "repository: domainpatch/manager\n", "repository: "+r.registry+"/manager\n")
			if err != nil {
				return nil, err
			}
			return replace(text, "repository: domainpatch/shim\n", "repository: "+r.registry+"/shim\n")
		}
		return text, nil
	})
	return errors.Join(err, zip.Close(), file.Close())
}

// replace fails where it has nothing to replace: the chart would name another version.
func replace(text []byte, old, to string) ([]byte, error) {
	if strings.Count(string(text), old) != 1 {
		return nil, fmt.Errorf("there is not one %q in it", old)
	}
	return []byte(strings.Replace(string(text), old, to, 1)), nil
}

// writeImages packs the OCI layouts, for clusters that reach no registry, and writes SBOMs of the programs in them.
func (r release) writeImages() error {
	for _, image := range []string{"manager", "shim"} {
		file, err := os.Create(filepath.Join(r.out, "domainpatch-"+image+"-image-"+r.version+".tar"))
		if err != nil {
			return err
		}
		err = pack(file, filepath.Join(r.bin, "image", image), "", nil)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		programs, err := filepath.Glob(filepath.Join(r.bin, "linux-*", image))
		if err != nil || len(programs) == 0 {
			return fmt.Errorf("%s has no programs of image %s (%v)", r.bin, image, err)
		}
		document := filepath.Join(r.out, "domainpatch-"+image+"-image-"+r.version+".cdx.json")
		if err := writeSBOM(document, image, r.version, programs); err != nil {
			return err
		}
	}
	return nil
}

// pack writes the files of a folder into a tar archive, in the order of their names and with the time 0. A change, if
// given, changes what a file holds.
func pack(w io.Writer, folder, prefix string, change func(name string, text []byte) ([]byte, error)) error {
	archive := tar.NewWriter(w)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if change != nil {
			if text, err = change(name, text); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: prefix + filepath.ToSlash(name), Mode: 0o644, Size: int64(len(text)),
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = archive.Write(text)
		return err
	})
	return errors.Join(err, archive.Close())
}
