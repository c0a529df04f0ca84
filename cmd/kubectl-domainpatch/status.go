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
	"k8s.io/apimachinery/pkg/labels"

	"github.com/domainpatch/domainpatch/cmd/terminal"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/status"
)

const statusLong = `Tell what applies where in a cluster, what is out of date, and what failed and why.

Without a kind: all patches, policies, VMs and bundles. With a kind, those; with a name, one
object in detail:

  dp, cdp   a DomainPatch, a ClusterDomainPatch: its conditions, the VMs that must be
            restarted to get what binds now, and the starts that failed
  dpp       a DomainPatchPolicy: its conditions, and what it allows
  vm, vmi   which patches apply, in which order and why; what a restart would change
  bundle    what the ConfigMap of a bundle holds, and who uses it

VMs are shown that patches have to do with, those that need attention first. Their state:
Refused (does not start: a patch that it demands is missing or not accepted), Failed (a
start failed in a hook), Outdated (runs with other patches than it would get now: restart
it), Unknown (you may not read what tells), Current, Stopped.

What a restart would change is shown as a diff of the rules, and with --domain as a diff of
the domain, too: of what the VM's bundle makes of it and what the next one would. Edits that
are in that file already and that the next bundle does not make stay in it: a domain from
before the hooks tells more than virsh dumpxml of the VM.

You need no more than DomainPatch's, KubeVirt's and Kubernetes' roles for viewing. What you
may not read is left out, and a note says so.`

const statusExample = `  # What is there, in the namespace of your context and in all
  kubectl domainpatch status
  kubectl domainpatch status -A

  # Which VMs must be restarted for a patch, and which failed
  kubectl domainpatch status dp acme-smbios

  # What a restart would change of a VM
  kubectl domainpatch status vm appliance
  kubectl exec virt-launcher-appliance-abcde -- virsh dumpxml 1 | kubectl domainpatch status vm appliance --domain -

  # For a program: the VMs to restart
  kubectl domainpatch status vm -A -o json | jq -r '.vms[] | select(.restart) | .namespace + "/" + .name'`

// statusOptions are the flags of status.
type statusOptions struct {
	clusterFlags
	allNamespaces bool
	selector      string
	output        string
	domain        string
	limit         int

	kind, name string
	scope      status.Scope
}

func newStatus(s streams) *cobra.Command {
	o := &statusOptions{}
	c := &cobra.Command{
		Use:     "status [dp|cdp|dpp|vm|vmi|bundle [NAME]]",
		Short:   "Tell what applies where in a cluster, what is out of date and what failed",
		Long:    statusLong,
		Example: statusExample,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return usageError{err}
			}
			return o.run(c.Context(), s)
		},
		ValidArgsFunction: o.complete,
	}
	f := c.Flags()
	o.register(f)
	o.clusterFlags.complete(c)
	f.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "look into all namespaces")
	f.StringVarP(&o.selector, "selector", "l", "", "label selector for the objects of the kind; without a kind, for VMs")
	outputVar(c, &o.output, "text", statusOutputs)
	f.StringVar(&o.domain, "domain", "", "libvirt domain XML of the VM, to show what a restart changes of it; - for stdin")
	f.IntVar(&o.limit, "limit", 100, "lines of a table of VMs; 0 for all")
	return c
}

var statusOutputs = outputs{"text\ttables", "wide\ttables with whole messages and hashes", "json\tone object"}

// statusKinds are the kinds of status, by what a user may call them.
var statusKinds = map[string][]string{
	"dp":     {"domainpatch", "domainpatches"},
	"cdp":    {"clusterdomainpatch", "clusterdomainpatches"},
	"dpp":    {"domainpatchpolicy", "domainpatchpolicies"},
	"vm":     {"vms", "virtualmachine", "virtualmachines"},
	"vmi":    {"vmis", "virtualmachineinstance", "virtualmachineinstances"},
	"bundle": {"bundles"},
}

func statusKind(word string) (string, error) {
	word = strings.ToLower(word)
	for kind, names := range statusKinds {
		if word == kind || slices.Contains(names, word) {
			return kind, nil
		}
	}
	return "", fmt.Errorf("there is no kind %q: use dp, cdp, dpp, vm, vmi or bundle", word)
}

func (o *statusOptions) validate(args []string) (err error) {
	if len(args) == 1 && strings.Contains(args[0], "/") {
		args = strings.SplitN(args[0], "/", 2)
	}
	if len(args) > 2 {
		return fmt.Errorf("%d arguments: name one kind and at most one object", len(args))
	}
	if len(args) > 0 {
		if o.kind, err = statusKind(args[0]); err != nil {
			return err
		}
	}
	if len(args) == 2 {
		o.name = args[1]
	}
	if o.selector != "" {
		if o.scope.Labels, err = labels.Parse(o.selector); err != nil {
			return fmt.Errorf("--selector (-l): %w", err)
		}
	}
	switch {
	case !statusOutputs.has(o.output):
		return statusOutputs.refuse(o.output)
	case len(args) == 2 && o.name == "":
		return errors.New("the name is empty")
	case o.name != "" && (o.allNamespaces || o.selector != ""):
		return errors.New("a name and --all-namespaces (-A) or --selector (-l) exclude each other")
	case o.domain != "" && (o.name == "" || o.kind != "vm" && o.kind != "vmi"):
		return errors.New("--domain needs a VM: status vm NAME --domain FILE")
	case o.limit < 0:
		return errors.New("--limit is negative")
	}
	return nil
}

func (o *statusOptions) run(ctx context.Context, s streams) error {
	reader, namespace, err := o.connect()
	if err != nil {
		return err
	}
	if !o.allNamespaces {
		o.scope.Namespace = namespace
	}
	progress := &progressLine{streams: s}
	view := &statusView{statusOptions: o, streams: s, cluster: &status.Cluster{Reader: reader, Progress: progress.show}}
	var print func() error
	if o.name != "" {
		print, err = view.one(ctx)
	} else {
		print, err = view.all(ctx)
	}
	progress.clear()
	if err != nil {
		return err
	}
	if err := print(); err != nil {
		return err
	}
	for _, note := range view.cluster.Notes() {
		if o.output != "json" {
			fmt.Fprintln(s.err, "note: "+inLine(note))
		}
	}
	return nil
}

// progressLine shows on a terminal how far a long list is read.
type progressLine struct {
	streams
	shown bool
}

func (p *progressLine) show(what string, n int) {
	const long = 500
	if n >= long && terminal.Is(p.err) {
		fmt.Fprintf(p.err, "\r\x1b[Kread %d %s", n, what)
		p.shown = true
	}
}

func (p *progressLine) clear() {
	if p.shown {
		fmt.Fprint(p.err, "\r\x1b[K")
	}
}

// complete offers kinds, then names.
func (o *statusOptions) complete(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		return []string{"dp", "cdp", "dpp", "vm", "vmi", "bundle"}, nothing
	}
	kind, err := statusKind(args[0])
	if err != nil || len(args) > 1 {
		return nil, nothing
	}
	reader, namespace, err := o.connect()
	if err != nil {
		return nil, nothing
	}
	names, err := (&status.Cluster{Reader: reader}).Names(c.Context(), kind, namespace)
	if err != nil {
		return nil, nothing
	}
	return names, nothing
}

// readDomain reads the file of --domain.
func (o *statusOptions) readDomain(s streams) ([]byte, error) {
	return offline.Files{Stdin: s.in}.Read(o.domain)
}
