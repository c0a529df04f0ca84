// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command go is the edit cloudinit in the way of KubeVirt's Go example: KubeVirt's type reads and writes the data,
// and the user data keep their comments.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
)

func preCloudInitISO(dataJSON []byte) (string, error) {
	var data cloudinit.CloudInitData
	if err := json.Unmarshal(dataJSON, &data); err != nil {
		return "", err
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(data.UserData), &document); err != nil {
		return "", err
	}
	addPackage(document.Content[0])
	text, err := yaml.Marshal(&document)
	if err != nil {
		return "", err
	}
	data.UserData = string(text)
	out, err := json.Marshal(data)
	return string(out), err
}

func addPackage(user *yaml.Node) {
	var packages *yaml.Node
	for i := 0; i < len(user.Content); i += 2 {
		if user.Content[i].Value == "packages" {
			packages = user.Content[i+1]
		}
	}
	if packages == nil {
		packages = &yaml.Node{Kind: yaml.SequenceNode}
		user.Content = append(user.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "packages"}, packages)
	}
	if !slices.ContainsFunc(packages.Content, func(n *yaml.Node) bool { return n.Value == "qemu-guest-agent" }) {
		packages.Content = append(packages.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "qemu-guest-agent"})
	}
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
