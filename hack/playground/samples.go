// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// sample is a case folder as the page shows it in its menu.
type sample struct {
	Name      string `json:"name"`  // the folder
	Area      string `json:"area"`  // the heading over its row in README.md
	About     string `json:"about"` // what README.md says of it
	Patches   string `json:"patches"`
	VMI       string `json:"vmi"`
	Domain    string `json:"domain"`
	CloudInit string `json:"cloudInit"`
}

// row is a heading of README.md, or the row of a sample: "| [NAME](NAME/patch.yaml) | ABOUT | WHO |".
var row = regexp.MustCompile(`(?m)^## (.+)$|^\| \[.+\]\((.+)/patch\.yaml\) \| (.+) \| .+ \|$`)

// readSamples reads the samples in the order of README.md, which gives the menu its words. A folder that it
// does not name is an error, since the menu would lack it.
func readSamples(folder string) ([]sample, error) {
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		return nil, err
	}
	var samples []sample
	area := ""
	for _, found := range row.FindAllStringSubmatch(string(readme), -1) {
		if found[1] != "" {
			area = found[1]
			continue
		}
		s := sample{Name: found[2], Area: area, About: strings.ReplaceAll(found[3], "`", "")}
		if err := s.read(filepath.Join(folder, filepath.FromSlash(s.Name))); err != nil {
			return nil, err
		}
		samples = append(samples, s)
	}
	folders, err := countCases(folder)
	if err == nil && (len(samples) == 0 || folders != len(samples)) {
		err = fmt.Errorf("%s: %d folders have a patch.yaml, and the tables of README.md have %d rows of such", folder, folders, len(samples))
	}
	return samples, err
}

func (s *sample) read(dir string) error {
	for name, into := range map[string]*string{
		"patch.yaml": &s.Patches, "vmi.yaml": &s.VMI, "domain.xml": &s.Domain, "cloud-init.json": &s.CloudInit,
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) && name != "patch.yaml" {
			continue
		}
		if err != nil {
			return err
		}
		*into = string(data)
	}
	return nil
}

func countCases(folder string) (int, error) {
	n := 0
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "patch.yaml" {
			n++
		}
		return err
	})
	return n, err
}
