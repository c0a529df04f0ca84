// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/generate"
)

const generateExample = `  # What turns one domain into another
  kubectl domainpatch generate --before before.xml --after after.xml --name smbios

  # The same for cloud-init data
  kubectl domainpatch generate --before before.json --after after.json

  # What a hook script does, as a case folder that "kubectl domainpatch test" runs
  kubectl domainpatch generate --script onDefineDomain.sh --domain domain.xml --vmi vmi.yaml --case smbios/`

var generateOutputs = outputs{"yaml\twith comments", "json\tone object"}

// generateOptions are the flags of generate.
type generateOptions struct {
	before, after string
	script        string
	domain        string
	cloudInit     string
	vmi           string
	name          string
	namespace     string
	cluster       bool
	output        string
	folder        string
	force         bool
}

func newGenerate(s streams) *cobra.Command {
	o := &generateOptions{}
	c := &cobra.Command{
		Use:   "generate (--before FILE --after FILE | --script FILE (--domain FILE | --cloud-init FILE))",
		Short: "Write the patch that turns one document into another, or does what a hook script does",
		Long: `Write the DomainPatch that turns one document into another: domain XML, or KubeVirt's
CloudInitData as JSON. It holds the difference alone, and names elements by what identifies
them. Before it is printed it is applied as in the cluster, and the result compared.

--script RUNS THE SCRIPT ON THIS MACHINE, WITH YOUR RIGHTS, once for each document, with the
arguments that KubeVirt gives to onDefineDomain or preCloudInitIso. Its working directory is
a scratch folder that is removed afterwards; nothing else is kept from it. It may take one minute.

What differs in comments, white space beside elements, CDATA sections or the order of
attributes is no difference. Where nothing differs there is no patch, and the exit code is 1.`,
		Example: generateExample,
		Args:    noArgs,
		RunE:    runE(s, o),
	}
	f := c.Flags()
	f.StringVar(&o.before, "before", "", "document as it is: domain XML or CloudInitData; - for stdin")
	f.StringVar(&o.after, "after", "", "document as it is wanted; - for stdin")
	f.StringVar(&o.script, "script", "", "hook script or program to run on this machine")
	f.StringVar(&o.domain, "domain", "", "domain XML for the script; - for stdin")
	f.StringVar(&o.cloudInit, "cloud-init", "", "CloudInitData, JSON, for the script; - for stdin")
	f.StringVar(&o.vmi, "vmi", "", "VirtualMachineInstance or VirtualMachine that the script gets, and whose names, labels and annotations are looked for in the patch")
	f.StringVar(&o.name, "name", "", "name of the patch (default: that of the script's file, or \"generated\")")
	f.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the patch (default: none is written)")
	f.BoolVar(&o.cluster, "cluster", false, "write a ClusterDomainPatch")
	outputVar(c, &o.output, "yaml", generateOutputs)
	f.StringVar(&o.folder, "case", "", "also write a case folder with the patch, the documents and what must come out")
	f.BoolVar(&o.force, "force", false, "let --case overwrite files")
	return c
}

func (o *generateOptions) validate() error {
	switch {
	case o.script == "" && (o.before == "" || o.after == ""):
		return errors.New("give --before and --after, or --script with --domain or --cloud-init")
	case o.script == "" && o.domain+o.cloudInit != "":
		return errors.New("--domain and --cloud-init are for --script: use --before and --after")
	case o.script != "" && o.before+o.after != "":
		return errors.New("--before and --after do not go with --script: give it --domain or --cloud-init")
	case o.script != "" && o.domain+o.cloudInit == "":
		return errors.New("--script needs --domain or --cloud-init: the document that it edits")
	case o.script == offline.Stdin:
		return errors.New("--script cannot be stdin: name the file")
	case stdins(o.before, o.after, o.domain, o.cloudInit, o.vmi, o.script) > 1:
		return errors.New("only one flag can read from stdin (-)")
	case o.name != "" && len(validation.IsDNS1123Label(o.name)) > 0:
		return fmt.Errorf("--name %q is no DNS label of at most 63 characters", o.name)
	case o.namespace != "" && len(validation.IsDNS1123Label(o.namespace)) > 0:
		return fmt.Errorf("--namespace %q is no DNS label of at most 63 characters", o.namespace)
	case o.cluster && o.namespace != "":
		return errors.New("a ClusterDomainPatch (--cluster) has no namespace")
	case !generateOutputs.has(o.output):
		return generateOutputs.refuse(o.output)
	case o.force && o.folder == "":
		return errors.New("--force is for --case")
	}
	return nil
}

// change is a document with what it is to become, and what was found for it.
type change struct {
	file          string // of the document
	before, after []byte
	output        []byte // what the patch makes of it
}

func (c *change) isCloudInit() bool { return bytes.HasPrefix(bytes.TrimSpace(c.before), []byte("{")) }

// run prints nothing to stdout before all has succeeded.
func (o *generateOptions) run(ctx context.Context, s streams) error {
	files := offline.Files{Stdin: s.in}
	vmi, vmiText, err := o.readVMI(files)
	if err != nil {
		return err
	}
	changes, err := o.changes(ctx, s, files, vmi)
	if err != nil {
		return err
	}
	p := &generatedPatch{name: o.patchName(), namespace: o.namespace, cluster: o.cluster}
	for i := range changes {
		if err := p.find(ctx, &changes[i], vmi); err != nil {
			return err
		}
	}
	for _, n := range p.notes {
		fmt.Fprintln(s.err, "note: "+n)
	}
	if p.isEmpty() {
		return fmt.Errorf("%w: there is nothing to patch", generate.ErrEqual)
	}
	text, err := p.encode(o.output)
	if err != nil {
		return err
	}
	if o.folder != "" {
		if err := o.writeCase(ctx, s, p, changes, vmiText); err != nil {
			return err
		}
	}
	_, err = s.out.Write(text)
	return err
}

