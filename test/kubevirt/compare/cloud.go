// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
)

// cloudFacts are what became of one package more in the user data.
type cloudFacts struct {
	Title string
	By    []verdict // by contender
}

// agent is the package.
const agent = "qemu-guest-agent"

// cloudScenarios are user data to edit.
var cloudScenarios = []struct {
	title  string
	before func(userData string) string
}{
	{"the list has one package", func(text string) string { return text }},
	{"there is no list", func(text string) string { return strings.Replace(text, "packages:\n- chrony\n", "", 1) }},
	{"the list is written `[chrony]`", func(text string) string {
		return strings.Replace(text, "packages:\n- chrony\n", "packages: [chrony]\n", 1)
	}},
	{"its own result once more, which KubeVirt never gives", nil},
}

func (c *comparison) judgeCloud(ctx context.Context, f *facts) error {
	data, err := c.cloudData()
	if err != nil {
		return err
	}
	for _, who := range contenders() {
		lines, err := c.lines("cloudinit", who)
		if err != nil {
			return err
		}
		cell := absent
		if lines > 0 {
			cell = strconv.Itoa(lines)
		}
		f.CloudLines = append(f.CloudLines, cell)
	}
	for _, s := range cloudScenarios {
		row := cloudFacts{Title: s.title}
		for _, who := range contenders() {
			v, err := c.cloud(ctx, who, data, s.before)
			if err != nil {
				return fmt.Errorf("cloud-init, %s, %s: %w", who.name, s.title, err)
			}
			row.By = append(row.By, v)
		}
		f.Cloud = append(f.Cloud, row)
	}
	return nil
}

// cloudData are KubeVirt's of our VMI, as they come out of JSON.
func (c *comparison) cloudData() (data cloudinit.CloudInitData, err error) {
	read, err := cloudinit.ReadCloudInitVolumeDataSource(c.base.vmi, "")
	if err != nil {
		return data, err
	}
	text, err := json.Marshal(read)
	if err != nil {
		return data, err
	}
	return data, json.Unmarshal(text, &data)
}

func (c *comparison) cloud(ctx context.Context, who contender, data cloudinit.CloudInitData, before func(string) string) (verdict, error) {
	if lines, err := c.lines("cloudinit", who); err != nil || lines == 0 {
		return verdict{Word: absent}, err
	}
	opened, err := c.open(ctx, who, "cloudinit", c.base.json)
	if err != nil {
		return verdict{}, err
	}
	defer opened.Stop()
	process := opened.(sidecarSession)
	if before != nil {
		data.UserData = before(data.UserData)
	} else if data, err = process.edit(ctx, data, c.base.json); err != nil {
		return verdict{failed, err.Error()}, nil
	}
	out, err := process.edit(ctx, data, c.base.json)
	if err != nil {
		return verdict{failed, err.Error()}, nil
	}
	return judgeUserData(data, out)
}

// edit calls PreCloudInitIso.
func (s sidecarSession) edit(ctx context.Context, in cloudinit.CloudInitData, vmi []byte) (out cloudinit.CloudInitData, err error) {
	request, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	answer, err := s.CloudInit(ctx, request, vmi)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(answer, &out)
}

// judgeUserData compares the data. The package is wanted once, among the others.
func judgeUserData(in, out cloudinit.CloudInitData) (verdict, error) {
	var before, after map[string]any
	if err := yaml.Unmarshal([]byte(in.UserData), &before); err != nil {
		return verdict{}, err
	}
	if err := yaml.Unmarshal([]byte(out.UserData), &after); err != nil {
		return verdict{wrong, "the user data are no YAML"}, nil
	}
	_, others := takeAgent(before)
	count, rest := takeAgent(after)
	in.UserData, out.UserData = comments(in.UserData), comments(out.UserData)
	same := reflect.DeepEqual(before, after) && slices.Equal(rest, others)
	switch {
	case count == 0 && same:
		return verdict{Word: notDone}, nil
	case count != 1:
		return verdict{wrong, fmt.Sprintf("the package is there %d times", count)}, nil
	case !same:
		return verdict{wrong, "other user data are changed"}, nil
	case in.UserData != out.UserData:
		return verdict{doneBut, "loses the comments"}, nil
	case !reflect.DeepEqual(in, out):
		return verdict{doneBut, "changes other data"}, nil
	}
	return verdict{Word: done}, nil
}

// takeAgent takes the packages out of user data, and tells how often the agent is among them and what the others are.
func takeAgent(userData map[string]any) (count int, others []any) {
	packages, _ := userData["packages"].([]any)
	delete(userData, "packages")
	for _, name := range packages {
		if name == agent {
			count++
		} else {
			others = append(others, name)
		}
	}
	return count, others
}

// comments are the lines of YAML that begin with a hash.
func comments(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}
