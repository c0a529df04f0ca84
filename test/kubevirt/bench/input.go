// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// manufacturer is the value that all contenders write: KubeVirt's scripts have it built in.
const manufacturer = "Radical Edward"

// limit is the largest document that the engine takes, in bytes.
const limit = 512 << 10

// largeVMI is what Kubernetes allows in annotations, in bytes: 256 KiB, which is all that is free of form in a VMI.
const largeVMI = 250 << 10

// input is what KubeVirt gives a hook.
type input struct {
	spec    *api.DomainSpec
	vmi     *v1.VirtualMachineInstance
	doc     []byte
	vmiJSON []byte
}

// newInput makes KubeVirt's domain of the VMI devices, 8 KiB, and with more disks as many bytes as fit
// into size.
func newInput(size int) (input, error) {
	data, err := os.ReadFile("testdata/vmis/devices.yaml")
	if err != nil {
		return input{}, err
	}
	vmi, err := launcher.ParseVMI(data)
	if err != nil {
		return input{}, err
	}
	vmi.Annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"] = manufacturer
	domain, err := launcher.Convert(vmi)
	if err != nil {
		return input{}, err
	}
	in := input{spec: &domain.Spec, vmi: vmi}
	if err := in.grow(size); err != nil {
		return input{}, err
	}
	in.vmiJSON, err = json.Marshal(vmi)
	return in, err
}

// grow adds copies of the first disk until another one would not fit.
func (in *input) grow(size int) (err error) {
	if in.doc, err = launcher.Encode(in.spec); err != nil || len(in.doc) >= size {
		return err
	}
	disks := &in.spec.Devices.Disks
	first, before := (*disks)[0], len(in.doc)
	copyOf := func(i int) api.Disk {
		disk := first
		disk.Target.Device = fmt.Sprintf("vd%06d", i)
		disk.Alias = api.NewUserDefinedAlias(fmt.Sprintf("disk%06d", i))
		disk.Serial = fmt.Sprintf("%0200d", i) // else the nodes reach their limit before the bytes do
		return disk
	}
	*disks = append(*disks, copyOf(0))
	one, err := launcher.Encode(in.spec)
	if err != nil {
		return err
	}
	for i := range (size - len(one)) / (len(one) - before) {
		*disks = append(*disks, copyOf(i+1))
	}
	in.doc, err = launcher.Encode(in.spec)
	return err
}

// growVMI adds an annotation of as many bytes.
func (in *input) growVMI(size int) (err error) {
	in.vmi.Annotations["example.com/filling"] = strings.Repeat("x", size)
	in.vmiJSON, err = json.Marshal(in.vmi)
	return err
}

// later is the same domain as another pass of KubeVirt's would bring it: not the same bytes.
func (in input) later() (input, error) {
	spec := *in.spec
	spec.Name += "-later"
	doc, err := launcher.Encode(&spec)
	in.spec, in.doc = &spec, doc
	return in, err
}

// check says what is wrong with a patched document, as KubeVirt reads it.
func (in input) check(out []byte) error {
	spec, err := launcher.Decode(out)
	if err != nil {
		return err
	}
	want := []api.Entry{{Name: "manufacturer", Value: manufacturer}}
	switch {
	case spec.SysInfo == nil || !slices.Equal(spec.SysInfo.BaseBoard, want):
		return fmt.Errorf("the baseboard is not %v:\n%s", want, out)
	case spec.OS.SMBios == nil || spec.OS.SMBios.Mode != "sysinfo":
		return errors.New("the guest would not see the baseboard: os/smbios lacks the mode sysinfo")
	case spec.Name != in.spec.Name || len(spec.Devices.Disks) != len(in.spec.Devices.Disks):
		return fmt.Errorf("it is %s with %d disks instead of %s with %d", spec.Name, len(spec.Devices.Disks), in.spec.Name, len(in.spec.Devices.Disks))
	}
	return nil
}

// pass calls OnDefineDomain with KubeVirt's client and checks what comes back.
func (in input) pass(m hooks.Manager) error {
	out, err := m.OnDefineDomain(in.spec, in.vmi)
	if err != nil {
		return err
	}
	return in.check([]byte(out))
}
