// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package appliance knows what the samples in config/samples do to their VM, for the demo
// and for tests of the whole chain: Check compares a start of it with one without patches.
package appliance

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// Namespace and Name are those of the VM, where the samples are applied to the namespace default.
const (
	Namespace = "default"
	Name      = "appliance"
)

// Patches are the names of the DomainPatches that the VM demands.
func Patches() []string { return []string{"disk-iotune", "guest-mtu", "smbios-baseboard"} }

// domain is what the samples are about, in libvirt's XML.
type domain struct {
	SMBIOSMode struct {
		Mode string `xml:"mode,attr"`
	} `xml:"os>smbios"`
	BaseBoard []entry `xml:"sysinfo>baseBoard>entry"`
	Disks     []disk  `xml:"devices>disk"`
}

type entry struct {
	Name string `xml:"name,attr"`
	Text string `xml:",chardata"`
}

type disk struct {
	Alias struct {
		Name string `xml:"name,attr"`
	} `xml:"alias"`
	IOPS string `xml:"iotune>total_iops_sec"`
}

// changedLines are all lines that the samples change in the domain, without indentation.
var changedLines = []string{
	`-<baseBoard></baseBoard>`,
	`+<baseBoard>`,
	`+<entry name="manufacturer">Radical Edward</entry>`,
	`+</baseBoard>`,
	`+<iotune>`,
	`+<total_iops_sec>500</total_iops_sec>`,
	`+</iotune>`,
}

// Check fails unless a start with patches has the edits of the samples, each in its place, and
// nothing else differs from a start without.
func Check(without, with *cluster.Boot) error {
	return errors.Join(
		checkDomain(with.Domain),
		checkChanges(ChangedLines(without.Domain, with.Domain)),
		checkCloudInit(without.CloudInit, with.CloudInit))
}

func checkDomain(document []byte) error {
	var d domain
	if err := xml.Unmarshal(document, &d); err != nil {
		return fmt.Errorf("domain: %w", err)
	}
	if d.SMBIOSMode.Mode != "sysinfo" {
		return fmt.Errorf("domain: os/smbios has the mode %q instead of sysinfo", d.SMBIOSMode.Mode)
	}
	if want := []entry{{"manufacturer", "Radical Edward"}}; !slices.Equal(d.BaseBoard, want) {
		return fmt.Errorf("domain: the baseboard's entries are %v instead of %v", d.BaseBoard, want)
	}
	limits := map[string]string{}
	for _, disk := range d.Disks {
		limits[disk.Alias.Name] = disk.IOPS
	}
	if want := map[string]string{"ua-rootdisk": "500", "ua-cloudinit": ""}; !reflect.DeepEqual(limits, want) {
		return fmt.Errorf("domain: the limits of the disks are %v instead of %v", limits, want)
	}
	return nil
}

func checkChanges(lines []string) error {
	if !slices.Equal(lines, changedLines) {
		return fmt.Errorf("domain: the patches changed other lines than they should:\n%s", strings.Join(lines, "\n"))
	}
	return nil
}

func checkCloudInit(without, with *cluster.CloudInit) error {
	if without == nil || with == nil {
		return errors.New("cloud-init: there is none")
	}
	var network struct {
		Ethernets map[string]struct{ MTU int }
	}
	if err := yaml.Unmarshal([]byte(with.NetworkData), &network); err != nil {
		return fmt.Errorf("cloud-init: networkData: %w", err)
	}
	if got := network.Ethernets["enp1s0"].MTU; got != 8950 {
		return fmt.Errorf("cloud-init: networkData: the MTU is %d instead of 8950", got)
	}
	if lines := ChangedLines([]byte(without.NetworkData), []byte(with.NetworkData)); len(lines) != 1 {
		return fmt.Errorf("cloud-init: networkData: more than one line changed: %q", lines)
	}
	if with.UserData != without.UserData || !reflect.DeepEqual(with.NoCloudMetaData, without.NoCloudMetaData) {
		return errors.New("cloud-init: userData or metaData changed")
	}
	return nil
}

// ChangedLines are the lines that differ, each with + or - before it, without indentation.
func ChangedLines(before, after []byte) []string {
	var changed []string
	lines := bytes.Split(diff.Diff("before", before, "after", after), []byte("\n"))
	for _, line := range lines[min(3, len(lines)):] { // behind the heading
		if len(line) > 0 && (line[0] == '+' || line[0] == '-') {
			changed = append(changed, string(line[:1])+strings.TrimSpace(string(line[1:])))
		}
	}
	return changed
}
