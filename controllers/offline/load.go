// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
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

// found is what a file holds.
type found struct {
	patches []v1alpha1.DomainPatch
	skipped []string
	errs    []error
}

func parsePatches(file string, data []byte) (patches []v1alpha1.DomainPatch, skipped []string, err error) {
	var f found
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return f.patches, f.skipped, errors.Join(f.errs...)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: document %d: %w", file, n, err)
		}
		if isComment(doc) {
			continue
		}
		asJSON, err := yaml.YAMLToJSONStrict(doc)
		if err != nil {
			err = errors.New(strings.Join(strings.Fields(err.Error()), " ")) // it spans lines
			f.errs = append(f.errs, fmt.Errorf("%s: document %d: %w", file, n, err))
			continue
		}
		f.object(file, fmt.Sprintf("document %d", n), asJSON)
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

// object takes one object, or every item of a v1 List, as kubectl get prints it.
func (f *found) object(file, place string, asJSON []byte) {
	var header struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(asJSON, &header); err != nil {
		f.errs = append(f.errs, fmt.Errorf("%s: %s: this is no Kubernetes object", file, place))
		return
	}
	if header.APIVersion == "v1" && header.Kind == "List" {
		for i, item := range header.Items {
			f.object(file, fmt.Sprintf("%s, items[%d]", place, i), item)
		}
		return
	}
	group, version, _ := strings.Cut(header.APIVersion, "/")
	isPatch := header.Kind == "DomainPatch" && group == v1alpha1.Group && version == v1alpha1.GroupVersion.Version
	var err error
	switch {
	case isPatch:
		var p v1alpha1.DomainPatch
		if p, err = decodePatch(asJSON); err == nil {
			f.patches = append(f.patches, p)
		}
	case header.Kind == "":
		err = errors.New("neither apiVersion nor kind: is this a Kubernetes object?")
	case group == v1alpha1.Group || header.Kind == "DomainPatch":
		err = fmt.Errorf("%s %s is not supported: use DomainPatch of %s", header.APIVersion, header.Kind, v1alpha1.GroupVersion)
	default:
		f.skipped = append(f.skipped, fmt.Sprintf("%s: %s %s", file, header.Kind, header.Metadata.Name))
	}
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("%s: %s: %w", file, strings.TrimSpace(place+": "+header.Kind+" "+header.Metadata.Name), err))
	}
}

// decodePatch decodes as the API server does with strict field validation, and refuses
// what its schema refuses and the decoded object does not show.
func decodePatch(asJSON []byte) (v1alpha1.DomainPatch, error) {
	var p v1alpha1.DomainPatch
	mistakes, err := kjson.UnmarshalStrict(asJSON, &p)
	if err != nil {
		if strings.Contains(err.Error(), "of type string") {
			err = fmt.Errorf("%w: put the value in quotes", err) // on, yes, 500: YAML takes them for something else
		}
		return p, errors.Join(append(mistakes, err)...)
	}
	if reasons := validation.IsDNS1123Subdomain(p.Name); len(reasons) > 0 {
		mistakes = append(mistakes, fmt.Errorf("metadata.name %q: %s", p.Name, reasons[0]))
	} else if len(p.Name) > validation.DNS1123LabelMaxLength {
		mistakes = append(mistakes, fmt.Errorf("metadata.name has %d characters, over the limit of %d", len(p.Name), validation.DNS1123LabelMaxLength))
	}
	return p, errors.Join(append(mistakes, missingPaths(asJSON)...)...)
}

// missingPaths finds cloud-init rules without a path: a forgotten one must not mean the
// whole document, which the empty path does.
func missingPaths(asJSON []byte) []error {
	var raw struct {
		Spec struct {
			CloudInit []struct {
				Op   v1alpha1.CloudInitOp `json:"op"`
				Path *string              `json:"path"`
			} `json:"cloudInit"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(asJSON, &raw); err != nil {
		return []error{err}
	}
	var errs []error
	for i, r := range raw.Spec.CloudInit {
		if r.Path == nil && r.Op != v1alpha1.CloudInitOpMerge {
			errs = append(errs, fmt.Errorf(`spec.cloudInit[%d].path is missing ("" is the whole document)`, i))
		}
	}
	return errs
}