func (o *generateOptions) readVMI(files offline.Files) (vmi *offline.VMI, text []byte, err error) {
	if o.vmi == "" {
		return nil, nil, nil
	}
	if text, err = files.Read(o.vmi); err != nil {
		return nil, nil, err
	}
	if vmi, err = offline.ParseVMI(text); err != nil {
		return nil, nil, inFile(o.vmi, err)
	}
	return vmi, text, nil
}

// changes reads the documents, or has the script make those after.
func (o *generateOptions) changes(ctx context.Context, s streams, files offline.Files, vmi *offline.VMI) ([]change, error) {
	if o.script != "" {
		return o.runScript(ctx, s, files, vmi)
	}
	before, err := files.Read(o.before)
	if err != nil {
		return nil, err
	}
	after, err := files.Read(o.after)
	if err != nil {
		return nil, err
	}
	c := change{file: o.before, before: before, after: after}
	if other := (&change{before: after}); c.isCloudInit() != other.isCloudInit() {
		return nil, fmt.Errorf("one of %s and %s is JSON and the other is not: give two domains, or two CloudInitData", offline.Shown(o.before), offline.Shown(o.after))
	}
	if err := generate.CheckDocument(before); err != nil {
		return nil, inFile(o.before, err)
	}
	if err := generate.CheckDocument(after); err != nil {
		return nil, inFile(o.after, err)
	}
	return []change{c}, nil
}

// runScript runs the script once for each document.
func (o *generateOptions) runScript(ctx context.Context, s streams, files offline.Files, vmi *offline.VMI) ([]change, error) {
	if vmi == nil {
		fmt.Fprintln(s.err, "note: without --vmi the script gets a VMI without labels, annotations and spec")
	}
	// An interrupt ends the context already.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var changes []change
	for _, hook := range []struct{ name, flag, document string }{
		{"onDefineDomain", "--domain", o.domain}, {"preCloudInitIso", "--cloud-init", o.cloudInit},
	} {
		if hook.document == "" {
			continue
		}
		before, err := files.Read(hook.document)
		if err != nil {
			return nil, err
		}
		if err := checkFor(hook.flag, before); err != nil {
			return nil, inFile(hook.document, err)
		}
		fmt.Fprintf(s.err, "note: running %s on this machine as %s\n", o.script, hook.name)
		script := hookScript{path: o.script, name: hook.name, flag: hook.flag, limit: scriptLimit, errors: s.err}
		after, err := script.run(ctx, before, vmiJSON(vmi))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.script, err)
		}
		if err := generate.CheckDocument(after); err != nil {
			return nil, fmt.Errorf("%s: what it wrote to stdout: %w", o.script, err)
		}
		changes = append(changes, change{file: hook.document, before: before, after: after})
	}
	return changes, nil
}

// checkFor says why a document cannot be that of a flag.
func checkFor(flag string, document []byte) error {
	switch c := (&change{before: document}); {
	case c.isCloudInit() && flag == "--domain":
		return errors.New("it is CloudInitData: give it by --cloud-init")
	case !c.isCloudInit() && flag == "--cloud-init":
		return errors.New("it is no CloudInitData, which is a JSON object")
	}
	return generate.CheckDocument(document)
}

// vmiJSON is the VMI for a script.
func vmiJSON(vmi *offline.VMI) []byte {
	if vmi != nil {
		return vmi.JSON
	}
	return []byte(`{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstance","metadata":{"name":"vm","namespace":"default","labels":{},"annotations":{}},"spec":{}}`)
}

// patchName is the given name, or one made of the script's.
func (o *generateOptions) patchName() string {
	if o.name != "" {
		return o.name
	}
	base := strings.ToLower(strings.TrimSuffix(filepath.Base(o.script), filepath.Ext(o.script)))
	base = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(base, "-"), "-")
	if o.script == "" || len(validation.IsDNS1123Label(base)) > 0 {
		return "generated"
	}
	return base
}

// find adds what turns one document into the other. A document that the script leaves alone
// is no error where another one is edited.
func (p *generatedPatch) find(ctx context.Context, c *change, vmi *offline.VMI) error {
	var json []byte
	if vmi != nil {
		json = vmi.JSON
	}
	var err error
	if c.isCloudInit() {
		var found *generate.CloudInit
		if found, err = generate.CloudInits(ctx, c.before, c.after, json); err == nil {
			p.cloudInit, p.notes, c.output = found.Rules, append(p.notes, found.Notes...), found.Output
		}
	} else {
		var found *generate.Domain
		if found, err = generate.Domains(ctx, c.before, c.after, json); err == nil {
			p.domain, p.notes, c.output = found.Rules, append(p.notes, found.Notes...), found.Output
			generate.Suggest(p.domain, json)
		}
	}
	if errors.Is(err, generate.ErrEqual) && err != generate.ErrEqual { //nolint:errorlint // a wrapped one says more
		p.notes = append(p.notes, inFile(c.file, err).Error())
	}
	if errors.Is(err, generate.ErrEqual) {
		c.output, err = c.before, nil
	}
	if err != nil {
		return inFile(c.file, err)
	}
	return nil
}

// inFile names the file that an error is about.
func inFile(name string, err error) error {
	return fmt.Errorf("%s: %w", offline.Shown(name), err)
}
