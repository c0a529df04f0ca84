// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"os"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// input is what KubeVirt gives a hook.
type input struct {
	vmi  *v1.VirtualMachineInstance
	spec *api.DomainSpec
	doc  []byte
	json []byte // of the VMI
}

// newInput makes KubeVirt's domain of our VMI.
func newInput() (input, error) {
	data, err := os.ReadFile(vmiFile)
	if err != nil {
		return input{}, err
	}
	vmi, err := launcher.ParseVMI(data)
	if err != nil {
		return input{}, err
	}
	domain, err := launcher.Convert(vmi)
	if err != nil {
		return input{}, err
	}
	in := input{vmi: vmi, spec: &domain.Spec}
	if in.doc, err = launcher.Encode(in.spec); err != nil {
		return input{}, err
	}
	in.json, err = json.Marshal(vmi)
	return in, err
}

const vendorAnnotation = "smbios.vm.kubevirt.io/baseBoardManufacturer"

// of is the input of a scenario, and what is wanted: the input itself where there is nothing to edit.
func (in input) of(s scenario) (doc, want, vmi []byte, err error) {
	doc = in.doc
	if s.before != nil {
		doc = []byte(s.before(string(doc)))
		if string(doc) == string(in.doc) {
			return nil, nil, nil, errors.New("the scenario " + s.name + " does not change KubeVirt's domain")
		}
	}
	want = doc
	if s.want != nil {
		want = []byte(s.want(string(doc)))
		if string(want) == string(doc) {
			return nil, nil, nil, errors.New("the scenario " + s.name + " wants nothing")
		}
	}
	object := in.vmi.DeepCopy()
	if s.vendor != "" {
		object.Annotations[vendorAnnotation] = s.vendor
	}
	vmi, err = json.Marshal(object)
	return doc, want, vmi, err
}
