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
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
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

// Objects are what files hold of the kinds that decide what a VM gets.
type Objects struct {
	Patches        []v1alpha1.DomainPatch
	ClusterPatches []v1alpha1.ClusterDomainPatch
	Policies       []v1alpha1.DomainPatchPolicy
	Namespaces     []corev1.Namespace
}

// Objects reads every object of the named files; a folder stands for the .yaml, .yml and
// .json files in it. Documents of other kinds are listed in skipped, as "FILE: KIND NAME".
// All that is wrong is reported at once.
func (f Files) Objects(names []string) (objects Objects, skipped []string, err error) {
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
			found, others, err := parseObjects(file, data)
			objects.add(found)
			skipped = append(skipped, others...)
			errs = append(errs, err)
		}
	}
	return objects, skipped, errors.Join(errs...)
}

func (o *Objects) add(other Objects) {
	o.Patches = append(o.Patches, other.Patches...)
	o.ClusterPatches = append(o.ClusterPatches, other.ClusterPatches...)
	o.Policies = append(o.Policies, other.Policies...)
	o.Namespaces = append(o.Namespaces, other.Namespaces...)
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
	Objects
	skipped []string
	errs    []error
}

func parseObjects(file string, data []byte) (objects Objects, skipped []string, err error) {
	var f found
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return f.Objects, f.skipped, errors.Join(f.errs...)
		}
		if err != nil {
			return Objects{}, nil, fmt.Errorf("%s: document %d: %w", file, n, err)
		}
		if isComment(doc) {
			continue
		}
		asJSON, err := toJSON(doc)
		if err != nil {
			f.errs = append(f.errs, fmt.Errorf("%s: document %d: %w", file, n, err))
			continue
		}
		f.object(file, fmt.Sprintf("document %d", n), asJSON)
	}
}

// toJSON reads a document of YAML, or of JSON, some of whose escapes YAML does not know.
func toJSON(doc []byte) ([]byte, error) {
	if json.Valid(doc) {
		return doc, nil
	}
	asJSON, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, errors.New(strings.Join(strings.Fields(err.Error()), " ")) // it spans lines
	}
	return asJSON, nil
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
			Name any `json:"name"` // decode tells when it is no text
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
	name := header.Kind
	if header.Metadata.Name != nil {
		name += fmt.Sprintf(" %v", header.Metadata.Name)
	}
	known, err := f.take(header.APIVersion, header.Kind, asJSON)
	group, _, _ := strings.Cut(header.APIVersion, "/")
	switch {
	case known:
	case header.Kind == "":
		err = errors.New("neither apiVersion nor kind: is this a Kubernetes object?")
	case group == v1alpha1.Group || slices.Contains(kinds, header.Kind):
		err = fmt.Errorf("%s %s is not supported: use %s of %s", header.APIVersion, header.Kind, strings.Join(kinds, ", "), v1alpha1.GroupVersion)
	default:
		f.skipped = append(f.skipped, fmt.Sprintf("%s: %s", file, name))
	}
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("%s: %s: %w", file, strings.TrimSpace(place+": "+name), err))
	}
}

// kinds are those of DomainPatch's API group.
var kinds = []string{bundle.KindDomainPatch, bundle.KindClusterDomainPatch, bundle.KindDomainPatchPolicy}

// take decodes an object of a known kind. What could be read of a wrong one is kept, too:
// its error ends everything, but later.
func (f *found) take(apiVersion, kind string, asJSON []byte) (known bool, err error) {
	ours := v1alpha1.GroupVersion.String()
	switch apiVersion + " " + kind {
	case ours + " " + bundle.KindDomainPatch:
		var p v1alpha1.DomainPatch
		err = errors.Join(decode(asJSON, &p), missingPaths(asJSON))
		f.Patches = append(f.Patches, p)
	case ours + " " + bundle.KindClusterDomainPatch:
		var p v1alpha1.ClusterDomainPatch
		err = errors.Join(decode(asJSON, &p), missingPaths(asJSON))
		f.ClusterPatches = append(f.ClusterPatches, p)
	case ours + " " + bundle.KindDomainPatchPolicy:
		var p v1alpha1.DomainPatchPolicy
		err = decode(asJSON, &p)
		f.Policies = append(f.Policies, p)
	case "v1 Namespace":
		var n corev1.Namespace
		err = decode(asJSON, &n)
		f.Namespaces = append(f.Namespaces, n)
	default:
		return false, nil
	}
	return true, err
}

// decode decodes as the API server does with strict field validation, and refuses a name
// that the server would refuse.
func decode(asJSON []byte, into metav1.Object) error {
	mistakes, err := kjson.UnmarshalStrict(asJSON, into)
	if err != nil {
		return errors.Join(append(mistakes, readable(err))...)
	}
	if reasons := validation.IsDNS1123Subdomain(into.GetName()); len(reasons) > 0 {
		mistakes = append(mistakes, fmt.Errorf("metadata.name %q: %s", into.GetName(), reasons[0]))
	} else if n := len(into.GetName()); n > validation.DNS1123LabelMaxLength {
		mistakes = append(mistakes, fmt.Errorf("metadata.name has %d characters, over the limit of %d", n, validation.DNS1123LabelMaxLength))
	}
	return errors.Join(mistakes...)
}

// missingPaths finds cloud-init rules without a path: a forgotten one must not mean the
// whole document, which the empty path does.
func missingPaths(asJSON []byte) error {
	var raw struct {
		Spec struct {
			CloudInit []struct {
				Op   v1alpha1.CloudInitOp `json:"op"`
				Path *string              `json:"path"`
			} `json:"cloudInit"`
		} `json:"spec"`
	}
	if json.Unmarshal(asJSON, &raw) != nil {
		return nil // decode says what is wrong
	}
	var errs []error
	for i, r := range raw.Spec.CloudInit {
		if r.Path == nil && r.Op != v1alpha1.CloudInitOpMerge {
			errs = append(errs, fmt.Errorf(`spec.cloudInit[%d].path is missing ("" is the whole document)`, i))
		}
	}
	return errors.Join(errs...)
}

// mismatch is what encoding/json says of a value of the wrong type.
var mismatch = regexp.MustCompile(`^json: cannot unmarshal (\w+) into Go struct field \w+\.([\w.]+) of type (\S+)$`)

// readable tells of a value of the wrong type without Go's names of types.
func readable(err error) error {
	found := mismatch.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	wanted := map[bool]string{true: "a list", false: "an object with fields of its own"}[strings.HasPrefix(found[3], "[]")]
	switch found[3] {
	case "string": // on, yes, 500: YAML takes them for something else
		wanted = "a text: put the value in quotes"
	case "int", "int32", "int64":
		wanted = "a whole number"
	case "bool":
		wanted = "true or false"
	}
	return fmt.Errorf("%s is a %s instead of %s", found[2], found[1], wanted)
}
