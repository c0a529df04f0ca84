// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

// sbom writes the SBOM of one program.
func sbom(args []string) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	version := flags.String("version", "", "`version` of the program")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 2 || *version == "" {
		return errors.New("sbom needs -version, a program and the document to write")
	}
	name := strings.TrimSuffix(filepath.Base(flags.Arg(0)), ".exe")
	return writeSBOM(flags.Arg(1), name, *version, flags.Args()[:1])
}

// writeSBOM writes what is in a program, built for one or more platforms, as CycloneDX. It is read from the programs
// themselves, where the Go linker put it, not from go.mod: so it has what is in them and nothing else. It has no date
// and a serial number made of the programs' bytes: equal programs have equal SBOMs.
func writeSBOM(document, name, version string, programs []string) error {
	modules := map[string]*debug.Module{}
	serial := sha256.New()
	var parts []cyclonedx.Component
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		content, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		serial.Write(content)
		parts = append(parts, part(name, version, info, content))
		modules["stdlib"] = &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			modules[module.Path] = module
		}
	}
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = uuid(serial.Sum(nil))
	bom.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		BOMRef: "program", Type: cyclonedx.ComponentTypeApplication, Name: name, Version: version, Components: &parts,
		Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
	}}
	components, references := libraries(modules)
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: "program", Dependencies: &references}}
	return encode(document, bom)
}

// part is the program for one platform.
func part(name, version string, info *debug.BuildInfo, content []byte) cyclonedx.Component {
	sum := sha256.Sum256(content)
	platform := map[string]string{}
	for _, setting := range info.Settings {
		platform[setting.Key] = setting.Value
	}
	return cyclonedx.Component{
		BOMRef: platform["GOOS"] + "/" + platform["GOARCH"], Type: cyclonedx.ComponentTypeFile,
		Name: name + " for " + platform["GOOS"] + "/" + platform["GOARCH"], Version: version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
}

// libraries are the modules, by name, and how they are referred to.
func libraries(modules map[string]*debug.Module) (components []cyclonedx.Component, references []string) {
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		url := "pkg:golang/" + path + "@" + modules[path].Version
		references = append(references, url)
		components = append(components, cyclonedx.Component{
			BOMRef: url, Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: modules[path].Version, PackageURL: url,
		})
	}
	return components, references
}

// uuid makes a UUID of a hash: version 8 of RFC 9562, section 5.8.
func uuid(sum []byte) string {
	b := slices.Clone(sum[:16])
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func encode(document string, bom *cyclonedx.BOM) error {
	file, err := os.Create(document)
	if err != nil {
		return err
	}
	err = cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
	return errors.Join(err, file.Close())
}
