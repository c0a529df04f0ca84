// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/controllers/lint"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

const lintExample = `  # Patches and policies of a folder, and of the folders in it
  kubectl domainpatch lint -f patches/

  # What kustomize makes; warnings are failures, as in CI
  kubectl kustomize overlays/prod | kubectl domainpatch lint -f - --fail-on warning

  # Are there devices that the paths select?
  kubectl domainpatch lint -f patch.yaml --domain vm1.xml --domain vm2.xml

  # What an upgrade would refuse, with the plugin of the next version
  kubectl domainpatch lint --cluster

  # What a code means
  kubectl domainpatch lint --explain DP104`

var lintOutputs = outputs{"text\tas compilers print", "json\tone object", "sarif\tSARIF 2.1.0, for code scanning"}

// lintOptions are the flags of lint.
type lintOptions struct {
	files    []string
	domains  []string
	disabled []string
	failOn   string
	output   string
	plugins  bool
	list     bool
	explain  string
	cluster  bool
	from     clusterFlags
}

func newLint(s streams) *cobra.Command {
	o := &lintOptions{}
	c := &cobra.Command{
		Use:   "lint {-f FILE... | --cluster}",
		Short: "Find mistakes in patches and policies: errors with their line, and warnings",
		Long: `Find mistakes in patches and policies.

Errors are what the API server and the operator refuse. Warnings are what they take and
what is likely to be wrong: the VM API has a field for it, a path counts devices, no policy
allows it, it looks like a secret. DomainPatches are checked against the policies among the
files, or against the default policy. In a case folder (patch.yaml beside domain.xml) paths
are tried on that domain. Where VMs are among the files, patches are tried on these: whether
they select any, and whether the VMs have the annotations and labels that are read.

Each finding has a code. An annotation on the object silences one and says why:
  lint.domainpatch.kubevirt.io/DP109: nobody hotplugs disks here

The exit code is 1 if there is an error, with --fail-on warning also if there is a warning.`,
		Example: lintExample,
		Args:    noArgs,
		RunE:    runE(s, o),
	}
	f := c.Flags()
	f.StringSliceVarP(&o.files, "filename", "f", nil, "file or folder with patches and policies; - for stdin; may be repeated")
	f.BoolVar(&o.cluster, "cluster", false, "lint what is in the cluster, for example before an upgrade of the operator")
	f.StringSliceVar(&o.domains, "domain", nil, "libvirt domain XML that the paths are tried on; may be repeated")
	f.StringSliceVar(&o.disabled, "disable", nil, "codes of warnings that are not wanted")
	f.StringVar(&o.failOn, "fail-on", "error", "lowest severity that makes the exit code 1: error or warning")
	f.BoolVar(&o.plugins, "plugins", false, "the cluster has KubeVirt Plugins (found out with --cluster)")
	f.BoolVar(&o.list, "list", false, "list all codes")
	f.StringVar(&o.explain, "explain", "", "explain a code")
	outputVar(c, &o.output, "text", lintOutputs)
	o.from.register(f)
	o.from.complete(c)
	completeFlag(c, "explain", codeCompletions(lint.Warning, lint.Error))
	completeFlag(c, "disable", codeCompletions(lint.Warning))
	completeFlag(c, "fail-on", []string{"error", "warning"})
	f.Lookup("cluster").Hidden = false // kubectl's flag of that name, which is rare, is another one
	return c
}

// codeCompletions are the codes of some severities, with their names.
func codeCompletions(severities ...lint.Severity) []string {
	var all []string
	for _, code := range lint.Codes() {
		if slices.Contains(severities, code.Severity) {
			all = append(all, code.ID+"\t"+code.Name)
		}
	}
	return all
}

func (o *lintOptions) validate() error {
	for _, id := range o.disabled {
		if c := lint.Find(id); c == nil || c.Severity == lint.Error {
			return fmt.Errorf("--disable: %q is not the code of a warning: see --list", id)
		}
	}
	from := 0
	for _, given := range []bool{len(o.files) > 0, o.cluster, o.list, o.explain != ""} {
		if given {
			from++
		}
	}
	switch {
	case o.explain != "" && lint.Find(o.explain) == nil:
		return fmt.Errorf("--explain: there is no code %q: see --list", o.explain)
	case from != 1:
		return errors.New("give one of --filename (-f), --cluster, --list and --explain")
	case !slices.Contains([]string{"error", "warning"}, o.failOn):
		return fmt.Errorf("--fail-on: %q is neither error nor warning", o.failOn)
	case !lintOutputs.has(o.output):
		return lintOutputs.refuse(o.output)
	case stdins(slices.Concat(o.files, o.domains)...) > 1:
		return errors.New("only one flag can read from stdin (-), once")
	}
	return nil
}

