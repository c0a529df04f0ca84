// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Restart is what a VM runs with and what it would start with.
type Restart struct {
	Running *Applied // nil where the VM does not run or that is not known
	Next    *Applied // nil where the VM would not start
	// Refused is why it would not start, if so.
	Refused error
	LeftOut []render.LeftOut
}

// Applied is a bundle for one VM.
type Applied struct {
	SHA256 string // empty for none
	bundle *bundle.Bundle
	vmi    []byte
}

// Restart finds out what a restart of a VM would change: from the bundle that its
// VirtualMachineInstance names, to that of its template and of the patches and policies as they
// are now. What a restart changes beside patches is not looked at: the rest of the
// VirtualMachineInstance stays.
func (c *Cluster) Restart(ctx context.Context, namespace, name string) (*Restart, error) {
	running, err := c.instance(ctx, remote.VirtualMachineInstances, namespace, name)
	if err != nil {
		return nil, err
	}
	template, err := c.instance(ctx, remote.VirtualMachines, namespace, name)
	if err = c.tolerate(err, withoutTemplates); err != nil {
		return nil, err
	}
	r := &Restart{}
	var next *instance
	switch {
	case running == nil && template == nil:
		return nil, fmt.Errorf("there is no VirtualMachineInstance and no VirtualMachine %q in namespace %s", name, namespace)
	case running == nil:
		next = template
	default:
		if r.Running, err = c.runs(ctx, namespace, running); err != nil {
			return nil, err
		}
		if next, err = running.restarted(template); err != nil {
			return nil, err
		}
	}
	r.Next, err = c.next(ctx, namespace, next, r)
	return r, err
}

// instance is a VirtualMachineInstance as JSON, and its metadata.
type instance struct {
	render.VMI
	object map[string]json.RawMessage
}

// instance reads one, or makes that of a VirtualMachine; nil where there is none.
func (c *Cluster) instance(ctx context.Context, resource remote.Resource, namespace, name string) (*instance, error) {
	text, err := remote.Get[json.RawMessage](ctx, c.Reader, resource, namespace, name)
	var missing *remote.NotFound
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if resource.Name == remote.VirtualMachines.Name {
		var vm kubevirt.VirtualMachine
		if err := json.Unmarshal(text, &vm); err != nil {
			return nil, fmt.Errorf("cannot read VirtualMachine %s/%s: %w", namespace, name, err)
		}
		if text, err = vm.Instance(); err != nil {
			return nil, err
		}
	}
	return parseInstance(text)
}

func parseInstance(text []byte) (*instance, error) {
	i := &instance{}
	if err := json.Unmarshal(text, &i.object); err != nil {
		return nil, fmt.Errorf("cannot read the VirtualMachineInstance: %w", err)
	}
	delete(i.object, "status") // the hooks do not see it when a VM starts
	text, err := json.Marshal(i.object)
	if err != nil {
		return nil, err
	}
	i.VMI, err = render.ParseVMI(text)
	return i, err
}

// restarted is the instance with the labels and annotations of a template, beside those that
// KubeVirt itself adds. Without a template it is as it was, but for what our webhook wrote.
func (i *instance) restarted(template *instance) (*instance, error) {
	labels, annotations := i.Labels, maps.Clone(i.Annotations)
	if template != nil {
		labels, annotations = renewed(i.Labels, template.Labels), renewed(i.Annotations, template.Annotations)
	} else {
		delete(annotations, v1alpha1.BundleAnnotation)
	}
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(i.object["metadata"], &metadata); err != nil {
		return nil, err
	}
	object := maps.Clone(i.object)
	var errs [3]error
	metadata["labels"], errs[0] = json.Marshal(labels)
	metadata["annotations"], errs[1] = json.Marshal(annotations)
	object["metadata"], errs[2] = json.Marshal(metadata)
	text, err := json.Marshal(object)
	if err := errors.Join(append(errs[:], err)...); err != nil {
		return nil, err
	}
	return parseInstance(text)
}

