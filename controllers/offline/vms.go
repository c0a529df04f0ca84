// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"encoding/json"
	"strings"
)

// VM is an object that VMs start from, with the VMI that does.
type VM struct {
	*VMI
	ID     string // "VirtualMachine vms/name", as in its file
	Listed string // as Files.Objects lists it in skipped
	Origin *Origin
	// Anywhere tells that its file does not say the namespace.
	Anywhere bool
	// Piece tells that other documents are about the same VM: kustomize puts it together.
	Piece bool
	// Incomplete tells that an instancetype or a preference may bring labels and annotations.
	Incomplete bool
	// Own are the annotations of the object itself, and Template is the field with the metadata of its VMIs.
	Own      map[string]string
	Template string
}

// VMs are those among the objects, without what does not hold a VMI.
func (o Objects) VMs() []VM {
	var all []VM
	for _, w := range o.workloads {
		if vm, ok := w.vm(); ok {
			all = append(all, vm)
		}
	}
	return all
}

func (w workload) vm() (VM, bool) {
	object, err := decodeObject(w.json)
	if err != nil {
		return VM{}, false
	}
	kind, _ := object["kind"].(string)
	path := templates[kind]
	vm := VM{ID: w.id, Listed: w.listed(), Origin: w.origin, Template: strings.Join(append(path[:len(path):len(path)], "metadata"), ".")}
	var own struct {
		Metadata struct {
			Namespace   string            `json:"namespace"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if json.Unmarshal(w.json, &own) != nil {
		return VM{}, false
	}
	vm.Own, vm.Anywhere = own.Metadata.Annotations, own.Metadata.Namespace == ""
	for at := object; len(path) > 0 && at != nil; path = path[1:] { // the spec around the template
		at, _ = at[path[0]].(map[string]any)
		vm.Incomplete = vm.Incomplete || at["instancetype"] != nil || at["preference"] != nil
	}
	vm.VMI, err = vmiOf(object)
	return vm, err == nil
}