func (o *lintOptions) run(ctx context.Context, s streams) error {
	switch {
	case o.list:
		return printCodes(s)
	case o.explain != "":
		return explainCode(s, lint.Find(o.explain))
	}
	result, err := o.lint(ctx, offline.Files{Stdin: s.in})
	if err != nil {
		return err
	}
	for _, note := range append(offline.PassedOver(result.skipped), result.notes...) {
		fmt.Fprintln(s.err, "note: "+note)
	}
	if err := result.print(s, o.output); err != nil {
		return err
	}
	errs, warnings := lint.Count(result.findings)
	if errs > 0 || warnings > 0 && o.failOn == "warning" {
		return errors.New(result.String())
	}
	fmt.Fprintln(s.err, result.String())
	return nil
}

// lint reads the domains of the flags once: they may be pipes, and every case folder is tried on them.
func (o *lintOptions) lint(ctx context.Context, files offline.Files) (result lintResult, err error) {
	domains := make([]domainFile, len(o.domains))
	for i, name := range o.domains {
		if domains[i], err = readDomain(files, name); err != nil {
			return result, err
		}
	}
	if o.cluster {
		err = o.lintCluster(ctx, domains, &result)
	} else {
		err = o.lintFiles(files, domains, &result)
	}
	return result, err
}

// options are those of the flags.
func (o *lintOptions) options() lint.Options {
	return lint.Options{Disabled: o.disabled, Plugins: o.plugins}
}

// newLinter makes a Linter that tries paths on the domains.
func newLinter(domains []domainFile, options lint.Options) (*lint.Linter, error) {
	l, err := lint.New(options)
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		if err := d.try(l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// lintFiles lints the files together, and every case folder alone.
func (o *lintOptions) lintFiles(files offline.Files, domains []domainFile, result *lintResult) error {
	inputs, err := offline.Inputs(o.files)
	if err != nil {
		return err
	}
	var together []offline.Input
	for _, in := range inputs {
		if in.Case == "" {
			together = append(together, in)
		} else if err := o.lintTogether(files, domains, []offline.Input{in}, result); err != nil {
			return err
		}
	}
	if len(together) == 0 {
		return nil
	}
	return o.lintTogether(files, domains, together, result)
}

// lintTogether lints file by file: in memory is one file, of each patch what it writes, and the
// VMs. Files are read twice, since policies may stand behind what they limit.
func (o *lintOptions) lintTogether(files offline.Files, domains []domainFile, inputs []offline.Input, result *lintResult) error {
	options := o.options()
	once := map[string][]byte{}
	for _, in := range inputs {
		data, err := files.Read(in.Name)
		if err != nil {
			return err
		}
		if in.Named && !isRegular(in.Name) {
			once[in.Name] = data
		}
		if speaksOfOthers().Match(data) {
			objects, _, _ := offline.ParseObjects(offline.Shown(in.Name), data) // what is wrong is told later
			options.Among(objects)
		}
	}
	l, err := newLinter(domains, options)
	if err != nil {
		return err
	}
	for _, in := range inputs {
		data, ok := once[in.Name]
		if !ok {
			if data, err = files.Read(in.Name); err != nil {
				return err
			}
		}
		if in.Domain != "" {
			own, err := readDomain(files, in.Domain)
			if err == nil {
				err = own.try(l)
			}
			if err != nil {
				return err
			}
		}
		skipped := l.Read(offline.Shown(in.Name), data)
		if in.Named {
			result.skipped = append(result.skipped, skipped...)
		}
	}
	result.add(l, len(inputs))
	return nil
}

// speaksOfOthers is what a file has with an object that says something about patches.
var speaksOfOthers = lazyregexp.New(`\b(DomainPatchPolicy|Namespace|VirtualMachine(Instance|InstanceReplicaSet|Pool)?)\b`)

// isRegular tells whether a file can be read twice: standard input and pipes give their bytes once.
func isRegular(name string) bool {
	info, err := os.Stat(name)
	return name != offline.Stdin && err == nil && info.Mode().IsRegular()
}

// domainFile is a libvirt domain XML as it was read.
type domainFile struct {
	name string
	xml  []byte
}

func readDomain(files offline.Files, name string) (domainFile, error) {
	xml, err := files.Read(name)
	if err != nil {
		return domainFile{}, fmt.Errorf("%s: %w", name, err)
	}
	return domainFile{name, xml}, nil
}

// try has a Linter try paths on the domain.
func (d domainFile) try(l *lint.Linter) error {
	if err := l.Domain(d.xml); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return nil
}
