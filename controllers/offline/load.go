// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// maxFileBytes bounds what is read of one file or of standard input.
const maxFileBytes = 16 << 20

// Stdin is the name by which standard input is asked for.
const Stdin = "-"

// Shown is the name of a file for a person.
func Shown(name string) string {
	if name == Stdin {
		return "stdin"
	}
	return name
}

// Files reads files for the functions of this package.
type Files struct {
	// Stdin is read for the name "-".
	Stdin io.Reader
	// Recursive tells that the files of a folder are also those of the folders below it.
	Recursive bool
}

// Read reads a whole file, or standard input for "-", of at most 16 MiB, and leaves out a byte order mark before a JSON
// object: a program that reads JSON may pass over it (RFC 8259, section 8.1), and KubeVirt never writes it.
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
		return nil, fmt.Errorf("%s: more than %d MiB, the limit for a file", Shown(name), maxFileBytes>>20)
	}
	if text, marked := bytes.CutPrefix(data, []byte(byteOrderMark)); marked && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return text, nil
	}
	return data, nil
}

// Objects are what files hold of the kinds that decide what a VM gets.
type Objects struct {
	Patches        []v1alpha1.DomainPatch
	ClusterPatches []v1alpha1.ClusterDomainPatch
	Policies       []v1alpha1.DomainPatchPolicy
	Namespaces     []Namespace

	workloads []workload
	origins   map[string][]*Origin // by the objects' IDs
}

// Namespace is Kubernetes' Namespace: its labels decide, and nothing else of it is looked at.
type Namespace struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              json.RawMessage `json:"spec,omitempty"`
	Status            json.RawMessage `json:"status,omitempty"`
}

