// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// change is what has to differ here from KubeVirt's launcher.
type change struct {
	path  string
	value string // what the nodes get, or with a < an element that they get; empty to remove them
	why   string
}

// toDefine makes the domain one that this libvirt reads. Each list below is on top of this one.
var toDefine = []change{
	{"/domain/@type", "qemu", "there need not be KVM here"},
	{"/domain/maxMemory[@slots='0']", "", "libvirt 9.0 wants slots; KubeVirt plugs in virtio-mem, which needs none"},
	{"/domain/features/hyperv/emsr_bitmap | /domain/features/hyperv/xmm_input", "", "libvirt 9.0 does not know them yet"},
}

// toValidate takes out what KubeVirt writes and libvirt's schema does not have, so that no error hides another.
var toValidate = []change{
	{"/domain/sysinfo/*[not(*)]", "", "KubeVirt leaves these empty"},
	{"/domain/sysinfo/system/entry[not(text())]", "", "KubeVirt leaves the SKU empty"},
	{"/domain/devices/disk/source[@dev]/@name", "", "KubeVirt names its block devices twice"},
	{"/domain/devices/disk/capacity | /domain/devices/disk/filesystemOverhead", "", "KubeVirt's own notes"},
	{"/domain/devices/disk/driver/iothreads | /domain/devices/disk/blockio/@discard_granularity", "", "libvirt 9.0 does not know them yet"},
	{"/domain/devices/filesystem/@accessMode | /domain/devices/filesystem/source[@socket]/@dir", "", "KubeVirt spells it otherwise than libvirt, and leaves the folder empty beside a socket"},
}

// toAskQEMU makes the domain one that the QEMU driver can start here.
var toAskQEMU = []change{
	{"/domain/devices/tpm", "", "swtpm is not installed"},
	{"/domain/cpu[@mode='host-passthrough' or @mode='host-model']/@mode", "maximum", "QEMU without KVM has no CPU of the host"},
}

// toGiveArguments goes with domxml-to-native.
var toGiveArguments = []change{
	{"/domain/devices/hostdev[@type='pci' and not(driver)]", "<driver name='vfio'/>", "libvirt finds it out when it starts a domain"},
	{"/domain/devices/hostdev[@type='usb']/source[not(address)]", "<address bus='1' device='2'/>", "libvirt looks for the device when it starts a domain"},
	{"/domain/devices/interface", "", "libvirt would replace them by ones without most of their properties"},
}

// localise applies changes to a domain.
func localise(domain []byte, lists ...[]change) ([]byte, error) {
	doc, err := document.Parse(domain)
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		for _, c := range list {
			if err := c.apply(doc); err != nil {
				return nil, fmt.Errorf("%s: %w", c.path, err)
			}
		}
	}
	return doc.Bytes(), nil
}

func (c change) apply(doc *document.Document) error {
	nodes, err := selectAll(c.path, doc)
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(nodes) { // what is removed changes the numbers of attributes behind it
		switch {
		case n.IsAttribute() && c.value == "":
			doc.RemoveAttribute(n.Node.Node, n.Attr)
		case n.IsAttribute():
			_, err = doc.SetAttribute(n.Node.Node, n.Attr, c.value)
		case c.value == "":
			err = doc.Remove(n.Node.Node)
		case strings.HasPrefix(c.value, "<"):
			err = appendInto(doc, n.Node.Node, c.value)
		default:
			_, err = doc.SetText(n.Node.Node, c.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appendInto puts an element behind what another one holds.
func appendInto(doc *document.Document, parent *xmlquery.Node, text string) error {
	fragment, err := document.ParseFragment(text)
	if err != nil {
		return err
	}
	_, err = doc.Insert(fragment, fragment.Elements()[0], parent, document.LastIn)
	return err
}