// withoutTemplates is what follows where VirtualMachines may not be read.
const withoutTemplates = "the labels and annotations of a VM's template are taken to be those of its VirtualMachineInstance"

// kubeVirtKeys begin the labels and annotations that KubeVirt writes on instances.
const kubeVirtKeys = "kubevirt.io/"

func renewed(running, template map[string]string) map[string]string {
	all := maps.Clone(template)
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range running {
		if _, given := all[key]; !given && strings.HasPrefix(key, kubeVirtKeys) {
			all[key] = value
		}
	}
	return all
}

// runs reads the bundle that an instance names; nil where it cannot be told, which a note says.
func (c *Cluster) runs(ctx context.Context, namespace string, i *instance) (*Applied, error) {
	hash := i.Annotations[v1alpha1.BundleAnnotation]
	if len(hash) < v1alpha1.BundleIDLength {
		return &Applied{vmi: i.JSON}, nil
	}
	const consequence = "what a restart would change is not shown"
	name := v1alpha1.BundleConfigMapPrefix + hash[:v1alpha1.BundleIDLength]
	configMap, err := remote.Get[corev1.ConfigMap](ctx, c.Reader, remote.ConfigMaps, namespace, name)
	var missing *remote.NotFound
	switch {
	case errors.As(err, &missing):
		c.note("%s: %v", consequence, err)
		return nil, nil
	case err != nil:
		return nil, c.tolerate(err, consequence)
	}
	text := []byte(configMap.Data[v1alpha1.BundleKey])
	if bundle.Sum(text) != hash {
		c.note("%s: ConfigMap %s does not hold the bundle that the VM runs with", consequence, name)
		return nil, nil
	}
	applied, err := decodeApplied(text, hash, i.JSON)
	if err != nil {
		c.note("%s: %v", consequence, err)
	}
	return applied, nil
}

func decodeApplied(text []byte, hash string, vmi []byte) (*Applied, error) {
	decoded, err := bundle.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("bundle %s was written by another version: %w", hash, err)
	}
	return &Applied{SHA256: hash, bundle: decoded, vmi: vmi}, nil
}

// next renders what an instance would start with, as the webhook does.
func (c *Cluster) next(ctx context.Context, namespace string, i *instance, r *Restart) (*Applied, error) {
	patches, err := c.patchesOf(ctx, namespace)
	if err != nil {
		return nil, err
	}
	labelled, err := c.readNamespace(ctx, namespace)
	if err != nil {
		return nil, err
	}
	policies, err := c.readPolicies(ctx)
	if err = c.tolerate(err, "policies are left out of what a restart would change"); err != nil {
		return nil, err
	}
	compiler := render.Compiler{Patch: c.compileWhole, Policy: render.CompilePolicy}
	built, err := render.Render(ctx, i.VMI, labelled, render.Objects{Patches: patches, Policies: policies}, compiler)
	if err != nil {
		r.Refused = err
		return nil, ctx.Err()
	}
	r.LeftOut = built.LeftOut
	if !built.Applies() {
		return &Applied{vmi: i.JSON}, nil
	}
	return decodeApplied(built.JSON, built.SHA256, i.JSON)
}

// compileWhole is compile with a program that can be run.
func (c *Cluster) compileWhole(p render.Patch) (*patch.Program, error) {
	if err := c.mistakes[p.ID()]; err != nil {
		return nil, err
	}
	return render.Compile(p)
}

// YAML is the bundle for people, and for a diff: nothing where there is none.
func (a *Applied) YAML() ([]byte, error) {
	if a == nil || a.bundle == nil {
		return nil, nil
	}
	return yaml.Marshal(a.bundle)
}

// Domain is what the shim makes of a domain with the bundle, in a first call.
func (a *Applied) Domain(ctx context.Context, xml []byte) ([]byte, error) {
	if a.bundle == nil {
		return xml, nil
	}
	program, err := patch.Compile(a.bundle)
	if err != nil {
		return nil, err
	}
	out, _, err := program.Domain(ctx, xml, a.vmi, nil)
	return out, err
}
