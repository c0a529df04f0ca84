// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"encoding/xml"
	"fmt"
	"strconv"

	v1 "kubevirt.io/api/core/v1"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	"kubevirt.io/kubevirt/pkg/config"
	"kubevirt.io/kubevirt/pkg/defaults"
	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/virtio"
)

// MaxPasses is how often KubeVirt v1.9 calls OnDefineDomain per boot at most.
const MaxPasses = 3

// Boot is one attempt of virt-launcher's to start a VM, after its sidecars
// were collected. virt-launcher calls CloudInit, then Define. The errors of
// both are KubeVirt's own, word for word; Condition says what the user sees.
type Boot struct {
	Manager hooks.Manager
	VMI     *v1.VirtualMachineInstance
	// Passes forces this many calls of OnDefineDomain, 1 to MaxPasses. Zero is
	// as many as KubeVirt makes for this VM.
	Passes int
}

// Pass is one call of OnDefineDomain: through all sidecars, one after another.
type Pass struct {
	// What sets this pass apart, for people.
	What string
	// In is the domain that the first sidecar got.
	In []byte
	// Out is what libvirt would have been told to define: the last sidecar's
	// very bytes. Nil if a sidecar failed.
	Out []byte
}

// Condition is the message of the VMI's Synchronized condition, and of its
// event, after an attempt failed with err. It mirrors virt-handler's
// handleError (cmd-client/errors.go).
func Condition(err error) string {
	return fmt.Sprintf("server error. command SyncVMI failed: %q", err)
}

// CloudInit reads the VMI's cloud-init data and calls PreCloudInitIso with it.
// Both results are nil if the VMI has no cloud-init volume. It mirrors the
// begin of LibvirtDomainManager.preStartHook (virtwrap/manager.go).
func (b *Boot) CloudInit() (before, after *cloudinit.CloudInitData, err error) {
	before, err = cloudinit.ReadCloudInitVolumeDataSource(b.VMI, config.SecretSourceDir)
	if err != nil {
		return nil, nil, fmt.Errorf("ReadCloudInitVolumeDataSource failed: %v", err)
	}
	defer func() {
		// KubeVirt calls the hook for a VMI without cloud-init data, too, and
		// its manager then follows a nil pointer if a sidecar subscribed.
		if crash := recover(); crash != nil {
			err = fmt.Errorf("virt-launcher crashes in PreCloudInitIso: %v", crash)
		}
	}()
	after, err = b.Manager.PreCloudInitIso(b.VMI, before)
	if err != nil {
		return before, nil, fmt.Errorf("PreCloudInitIso hook failed: %v", err)
	}
	return before, after, nil
}

// Define calls OnDefineDomain on the domain, as often as KubeVirt does, and
// plays libvirt in between. On an error the passes so far are returned, the
// failed one included. The domain is changed, as virt-launcher changes it.
func (b *Boot) Define(spec *api.DomainSpec) ([]Pass, error) {
	placeholders, ports, err := b.hotplugPorts(spec)
	if err != nil {
		return nil, err
	}
	d := &definition{manager: b.Manager, vmi: b.VMI}
	err = d.allocateHotplugPorts(spec, placeholders, ports)
	return d.passes, err
}

// Validate says whether KubeVirt could make that many passes for this VM.
func (b *Boot) Validate() error {
	if b.Passes < 0 || b.Passes > MaxPasses {
		return fmt.Errorf("KubeVirt makes 1 to %d passes, not %d", MaxPasses, b.Passes)
	}
	if b.Passes > 1 && !defaults.SupportsPCIeHotplug(&b.VMI.Spec) {
		return fmt.Errorf("KubeVirt makes one pass for a VM without PCIe (%s), not %d", b.VMI.Spec.Architecture, b.Passes)
	}
	return nil
}

// hotplugPorts returns how many placeholder interfaces and how many more PCIe
// root ports the domain gets: each kind costs one more pass.
func (b *Boot) hotplugPorts(spec *api.DomainSpec) (placeholders, ports int, err error) {
	if err := b.Validate(); err != nil {
		return 0, 0, err
	}
	if b.Passes == 1 || !defaults.SupportsPCIeHotplug(&b.VMI.Spec) {
		return 0, 0, nil
	}
	if placeholders, err = placeholderCount(b.VMI); err != nil {
		return 0, 0, err
	}
	if ports, err = extraPortCount(b.VMI, spec, placeholders); err != nil {
		return 0, 0, err
	}
	switch b.Passes {
	case 2:
		return max(placeholders, 1), 0, nil
	case 3:
		return max(placeholders, 1), max(ports, 1), nil
	}
	return placeholders, ports, nil
}

// placeholderCount mirrors calculatePlaceholderCount and
// calculateHotplugPortCountV1 (virtwrap/manager.go).
func placeholderCount(vmi *v1.VirtualMachineInstance) (int, error) {
	nics := len(vmi.Spec.Domain.Devices.Interfaces)
	if slots, ok := vmi.Annotations[v1.PciInterfaceSlotCountAnnotation]; ok {
		total, err := strconv.Atoi(slots)
		if err != nil {
			return 0, fmt.Errorf("invalid %s annotation value %q: %v", v1.PciInterfaceSlotCountAnnotation, slots, err)
		}
		return max(0, total-nics), nil
	}
	if onRootComplex(vmi) || nics == 0 {
		return 0, nil
	}
	return max(0, 4-nics), nil
}