// Origin is where an object was read, by the ID that errors name it with, such as "DomainPatch
// vms/name"; nil for one that was not read from a file. An object whose file gives no namespace
// is found by any namespace.
func (o Objects) Origin(id string) *Origin {
	if all := o.Origins(id); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Origins is Origin for all objects of that ID, in the order in which they were read.
func (o Objects) Origins(id string) []*Origin {
	found := slices.Clone(o.origins[id])
	if kind, name, ok := strings.Cut(id, " "); ok && strings.Contains(name, "/") {
		found = append(found, o.origins[kind+" "+name[strings.IndexByte(name, '/')+1:]]...)
	}
	return found
}

// PassedOver tells of the documents that Objects skipped: of each, or if there are many how many of
// which kind, in one line.
func PassedOver(skipped []string) []string {
	const what = "no patch, policy or namespace and was passed over"
	var notes []string
	if len(skipped) <= 3 {
		for _, other := range skipped {
			notes = append(notes, other+" is "+what)
		}
		return notes
	}
	count := map[string]int{}
	for _, other := range skipped {
		kind, _, _ := strings.Cut(other[strings.LastIndex(other, ": ")+2:], " ")
		count[kind]++
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", count[kind], kind))
	}
	return []string{fmt.Sprintf("%d objects are no patch, policy or namespace and were passed over: %s", len(skipped), strings.Join(kinds, ", "))}
}

// Objects reads every object of the named files; a folder stands for the .yaml, .yml and
// .json files in it, but for kustomization.yaml and the documents of cases. Documents of other kinds are listed in skipped, as "FILE: KIND NAME".
// All that is wrong is reported at once; see Mistakes.
func (f Files) Objects(names []string) (objects Objects, skipped []string, err error) {
	var errs []error
	for _, name := range names {
		files, err := f.expand(name)
		if err != nil {
			errs = append(errs, err)
		}
		for _, file := range files {
			data, err := f.Read(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			found, others, err := ParseObjects(Shown(file), data)
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
	o.workloads = append(o.workloads, other.workloads...)
	for id, origins := range other.origins {
		for _, origin := range origins {
			o.addOrigin(id, origin)
		}
	}
}

func (o *Objects) addOrigin(id string, origin *Origin) {
	if o.origins == nil {
		o.origins = map[string][]*Origin{}
	}
	o.origins[id] = append(o.origins[id], origin)
}

// found is what a file holds.
type found struct {
	Objects
	skipped []string
	errs    []error
}

// maxLists is how many Lists an object may be in, one in the other: each of them is read once more for
// every List around it.
const maxLists = 16

// maxMistakes is after how many mistakes no more documents of a file are read: it is something else
// than objects, and each mistake takes a kilobyte.
const maxMistakes = 1000

// ParseObjects is Files.Objects for the bytes of one file.
func ParseObjects(file string, data []byte) (objects Objects, skipped []string, err error) {
	var f found
	for _, doc := range sources(file, data) {
		if len(f.errs) >= maxMistakes {
			f.errs = append(f.errs, doc.mistake(Position{File: file, Line: doc.above + 1}, "", "", fmt.Errorf("%d mistakes above: the rest of the file was not read", len(f.errs))))
			break
		}
		asJSON, err := doc.toJSON()
		if err != nil {
			f.errs = append(f.errs, err)
			continue
		}
		f.object(&Origin{doc: doc}, asJSON)
	}
	return f.Objects, f.skipped, errors.Join(f.errs...)
}

// header is what tells what an object is.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      any `json:"name"` // decode tells when it is no text
		Namespace any `json:"namespace"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

// id names the object as the engine does.
func (h *header) id() string {
	switch {
	case h.Metadata.Name == nil:
		return h.Kind
	case h.Metadata.Namespace == nil:
		return fmt.Sprintf("%s %v", h.Kind, h.Metadata.Name)
	}
	return fmt.Sprintf("%s %v/%v", h.Kind, h.Metadata.Namespace, h.Metadata.Name)
}

// object takes one object, or every item of a v1 List, as kubectl get prints it.
func (f *found) object(origin *Origin, asJSON []byte) {
	var h header
	if err := json.Unmarshal(asJSON, &h); err != nil {
		f.refuse(origin, "", errors.New("this is no Kubernetes object"))
		return
	}
	if h.APIVersion == "v1" && h.Kind == "List" {
		if len(origin.items) == maxLists {
			f.refuse(origin, h.id(), fmt.Errorf("a List in %d others: take the objects out of the Lists", maxLists))
			return
		}
		for i, item := range h.Items {
			f.object(&Origin{doc: origin.doc, items: append(slices.Clone(origin.items), i)}, item)
		}
		return
	}
	id := h.id()
	known, errs := f.take(h.APIVersion, h.Kind, asJSON)
	group, _, _ := strings.Cut(h.APIVersion, "/")
	switch {
	case known:
		origin.json = asJSON
		f.addOrigin(id, origin)
	case h.Kind == "":
		errs = []error{errors.New("neither apiVersion nor kind: is this a Kubernetes object?")}
	case group == v1alpha1.Group || slices.Contains(kinds, h.Kind):
		errs = []error{fmt.Errorf("%s %s is not supported: use %s of %s", h.APIVersion, h.Kind, strings.Join(kinds, ", "), v1alpha1.GroupVersion)}
	default:
		if w := (workload{origin: origin, id: id, json: asJSON}); w.isKubeVirts(group, h.Kind) {
			f.workloads = append(f.workloads, w)
		}
		f.skipped = append(f.skipped, Printable(origin.doc.file+": "+id))
	}
	for _, err := range errs {
		f.refuse(origin, id, err)
	}
}

// refuse notes what is wrong with an object.
func (f *found) refuse(origin *Origin, id string, err error) {
	at, field := origin.Position("", 0), ""
	var inField kjson.FieldError
	switch wrong := (*fieldError)(nil); {
	case errors.As(err, &wrong):
		field = wrong.field
		at = origin.Position(field, 0)
	case errors.As(err, &inField): // its text names the field
		at = origin.keyPosition(inField.FieldPath())
	}
	f.errs = append(f.errs, origin.doc.mistake(at, id, field, err))
}

// kinds are those of DomainPatch's API group.
var kinds = []string{bundle.KindDomainPatch, bundle.KindClusterDomainPatch, bundle.KindDomainPatchPolicy}

// take decodes an object of a known kind. What could be read of a wrong one is kept, too:
// its errors end everything, but later.
func (f *found) take(apiVersion, kind string, asJSON []byte) (known bool, errs []error) {
	ours := v1alpha1.GroupVersion.String()
	switch apiVersion + " " + kind {
	case ours + " " + bundle.KindDomainPatch:
		var p v1alpha1.DomainPatch
		errs = append(decode(asJSON, &p), missingPaths(asJSON)...)
		f.Patches = append(f.Patches, p)
	case ours + " " + bundle.KindClusterDomainPatch:
		var p v1alpha1.ClusterDomainPatch
		errs = append(decode(asJSON, &p), missingPaths(asJSON)...)
		f.ClusterPatches = append(f.ClusterPatches, p)
	case ours + " " + bundle.KindDomainPatchPolicy:
		var p v1alpha1.DomainPatchPolicy
		errs = decode(asJSON, &p)
		f.Policies = append(f.Policies, p)
	case "v1 Namespace":
		var n Namespace
		errs = decode(asJSON, &n)
		f.Namespaces = append(f.Namespaces, n)
	default:
		return false, nil
	}
	return true, errs
}
