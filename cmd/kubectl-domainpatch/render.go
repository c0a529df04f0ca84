// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const renderExample = `  # The domain XML that a VM gets
  kubectl domainpatch render -f patches/ --vmi vmi.yaml --domain domain.xml

  # Only what changes, of the domain and of the cloud-init data
  kubectl domainpatch render -f patches/ --vmi vm.yaml --domain domain.xml --cloud-init data.json --diff

  # What kustomize builds, among it the patches
  kustomize build overlays/prod | kubectl domainpatch render -f - --vmi vm.yaml --domain domain.xml

  # What each rule did, and nothing else
  kubectl domainpatch render -f patches/ --domain domain.xml -o report

  # The domain of a VM that runs, patched by a file that is not in the cluster yet
  kubectl exec virt-launcher-vm-abcde -- virsh dumpxml 1 | kubectl domainpatch render -f patch.yaml --domain -`

const renderLong = `Run the hooks on files, with the code that the webhook and the shim run.

The patched document goes to stdout and a report on every rule to stderr. Patches that
do not bind to the VMI (by a reference in its labels, or by the patch's selector) are
left out unless --all is given; without --vmi all apply.

Policies among the files limit DomainPatches as in the cluster: those that select the
namespace of the VMI, or all of them without --vmi. The labels of that namespace come from
a Namespace among the files; without one it has only kubernetes.io/metadata.name.

A file may hold many documents and Lists, as kustomize build and kubectl get -o yaml print
them; objects of other kinds are passed over. A folder stands for its .yaml, .yml and .json
files, but for kustomization.yaml, cloud-init.json and want.json; links are followed.

With --output (-o) json, stdout holds one object:

  domain     the patched domain XML, a string     } those that
  cloudInit  the patched CloudInitData, an object } were given
  report     domain, domainRepeated (with --repeat) and cloudInit: the patches of that call,
             each with patch, outcome, reason and rules
  notes      what was passed over or left out, a list of strings`

// renderOptions are the flags of render.
type renderOptions struct {
	files     []string
	recursive bool
	vmi       string
	domain    string
	cloudInit string
	all       bool
	diff      bool
	repeat    bool
	output    string
}

func newRender(s streams) *cobra.Command {
	o := &renderOptions{}
	c := &cobra.Command{
		Use:     "render -f PATCHES [--vmi FILE] [--domain FILE|-] [--cloud-init FILE|-]",
		Short:   "Run the hooks on files: patched document on stdout, report on stderr",
		Long:    renderLong,
		Example: renderExample,
		Args:    noArgs,
		RunE:    runE(s, o),
	}
	f := c.Flags()
	f.StringSliceVarP(&o.files, "filename", "f", nil, "file or folder with patches, policies and namespaces; - for stdin; may be repeated")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "of a folder in --filename, also read the folders below it")
	f.StringVar(&o.vmi, "vmi", "", "VirtualMachineInstance or VirtualMachine, YAML or JSON; - for stdin")
	f.StringVar(&o.domain, "domain", "", "libvirt domain XML to patch; - for stdin")
	f.StringVar(&o.cloudInit, "cloud-init", "", "KubeVirt's CloudInitData, JSON, to patch; - for stdin")
	f.BoolVar(&o.all, "all", false, "apply every patch, also those that do not bind to the VMI")
	f.BoolVar(&o.diff, "diff", false, "print a unified diff instead of the patched document")
	f.BoolVar(&o.repeat, "repeat", false, "run the domain hook a second time on its result, as KubeVirt does")
	outputVar(c, &o.output, "xml", renderOutputs)
	return c
}

func (o *renderOptions) validate() error {
	switch {
	case len(o.files) == 0:
		return errors.New("--filename (-f) is missing: name a file or folder with patches")
	case o.domain == "" && o.cloudInit == "":
		return errors.New("give --domain or --cloud-init: the document to patch")
	case !renderOutputs.has(o.output):
		return renderOutputs.refuse(o.output)
	case o.diff && o.output != "xml":
		return fmt.Errorf("--diff and --output (-o) %s exclude each other", o.output)
	case o.domain != "" && o.cloudInit != "" && !o.diff && o.output == "xml":
		return errors.New("--domain and --cloud-init together need --diff, -o json or -o report: stdout holds one document")
	case stdins(append([]string{o.vmi, o.domain, o.cloudInit}, o.files...)...) > 1:
		return errors.New("only one flag can read from stdin (-)")
	}
	return nil
}

// run prints nothing to stdout before all has succeeded.
func (o *renderOptions) run(ctx context.Context, s streams) error {
	r := &rendering{files: offline.Files{Stdin: s.in, Recursive: o.recursive}}
	err := o.render(ctx, r)
	if err != nil && o.vmi == "" && strings.Contains(err.Error(), "no such key") {
		r.notes = append(r.notes, "without --vmi expressions see a VMI without name, labels, annotations and spec")
	}
	if err != nil || o.output == "xml" {
		r.tell(s.err)
	}
	if err != nil {
		return err
	}
	switch o.output {
	case "json":
		return r.printJSON(s.out)
	case "report":
		r.tell(s.out)
		return nil
	}
	return r.print(s, o.diff)
}

func (o *renderOptions) render(ctx context.Context, r *rendering) error {
	program, err := o.compile(ctx, r)
	if err == nil && o.domain != "" {
		err = r.run("domain", o.domain, func(in []byte) ([]byte, error) { return o.runDomain(ctx, r, program, in) })
	}
	if err == nil && o.cloudInit != "" {
		err = r.run("cloud-init", o.cloudInit, func(in []byte) ([]byte, error) {
			out, report, err := program.CloudInit(ctx, in)
			r.cloudInit = report
			return out, err
		})
	}
	return err
}

// runDomain runs the hook once, or a second time on its result.
func (o *renderOptions) runDomain(ctx context.Context, r *rendering, program *offline.Program, in []byte) ([]byte, error) {
	out, report, err := program.Domain(ctx, in, nil)
	r.domain = report
	if err != nil || !o.repeat {
		return out, err
	}
	out, r.domainRepeated, err = program.Domain(ctx, out, report)
	return out, err
}

func (o *renderOptions) compile(ctx context.Context, r *rendering) (*offline.Program, error) {
	objects, skipped, err := r.files.Objects(o.files)
	if err != nil {
		return nil, err
	}
	r.notes = offline.PassedOver(skipped)
	patches := len(objects.Patches) + len(objects.ClusterPatches)
	if patches == 0 {
		return nil, fmt.Errorf("no DomainPatch and no ClusterDomainPatch in %s", shown(o.files))
	}
	var vmi *offline.VMI
	if o.vmi != "" {
		if vmi, err = r.files.VMI(o.vmi); err != nil {
			return nil, err
		}
	}
	program, err := offline.Compile(ctx, objects, vmi, o.all)
	if err != nil {
		return nil, err
	}
	r.notes = append(r.notes, objects.Notes(vmi, program)...)
	if !program.Applies() {
		r.notef("none of the %d patches binds to the VMI; --all applies them all the same", patches)
	}
	return program, nil
}

// shown lists files for a person.
func shown(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = offline.Shown(name)
	}
	return strings.Join(all, ", ")
}
