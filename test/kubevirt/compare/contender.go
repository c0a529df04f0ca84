// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	v1 "kubevirt.io/api/core/v1"
	pluginv1alpha1 "kubevirt.io/api/plugin/v1alpha1"
	"sigs.k8s.io/yaml"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/plugins"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
	"github.com/domainpatch/domainpatch/test/kubevirt/sidecar"
)

// contender is a way to edit domains. Its file, if an edit's folder has it, is what the user writes.
type contender struct {
	name string
	file string
}

const (
	shellFile  = "shell.sh"
	pythonFile = "python.py"
	goFile     = "go/main.go"
	pluginFile = "plugin.yaml"
	patchFile  = "patch.yaml"
)

func contenders() []contender {
	return []contender{
		{"shell", shellFile},
		{"Python", pythonFile},
		{"Go", goFile},
		{"xmlstarlet", "xmlstarlet.sh"},
		{"xsltproc", "xsltproc.sh"},
		{"virt-xml", "virt-xml.sh"},
		{"Plugin", pluginFile},
		{"DomainPatch", patchFile},
	}
}

// session is a contender that runs, with what the user wrote for one edit.
type session interface {
	// Define is a call of OnDefineDomain with this document.
	Define(ctx context.Context, doc, vmi []byte) ([]byte, error)
	// Manager is KubeVirt's client, with this contender alone.
	Manager() (hooks.Manager, error)
	Stop()
}

// sidecarSession is a hook sidecar.
type sidecarSession struct{ *sidecar.Sidecar }

func (s sidecarSession) Define(ctx context.Context, doc, vmi []byte) ([]byte, error) {
	out, _, err := s.Sidecar.Define(ctx, doc, vmi)
	return out, err
}

// open starts the contender with its file for the edit.
func (c *comparison) open(ctx context.Context, who contender, edit string, vmi []byte) (session, error) {
	switch who.file {
	case pluginFile:
		return readPlugin(filepath.Join(editsFolder, edit, pluginFile))
	case patchFile:
		program, err := c.ours(ctx, filepath.Join(editsFolder, edit, patchFile), vmi)
		if err != nil {
			return nil, err
		}
		return c.launch(ctx, program)
	}
	return c.launch(ctx, sidecar.Program{Path: filepath.Join(c.dir, stock), Args: []string{"--version", "v1alpha3"}, Hook: c.hook(edit, who)})
}

func (c *comparison) launch(ctx context.Context, p sidecar.Program) (session, error) {
	c.launching.Lock()
	defer c.launching.Unlock()
	s, err := sidecar.Launch(ctx, p)
	if err != nil {
		return nil, err
	}
	return sidecarSession{s}, nil
}

// ours is the shim as the webhook starts it: kubectl domainpatch inject writes the annotation and the ConfigMap that
// the webhook would write, under the default policy.
func (c *comparison) ours(ctx context.Context, patch string, vmi []byte) (sidecar.Program, error) {
	file := filepath.Join(c.dir, "vmi.json")
	if err := os.WriteFile(file, vmi, 0o644); err != nil {
		return sidecar.Program{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, cli), "inject", "--all", "-o", "json", "-f", file, "-f", patch, "-f", policyFile)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return sidecar.Program{}, fmt.Errorf("inject %s: %w\n%s", patch, err, stderr.Bytes())
	}
	return c.injected(out)
}

// injected reads what inject wrote: the bundle of the ConfigMap, and the arguments of the annotation's sidecar.
func (c *comparison) injected(list []byte) (sidecar.Program, error) {
	var objects struct {
		Items []struct {
			Metadata struct{ Annotations map[string]string }
			Data     map[string]string
		}
	}
	if err := json.Unmarshal(list, &objects); err != nil {
		return sidecar.Program{}, fmt.Errorf("read what inject wrote: %w", err)
	}
	var text string
	var entries []struct{ Args []string }
	for _, object := range objects.Items {
		text += object.Data["bundle.json"]
		if annotation := object.Metadata.Annotations[hooks.HookSidecarListAnnotationName]; annotation != "" {
			if err := json.Unmarshal([]byte(annotation), &entries); err != nil {
				return sidecar.Program{}, fmt.Errorf("read the annotation that inject wrote: %w", err)
			}
		}
	}
	if text == "" || len(entries) != 1 || !slices.Contains(entries[0].Args, "--bundle") {
		return sidecar.Program{}, fmt.Errorf("inject wrote no sidecar:\n%s", list)
	}
	p := sidecar.Program{Path: filepath.Join(c.dir, shim), Args: entries[0].Args}
	bundle := filepath.Join(c.dir, "bundle.json")
	p.Args[slices.Index(p.Args, "--bundle")+1] = bundle // which KubeVirt mounts where the annotation says
	return p, os.WriteFile(bundle, []byte(text), 0o644)
}

// pluginSession is KubeVirt with a Plugin object. It runs in virt-launcher, without a sidecar.
type pluginSession struct{ plugins []pluginv1alpha1.Plugin }

func readPlugin(file string) (session, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var plugin pluginv1alpha1.Plugin
	if err := yaml.UnmarshalStrict(data, &plugin); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return pluginSession{[]pluginv1alpha1.Plugin{plugin}}, nil
}

// Define reads the document as virt-launcher reads what the last sidecar gave it, before it asks its plugins.
func (s pluginSession) Define(_ context.Context, doc, vmi []byte) ([]byte, error) {
	spec, err := launcher.Decode(doc)
	if err != nil {
		return nil, err
	}
	var object v1.VirtualMachineInstance
	if err := json.Unmarshal(vmi, &object); err != nil {
		return nil, err
	}
	_, out, err := plugins.ApplyDomainHooks(s.plugins, &object, spec, pluginv1alpha1.InvocationContextBoot)
	return []byte(out), err
}

func (s pluginSession) Manager() (hooks.Manager, error) { return pluginManager(s), nil }
func (pluginSession) Stop()                             {}

// pluginManager stands where the sidecars stand in a boot: launcher.Boot knows of no plugins. What it returns is what
// libvirt gets, as in util.SetDomainSpecStrWithHooks.
type pluginManager pluginSession

func (m pluginManager) OnDefineDomain(spec *api.DomainSpec, vmi *v1.VirtualMachineInstance) (string, error) {
	_, out, err := plugins.ApplyDomainHooks(m.plugins, vmi, spec, pluginv1alpha1.InvocationContextBoot)
	return out, err
}

func (pluginManager) Collect(uint, time.Duration) error { return nil }
func (pluginManager) Shutdown() error                   { return nil }

func (pluginManager) PreCloudInitIso(*v1.VirtualMachineInstance, *cloudinit.CloudInitData) (*cloudinit.CloudInitData, error) {
	return nil, errors.New("plugins have no hook for cloud-init data")
}

// unedited is no sidecar at all.
type unedited struct{ pluginManager }

func (unedited) OnDefineDomain(spec *api.DomainSpec, _ *v1.VirtualMachineInstance) (string, error) {
	doc, err := launcher.Encode(spec)
	return string(doc), err
}
