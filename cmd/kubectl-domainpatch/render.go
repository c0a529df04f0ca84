// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const renderExample = `  # The domain XML that a VM gets
  kubectl domainpatch render -f patches/ --vmi vmi.yaml --domain domain.xml

  # Only what changes, of the domain and of the cloud-init data
  kubectl domainpatch render -f patches/ --vmi vm.yaml --domain domain.xml --cloud-init data.json --diff

  # The domain of a VM that runs, patched by a file that is not in the cluster yet
  kubectl exec virt-launcher-vm-abcde -- virsh dumpxml 1 | kubectl domainpatch render -f patch.yaml --domain -`

// renderOptions are the flags of render.
type renderOptions struct {
	files     []string
	vmi       string
	domain    string
	cloudInit string
	all       bool
	diff      bool
	repeat    bool
}

func newRender(s streams) *cobra.Command {
	o := &renderOptions{}
	c := &cobra.Command{
		Use:   "render -f PATCHES [--vmi FILE] [--domain FILE|-] [--cloud-init FILE|-]",
		Short: "Run the hooks on files: patched document on stdout, report on stderr",
		Long: `Run the hooks on files, with the code that the webhook and the shim run.

The patched document goes to stdout and a report on every rule to stderr. Patches that
do not bind to the VMI (by a reference in its labels, or by the patch's selector) are
left out unless --all is given; without --vmi all apply.

Policies among the files limit DomainPatches as in the cluster: those that select the
namespace of the VMI, or all of them without --vmi. The labels of that namespace come from
a Namespace among the files; without one it has only kubernetes.io/metadata.name.`,
		Example: renderExample,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return o.run(c.Context(), s)
		},
	}
	f := c.Flags()
	f.StringSliceVarP(&o.files, "filename", "f", nil, "file or folder with patches, policies and namespaces; - for stdin; may be repeated")
	f.StringVar(&o.vmi, "vmi", "", "VirtualMachineInstance or VirtualMachine, YAML or JSON; - for stdin")
	f.StringVar(&o.domain, "domain", "", "libvirt domain XML to patch; - for stdin")
	f.StringVar(&o.cloudInit, "cloud-init", "", "KubeVirt's CloudInitData, JSON, to patch; - for stdin")
	f.BoolVar(&o.all, "all", false, "apply every patch, also those that do not bind to the VMI")
	f.BoolVar(&o.diff, "diff", false, "print a unified diff instead of the patched document")
	f.BoolVar(&o.repeat, "repeat", false, "run the domain hook a second time on its result, as KubeVirt does")
	return c
}

func (o *renderOptions) validate() error {
	stdin := 0
	for _, name := range append([]string{o.vmi, o.domain, o.cloudInit}, o.files...) {
		if name == offline.Stdin {
			stdin++
		}
	}
	switch {
	case len(o.files) == 0:
		return errors.New("--filename (-f) is missing: name a file or folder with patches")
	case o.domain == "" && o.cloudInit == "":
		return errors.New("give --domain or --cloud-init: the document to patch")
	case o.domain != "" && o.cloudInit != "" && !o.diff:
		return errors.New("--domain and --cloud-init together need --diff: stdout holds one document")
	case stdin > 1:
		return errors.New("only one flag can read from stdin (-)")
	}
	return nil
}

// run prints nothing to stdout before all has succeeded.
func (o *renderOptions) run(ctx context.Context, s streams) error {
	files := offline.Files{Stdin: s.in}
	program, err := o.compile(ctx, files, s)
	if err != nil {
		return err
	}
	var results []result
	if o.domain != "" {
		results, err = o.apply(files, results, "domain", o.domain, func(in []byte) ([]byte, error) {
			return o.runDomain(ctx, s, program, in)
		})
	}
	if err == nil && o.cloudInit != "" {
		results, err = o.apply(files, results, "cloud-init", o.cloudInit, func(in []byte) ([]byte, error) {
			out, report, err := program.CloudInit(ctx, in)
			printReport(s.err, "cloud-init", report)
			return out, err
		})
	}
	if err != nil {
		return err
	}
	for _, r := range results {
		if err := r.print(s, o.diff); err != nil {
			return err
		}
	}
	return nil
}

// runDomain runs the hook once, or a second time on its result.
func (o *renderOptions) runDomain(ctx context.Context, s streams, program *offline.Program, in []byte) ([]byte, error) {
	out, report, err := program.Domain(ctx, in, nil)
	printReport(s.err, "domain", report)
	if err != nil || !o.repeat {
		return out, err
	}
	out, report, err = program.Domain(ctx, out, report)
	printReport(s.err, "domain, second call", report)
	return out, err
}

func (o *renderOptions) compile(ctx context.Context, files offline.Files, s streams) (*offline.Program, error) {
	objects, skipped, err := files.Objects(o.files)
	if err != nil {
		return nil, err
	}
	for _, other := range skipped {
		fmt.Fprintf(s.err, "note: %s is no patch, policy or namespace and was passed over\n", other)
	}
	patches := len(objects.Patches) + len(objects.ClusterPatches)
	if patches == 0 {
		return nil, fmt.Errorf("no DomainPatch and no ClusterDomainPatch in %s", strings.Join(shown(o.files), ", "))
	}
	var vmi *offline.VMI
	if o.vmi != "" {
		data, err := files.Read(o.vmi)
		if err == nil {
			vmi, err = offline.ParseVMI(data)
		}
		if err != nil {
			return nil, inFile(o.vmi, err)
		}
	}
	program, err := offline.Compile(ctx, objects, vmi, o.all)
	if err != nil {
		return nil, err
	}
	for _, name := range objects.Unenforced(vmi) {
		fmt.Fprintf(s.err, "note: DomainPatchPolicy %s does not select namespace %s and limits nothing\n", name, vmi.Namespace)
	}
	for _, left := range program.LeftOut {
		fmt.Fprintf(s.err, "note: left out: %v\n", left.Reason)
	}
	if !program.Applies() {
		fmt.Fprintf(s.err, "note: none of the %d patches binds to the VMI; --all applies them all the same\n", patches)
	}
	return program, nil
}

// result is one patched document.
type result struct {
	kind, file    string
	before, after []byte
}

func (o *renderOptions) apply(files offline.Files, results []result, kind, name string, hook func([]byte) ([]byte, error)) ([]result, error) {
	before, err := files.Read(name)
	if err != nil {
		return nil, err
	}
	after, err := hook(before)
	if err != nil {
		return nil, inFile(name, err)
	}
	return append(results, result{kind, name, before, after}), nil
}

// inFile names the file that an error is about.
func inFile(name string, err error) error {
	return fmt.Errorf("%s: %w", shown([]string{name})[0], err)
}

// shown gives names of files for a person.
func shown(names []string) []string {
	names = slices.Clone(names)
	for i, name := range names {
		if name == offline.Stdin {
			names[i] = "stdin"
		}
	}
	return names
}