// extraPortCount mirrors calculateExtraControllerCount and
// calculateHotplugPortCountV2 (virtwrap/manager.go).
func extraPortCount(vmi *v1.VirtualMachineInstance, spec *api.DomainSpec, placeholders int) (int, error) {
	if onRootComplex(vmi) {
		return 0, nil
	}
	ports, free := 8, 3
	if spec.Memory.Value > 2<<30 {
		ports, free = 16, 6
	}
	used, err := converter.CountPCIDevices(spec)
	if err != nil {
		return 0, err
	}
	return max(0, max(ports-used, free)-placeholders), nil
}

func onRootComplex(vmi *v1.VirtualMachineInstance) bool {
	return vmi.Annotations[v1.PlacePCIDevicesOnRootComplex] == "true"
}

// definition is a domain on its way into libvirt.
type definition struct {
	manager hooks.Manager
	vmi     *v1.VirtualMachineInstance
	passes  []Pass
}

// allocateHotplugPorts mirrors the function of that name (virtwrap/manager.go)
// and network.WithNetworkIfacesResources (virtwrap/network/nichotplug.go): of
// the first pass only the devices but the interfaces live on, read back from
// libvirt; all else starts again from the VMI.
func (d *definition) allocateHotplugPorts(spec *api.DomainSpec, placeholders, ports int) error {
	if placeholders > 0 {
		first := withPlaceholders(spec, placeholders, virtio.InterpretTransitionalModelType(d.vmi.Spec.Domain.Devices.UseVirtioTransitional, d.vmi.Spec.Architecture))
		defined, err := d.setDomainSpecWithHooks(first, fmt.Sprintf("with %d placeholder interfaces", placeholders))
		if err != nil {
			return err
		}
		inactive, err := DumpInactive(defined)
		if err != nil {
			return err
		}
		inactive.Devices.Interfaces = spec.Devices.Interfaces
		inactive.Devices.DeepCopyInto(&spec.Devices)
	}
	if _, err := d.setDomainSpecWithHooks(spec, "as it starts"); err != nil {
		return err
	}
	if ports > 0 {
		addRootPorts(spec, ports)
		_, err := d.setDomainSpecWithHooks(spec, fmt.Sprintf("with %d more PCIe root ports", ports))
		return err
	}
	return nil
}

// setDomainSpecWithHooks mirrors util.SetDomainSpecStrWithHooks and
// util.ApplySidecarHooks (virtwrap/util/libvirt_helper.go), without plugins: it
// returns what libvirt is told to define and leaves in spec what KubeVirt's
// structs keep of it.
func (d *definition) setDomainSpecWithHooks(spec *api.DomainSpec, what string) ([]byte, error) {
	in, err := Encode(spec)
	if err != nil {
		return nil, err
	}
	d.passes = append(d.passes, Pass{What: what, In: in})
	out, err := d.manager.OnDefineDomain(spec, d.vmi)
	if err != nil {
		return nil, err
	}
	d.passes[len(d.passes)-1].Out = []byte(out)
	kept := &api.DomainSpec{}
	if err := xml.Unmarshal([]byte(out), kept); err != nil {
		return nil, err
	}
	kept.DeepCopyInto(spec)
	return []byte(out), nil
}

// withPlaceholders mirrors network.AppendPlaceholderInterfacesToTheDomain.
func withPlaceholders(spec *api.DomainSpec, count int, model string) *api.DomainSpec {
	spec = spec.DeepCopy()
	for i := range count {
		name := fmt.Sprintf("placeholder-%d", i)
		spec.Devices.Interfaces = append(spec.Devices.Interfaces, api.Interface{
			Type:   "ethernet",
			Model:  &api.Model{Type: model},
			Alias:  api.NewNonUserDefinedAlias(name),
			Target: &api.InterfaceTarget{Device: name, Managed: "no"},
		})
	}
	return spec
}

// addRootPorts mirrors appendPCIeRootPortControllers (virtwrap/manager.go): the
// root bus has 32 slots.
func addRootPorts(spec *api.DomainSpec, count int) {
	next := lastPCIController(spec.Devices.Controllers) + 1
	for index := next; index < next+count && index <= 31; index++ {
		spec.Devices.Controllers = append(spec.Devices.Controllers, api.Controller{
			Type:  "pci",
			Index: strconv.Itoa(index),
			Model: "pcie-root-port",
		})
	}
}

// lastPCIController mirrors maxPCIControllerIndex (virtwrap/manager.go).
func lastPCIController(controllers []api.Controller) int {
	last := 0
	for _, c := range controllers {
		if index, err := strconv.Atoi(c.Index); err == nil && c.Type == "pci" {
			last = max(last, index)
		}
	}
	return last
}
