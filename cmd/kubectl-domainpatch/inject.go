// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// defaultImage is the shim's image where none is named, as in config/manager.
const defaultImage = "domainpatch/shim:dev"

const injectLong = `Write VMs with the annotation that applies their patches, and the ConfigMaps that hold
them: for clusters without the operator. KubeVirt needs its feature gate Sidecar there, too.

The files hold the VMs and the patches, in any order and number: VirtualMachine,
VirtualMachineInstance, VirtualMachineInstanceReplicaSet and VirtualMachinePool beside
DomainPatch, ClusterDomainPatch, DomainPatchPolicy and Namespace. What applies to a VM, and
what is refused, is what the webhook of the operator would say.

The ConfigMaps come first on stdout, then the VMs, with their comments and the order of their
fields; kubectl apply -f - takes all of it. Objects of other kinds are passed over. Equal input
gives equal output, so the result can be kept in Git. A changed patch gives another ConfigMap:
inject again, apply, and restart the VM. Nothing deletes the old ConfigMap; a VM that runs may
still need it to migrate.

With --recursive (-R), the VMI of a case folder, as "kubectl domainpatch test" runs it, is left out.

Output of an earlier call may be the input of the next: entries are replaced, not repeated.`

const injectExample = `  # A VM, patched, into the cluster
  kubectl domainpatch inject -f vm.yaml -f patches/ | kubectl apply -f -

  # All that kustomize builds, with the shim from a registry of your own
  kustomize build overlays/prod | kubectl domainpatch inject -f - --image registry.example/shim:v1 > injected.yaml`

// injectOptions are the flags of inject.
type injectOptions struct {
	files     []string
	recursive bool
	all       bool
	image     render.Image
	output    string
}

func newInject(s streams) *cobra.Command {
	o := &injectOptions{}
	c := &cobra.Command{
		Use:     "inject -f VMS -f PATCHES",
		Short:   "Write VMs with their patches, for clusters without the operator",
		Long:    injectLong,
		Example: injectExample,
		Args:    noArgs,
		RunE:    runE(s, o),
	}
	f := c.Flags()
	f.StringSliceVarP(&o.files, "filename", "f", nil, "file or folder with VMs, patches, policies and namespaces; - for stdin; may be repeated")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "of a folder in --filename, also read the folders below it")
	f.BoolVar(&o.all, "all", false, "apply every patch, also those that do not bind to the VM")
	f.StringVar(&o.image.Name, "image", defaultImage, "image of the shim")
	f.StringVar(&o.image.PullPolicy, "image-pull-policy", "IfNotPresent", "Always, IfNotPresent or Never; Kubernetes chooses if empty")
	outputVar(c, &o.output, "yaml", injectOutputs)
	return c
}

func (o *injectOptions) validate() error {
	switch {
	case len(o.files) == 0:
		return errors.New("--filename (-f) is missing: name files or folders with VMs and patches")
	case stdins(o.files...) > 1:
		return errors.New("only one --filename (-f) can be stdin (-)")
	case o.image.Name == "":
		return errors.New("--image is empty: name the image of the shim")
	case !slices.Contains([]string{"", "Always", "IfNotPresent", "Never"}, o.image.PullPolicy):
		return fmt.Errorf("--image-pull-policy: %q is none of Always, IfNotPresent and Never", o.image.PullPolicy)
	case !injectOutputs.has(o.output):
		return injectOutputs.refuse(o.output)
	}
	return nil
}

func (o *injectOptions) run(ctx context.Context, s streams) error {
	objects, skipped, err := offline.Files{Stdin: s.in, Recursive: o.recursive}.Objects(o.files)
	if err != nil {
		return err
	}
	if len(objects.Patches)+len(objects.ClusterPatches) == 0 {
		return fmt.Errorf("no DomainPatch and no ClusterDomainPatch in %s", shown(o.files))
	}
	vms := objects.Workloads()
	skipped = slices.DeleteFunc(skipped, func(other string) bool { return slices.Contains(vms, other) })
	injected, err := offline.Inject(ctx, objects, o.all, o.image)
	if err != nil {
		return err
	}
	for _, note := range append(offline.PassedOver(skipped), injected.Notes...) {
		fmt.Fprintln(s.err, "note: "+note)
	}
	if o.output == "json" {
		return printList(s, injected)
	}
	return printDocuments(s, injected)
}

func printDocuments(s streams, injected *offline.Injected) error {
	var documents [][]byte
	for _, c := range injected.ConfigMaps {
		text, err := yaml.Marshal(c)
		if err != nil {
			return err
		}
		documents = append(documents, text)
	}
	for _, w := range injected.Workloads {
		documents = append(documents, w.YAML)
	}
	for i, text := range documents {
		if i > 0 {
			fmt.Fprintln(s.out, "---")
		}
		if _, err := s.out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func printList(s streams, injected *offline.Injected) error {
	list := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Items      []any  `json:"items"`
	}{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "List"}
	for _, c := range injected.ConfigMaps {
		list.Items = append(list.Items, c)
	}
	for _, w := range injected.Workloads {
		list.Items = append(list.Items, json.RawMessage(w.JSON))
	}
	return printJSON(s.out, list)
}
