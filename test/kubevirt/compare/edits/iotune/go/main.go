// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command go is the edit iotune in the way of KubeVirt's Go example: libvirtxml reads and writes the domain.
package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"libvirt.org/go/libvirtxml"
)

func onDefineDomain(domainXML []byte) (string, error) {
	var domain libvirtxml.Domain
	if err := xml.Unmarshal(domainXML, &domain); err != nil {
		return "", err
	}
	found := false
	for i := range domain.Devices.Disks {
		disk := &domain.Devices.Disks[i]
		if disk.Alias != nil && disk.Alias.Name == "ua-data-2" {
			found = true
			if disk.IOTune == nil {
				disk.IOTune = &libvirtxml.DomainDiskIOTune{}
			}
			disk.IOTune.TotalIopsSec = 500
		}
	}
	if !found {
		return "", errors.New("there is no disk ua-data-2")
	}
	out, err := xml.Marshal(domain)
	return string(out), err
}

func main() {
	var vmi, domain string
	pflag.StringVar(&vmi, "vmi", "", "VMI in JSON format")
	pflag.StringVar(&domain, "domain", "", "domain in XML format")
	pflag.Parse()
	out, err := onDefineDomain([]byte(domain))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(out)
}
