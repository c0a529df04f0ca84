// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/domainpatch/domainpatch/controllers/render"
)

// defaultNamespace is what an object without a namespace is taken to be in.
const defaultNamespace = "default"

// VMI is a VirtualMachineInstance from a file.
type VMI struct {
	render.VMI
	Namespace string
	// File is where it was read, for errors about its labels; empty for unknown.
	File string
}

// locate adds the file of the VMI to errors that are not about a patch.
func (v *VMI) locate(err error) error {
	if err == nil || v.File == "" {
		return err
	}
	var errs []error
	for _, m := range Mistakes(err) {
		if m.File == "" && m.Object == "" {
			m.File = v.File
		}
		errs = append(errs, &located{Mistake: m, err: err})
	}
	return errors.Join(errs...)
}

// ParseVMI reads a VirtualMachineInstance, or makes one of a VirtualMachine's template
// as KubeVirt does: the VM's name and namespace; the template's labels, annotations and
// spec. A VirtualMachineInstanceReplicaSet and a VirtualMachinePool give one that has their name. YAML or JSON. A missing namespace is "default".
// Documents behind it are passed over, but for a second VM: nobody could tell which of them is meant.
func ParseVMI(data []byte) (*VMI, error) { return parseVMI("", data) }

// VMI is ParseVMI for a file, which errors name.
func (f Files) VMI(name string) (*VMI, error) {
	data, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	vmi, err := parseVMI(Shown(name), data)
	if found := (*located)(nil); err != nil && !errors.As(err, &found) {
		err = fmt.Errorf("%s: %w", Shown(name), err)
	}
	if err != nil {
		return nil, err
	}
	vmi.File = Shown(name)
	return vmi, nil
}

func parseVMI(file string, data []byte) (*VMI, error) {
	var first map[string]any
	for i, doc := range sources(file, data) {
		object, err := doc.object()
		if err != nil {
			return nil, err
		}
		switch kind, _ := object["kind"].(string); {
		case i == 0:
			first = object
		case templates[kind] != nil:
			return nil, doc.mistake(doc.position(doc.node()), "", "", fmt.Errorf("a second VM, a %s: leave the one that is meant", kind))
		}
	}
	return vmiOf(first)
}

// templates are the kinds that VMs come from, with the fields that lead to what they start with.
var templates = map[string][]string{
	"VirtualMachineInstance":           {},
	"VirtualMachine":                   {"spec", "template"},
	"VirtualMachineInstanceReplicaSet": {"spec", "template"},
	"VirtualMachinePool":               {"spec", "virtualMachineTemplate", "spec", "template"},
}

// vmiOf is the VMI that starts from an object of one of the templates' kinds.
func vmiOf(object map[string]any) (*VMI, error) {
	kind, _ := object["kind"].(string)
	path, known := templates[kind]
	if !known {
		return nil, fmt.Errorf("kind %q is neither VirtualMachineInstance nor VirtualMachine", kind)
	}
	if len(path) > 0 {
		var err error
		if object, err = fromTemplate(object, path); err != nil {
			return nil, err
		}
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return nil, errors.New("metadata is missing")
	}
	namespace, _ := metadata["namespace"].(string)
	if namespace == "" {
		namespace = defaultNamespace
		metadata["namespace"] = namespace
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	parsed, err := render.ParseVMI(encoded)
	return &VMI{VMI: parsed, Namespace: namespace}, err
}

func (d *source) object() (map[string]any, error) {
	asJSON, err := d.toJSON()
	if err != nil {
		return nil, err
	}
	object, err := decodeObject(asJSON)
	if err != nil {
		return nil, d.mistake(Position{File: d.file, Line: d.above + 1}, "", "", err)
	}
	return object, nil
}

// decodeObject keeps numbers as they are written: a float64 would round large ones.
func decodeObject(asJSON []byte) (map[string]any, error) {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, errors.New("this is no Kubernetes object")
	}
	return object, nil
}

// fromTemplate makes a VMI of a template, which stays as it is.
func fromTemplate(owner map[string]any, path []string) (map[string]any, error) {
	template := owner
	for _, name := range path {
		template, _ = template[name].(map[string]any)
	}
	if template == nil {
		return nil, fmt.Errorf("%s of the %v is missing", strings.Join(path, "."), owner["kind"])
	}
	own, _ := owner["metadata"].(map[string]any)
	metadata, _ := template["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["name"], metadata["namespace"] = own["name"], own["namespace"]
	return map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": metadata, "spec": template["spec"],
	}, nil
}
