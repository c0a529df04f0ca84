// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command go is the edit cloudinit in the way of KubeVirt's Go example: KubeVirt's type reads and writes the data.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
)

func preCloudInitISO(dataJSON []byte) (string, error) {
	var data cloudinit.CloudInitData
	if err := json.Unmarshal(dataJSON, &data); err != nil {
		return "", err
	}
	var user map[string]any
	if err := yaml.Unmarshal([]byte(data.UserData), &user); err != nil {
		return "", err
	}
	packages, _ := user["packages"].([]any)
	if !slices.Contains(packages, any("qemu-guest-agent")) {
		user["packages"] = append(packages, "qemu-guest-agent")
	}
	text, err := yaml.Marshal(user)
	if err != nil {
		return "", err
	}
	data.UserData = "#cloud-config\n" + string(text)
	out, err := json.Marshal(data)
	return string(out), err
}

func main() {
	var vmi, data string
	pflag.StringVar(&vmi, "vmi", "", "VMI in JSON format")
	pflag.StringVar(&data, "cloud-init", "", "CloudInitData in JSON format")
	pflag.Parse()
	out, err := preCloudInitISO([]byte(data))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(out)
}
