// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// workload is an object of KubeVirt's that VMs start from, as it stands in its file.
type workload struct {
	origin *Origin
	id     string
	json   []byte
}

func (workload) isKubeVirts(group, kind string) bool {
	_, known := templates[kind]
	return known && (group == "kubevirt.io" || group == "pool.kubevirt.io")
}

// Workloads lists the objects that VMs start from as Files.Objects lists them in skipped.
func (o Objects) Workloads() []string {
	var all []string
	for _, w := range o.workloads {
		all = append(all, w.listed())
	}
	return all
}

// listed is how Files.Objects lists it in skipped.
func (w workload) listed() string { return Printable(w.origin.doc.file + ": " + w.id) }

// Injected is what makes VMs start patched where no operator does it.
type Injected struct {
	// ConfigMaps hold the bundles, by namespace and name. The operator does not take them for its own.
	ConfigMaps []*render.ConfigMap
	// Workloads are the objects with their annotations, in the order of the files.
	Workloads []Workload
	// Notes tell of patches that were left out, and of VMs that no patch binds.
	Notes []string
}

// Workload is a VM, or what VMs start from, with its annotations.
type Workload struct {
	// YAML keeps the comments and the order of the fields, if that does not change what it says.
	YAML []byte
	JSON []byte
}

// Inject renders the patches that bind to the VMs among the objects, or with all every patch, as the
// webhook does, and refuses what the webhook refuses. No VM, and no patch that binds to any, are errors.
func Inject(ctx context.Context, objects Objects, all bool, image render.Image) (*Injected, error) {
	if len(objects.workloads) == 0 {
		return nil, errors.New("the files hold no VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceReplicaSet or VirtualMachinePool")
	}
	out := &Injected{}
	var errs []error
	for _, w := range objects.workloads {
		if err := out.inject(ctx, objects, w, all, image); err != nil {
			errs = append(errs, w.locate(err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(out.ConfigMaps) == 0 {
		return nil, errors.New("no patch binds to any of the VMs: give their templates the label that refers to the patch, the patch a selector, or use --all")
	}
	slices.SortFunc(out.ConfigMaps, func(a, b *render.ConfigMap) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// locate says which object an error is about, unless it is about a patch.
func (w workload) locate(err error) error {
	if found := Mistakes(err); len(found) > 0 && found[0].File != "" {
		return err
	}
	var errs []error
	for _, m := range Mistakes(err) {
		errs = append(errs, w.origin.doc.mistake(w.origin.Position("", 0), w.id, "", errors.New(m.String())))
	}
	return errors.Join(errs...)
}

func (out *Injected) inject(ctx context.Context, objects Objects, w workload, all bool, image render.Image) error {
	object, err := decodeObject(w.json)
	if err != nil {
		return err
	}
	vmi, err := vmiOf(object)
	if err != nil {
		return err
	}
	program, err := Compile(ctx, objects, vmi, all)
	if err != nil {
		return err
	}
	for _, left := range program.LeftOut {
		out.Notes = append(out.Notes, fmt.Sprintf("%s: left out: %v", w.id, left.Reason))
	}
	annotations, err := program.Annotations(vmi.Annotations, image)
	if err != nil {
		return err
	}
	if program.Applies() {
		metadata, _ := object["metadata"].(map[string]any)
		out.addConfigMap(program.Bundle, metadata["namespace"])
	} else {
		out.Notes = append(out.Notes, w.id+": no patch binds, and the object is as it was")
	}
	done, err := w.annotated(object, annotations)
	out.Workloads = append(out.Workloads, done)
	return err
}

// addConfigMap adds the ConfigMap of a bundle, in the namespace that its VM names, if any.
func (out *Injected) addConfigMap(bundle *render.Bundle, namespace any) {
	name, _ := namespace.(string)
	made := bundle.ConfigMap(name)
	delete(made.Labels, v1alpha1.ManagedByLabel) // the operator would delete it as unused
	if !slices.ContainsFunc(out.ConfigMaps, func(c *render.ConfigMap) bool { return c.Namespace == name && c.Name == made.Name }) {
		out.ConfigMaps = append(out.ConfigMaps, made)
	}
}

// annotated is the workload with annotations of its VMs.
func (w workload) annotated(object map[string]any, annotations map[string]string) (done Workload, err error) {
	kind, _ := object["kind"].(string)
	path := append(slices.Clone(templates[kind]), "metadata", "annotations")
	at := object
	for _, name := range path {
		below, _ := at[name].(map[string]any)
		if below == nil && len(annotations) > 0 {
			below = map[string]any{}
			at[name] = below
		}
		at = below
	}
	for key, value := range annotations {
		at[key] = value
	}
	if done.JSON, err = json.Marshal(object); err != nil {
		return done, err
	}
	if w.origin.doc.jsonText() == nil {
		if done.YAML, err = w.annotatedYAML(path, annotations); err == nil && says(done.YAML, done.JSON) {
			return done, nil
		}
	}
	done.YAML, err = sigsyaml.JSONToYAML(done.JSON) // comments are worth less than what it says
	return done, err
}

// says tells whether YAML, as kubectl reads it, has the content of the JSON.
func says(yaml, asJSON []byte) bool {
	read, err := (&source{data: yaml}).object()
	if err != nil {
		return false
	}
	want, err := decodeObject(asJSON)
	return err == nil && reflect.DeepEqual(read, want)
}

// annotatedYAML writes the object with its comments and the order of its fields.
func (w workload) annotatedYAML(path []string, annotations map[string]string) ([]byte, error) {
	top := &yaml.Node{}
	if err := yaml.Unmarshal(w.origin.doc.data, top); err != nil || len(w.origin.items) > 0 {
		if _, top, _ = w.origin.find(""); top == nil {
			return nil, err
		}
	}
	at := top
	if top.Kind == yaml.DocumentNode {
		at = top.Content[0]
	}
	if len(annotations) > 0 {
		for _, name := range path {
			at = MemberOrNew(at, name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		value := MemberOrNew(at, key)
		value.SetString(annotations[key])
		value.Tag, value.Content = "!!str", nil
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(top); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// MemberOrNew is a field of a mapping, or of one that an alias names, which gets it if it has none. A null
// becomes a mapping.
func MemberOrNew(n *yaml.Node, name string) *yaml.Node {
	n = dereferenced(n)
	if n.Kind != yaml.MappingNode {
		n.Kind, n.Tag, n.Value, n.Style = yaml.MappingNode, "!!map", "", 0
	}
	if _, value := ownMember(n, name); value != nil {
		return value
	}
	value := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, value)
	return value
}
