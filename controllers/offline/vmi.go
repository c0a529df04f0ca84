// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/domainpatch/domainpatch/controllers/render"
)

// defaultNamespace is what an object without a namespace is taken to be in.
const defaultNamespace = "default"

// VMI is a VirtualMachineInstance from a file.
type VMI struct {
	render.VMI
	Namespace string
}

// ParseVMI reads a VirtualMachineInstance, or makes one of a VirtualMachine's template
// as KubeVirt does: the VM's name and namespace; the template's labels, annotations and
// spec. YAML or JSON. A missing namespace is "default".
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
	return vmi, err
}

func parseVMI(file string, data []byte) (*VMI, error) {
	object, err := parseObject(file, data)
	if err != nil {
		return nil, err
	}
	switch kind, _ := object["kind"].(string); kind {
	case "VirtualMachineInstance":
	case "VirtualMachine":
		if object, err = fromTemplate(object); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("kind %q is neither VirtualMachineInstance nor VirtualMachine", kind)
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

// parseObject keeps numbers as they are written: a float64 would round large ones.
func parseObject(file string, data []byte) (map[string]any, error) {
	asJSON, err := (&source{file: file, data: data}).toJSON()
	if err != nil {
		return nil, err
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, errors.New("this is no Kubernetes object")
	}
	return object, nil
}

func fromTemplate(vm map[string]any) (map[string]any, error) {
	spec, _ := vm["spec"].(map[string]any)
	template, ok := spec["template"].(map[string]any)
	if !ok {
		return nil, errors.New("spec.template of the VirtualMachine is missing")
	}
	own, _ := vm["metadata"].(map[string]any)
	metadata, _ := template["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["name"], metadata["namespace"] = own["name"], own["namespace"]
	return map[string]any{
		"apiVersion": vm["apiVersion"], "kind": "VirtualMachineInstance",
		"metadata": metadata, "spec": template["spec"],
	}, nil
}
