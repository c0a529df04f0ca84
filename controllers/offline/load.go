// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// maxFileBytes bounds what is read of one file or of standard input.
const maxFileBytes = 16 << 20

// Stdin is the name by which standard input is asked for.
const Stdin = "-"

// Files reads files for the functions of this package.
type Files struct {
	// Stdin is read for the name "-".
	Stdin io.Reader
}

// Read reads a whole file, or standard input for "-", of at most 16 MiB.
func (f Files) Read(name string) ([]byte, error) {
	var in io.Reader = f.Stdin
	if name != Stdin {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s: more than %d bytes", name, maxFileBytes)
	}
	return data, nil
}

// Patches reads every DomainPatch of the named files; a folder stands for the .yaml,
// .yml and .json files in it. Documents of other API groups are listed in skipped, as
// "FILE: KIND NAME". All that is wrong is reported at once.
func (f Files) Patches(names []string) (patches []v1alpha1.DomainPatch, skipped []string, err error) {
	var errs []error
	for _, name := range names {
		files, err := expand(name)
		if err != nil {
			errs = append(errs, err)
		}
		for _, file := range files {
			data, err := f.Read(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			found, others, err := parsePatches(file, data)
			patches = append(patches, found...)
			skipped = append(skipped, others...)
			errs = append(errs, err)
		}
	}
	return patches, skipped, errors.Join(errs...)
}

// expand lists the files of a folder; any other name stands for itself.
func expand(name string) ([]string, error) {
	if name == Stdin {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, nil // Read reports what is wrong with it
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no .yaml, .yml or .json file in the folder", name)
	}
	return files, nil
}

func parsePatches(file string, data []byte) (patches []v1alpha1.DomainPatch, skipped []string, err error) {
	var errs []error
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return patches, skipped, errors.Join(errs...)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: document %d: %w", file, n, err)
		}
		if isComment(doc) {
			continue
		}
		p, other, err := parsePatch(doc)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: document %d: %w", file, n, err))
		case p != nil:
			patches = append(patches, *p)
		default:
			skipped = append(skipped, file+": "+other)
		}
	}
}

// isComment says whether a YAML document holds no value.
func isComment(doc []byte) bool {
	for line := range strings.Lines(string(doc)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && line != "---" {
			return false
		}
	}
	return true
}

// parsePatch decodes strictly: unknown and repeated fields are errors.
func parsePatch(doc []byte) (p *v1alpha1.DomainPatch, other string, err error) {
	var header struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
	}
	if err := yaml.Unmarshal(doc, &header); err != nil {
		return nil, "", err
	}
	group, version, _ := strings.Cut(header.APIVersion, "/")
	if group != v1alpha1.Group {
		if header.Kind == "" {
			return nil, "", errors.New("neither apiVersion nor kind: is this a Kubernetes object?")
		}
		return nil, header.Kind + " " + header.Name, nil
	}
	if version != v1alpha1.GroupVersion.Version || header.Kind != "DomainPatch" {
		return nil, "", fmt.Errorf("%s %s is not supported: use DomainPatch of %s", header.APIVersion, header.Kind, v1alpha1.GroupVersion)
	}
	p = &v1alpha1.DomainPatch{}
	if err := decodeStrict(doc, p); err != nil {
		return nil, "", fmt.Errorf("DomainPatch %s: %w", header.Name, err)
	}
	if p.Name == "" {
		return nil, "", errors.New("metadata.name is missing")
	}
	return p, "", nil
}

// decodeStrict decodes as the API server does with strict field validation.
func decodeStrict(doc []byte, into any) error {
	asJSON, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return errors.New(strings.Join(strings.Fields(err.Error()), " ")) // it spans lines
	}
	mistakes, err := kjson.UnmarshalStrict(asJSON, into)
	return errors.Join(append(mistakes, err)...)
}
