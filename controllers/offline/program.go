// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
	"github.com/domainpatch/domainpatch/patch/document"
)

// Program is the bundle of a VMI, compiled and ready to run.
type Program struct {
	*render.Bundle
	program *patch.Program // nil where no patch applies
	vmi     []byte
	objects Objects
}

// Compile renders the patches that bind to the VMI, as the webhook does, with the policies
// that select its namespace, and compiles them, as the shim does. With all, every patch
// applies. Without a VMI every patch and every policy does. Patches without a namespace are
// taken to be in the VMI's.
func Compile(ctx context.Context, objects Objects, vmi *VMI, all bool) (*Program, error) {
	patches, err := objects.patches(vmi)
	if err != nil {
		return nil, err
	}
	compiled, err := compileAll(patches, objects.Policies)
	if err != nil {
		return nil, objects.locate(err)
	}
	p := &Program{objects: objects}
	switch {
	case vmi == nil:
		p.Bundle, err = buildAll(ctx, patches, objects.Policies, compiled)
	case all:
		p.Bundle, err = buildAll(ctx, patches, render.Policies(objects.namespace(vmi), objects.Policies), compiled)
	default:
		p.Bundle, err = render.Render(ctx, vmi.VMI, objects.namespace(vmi), render.Objects{Patches: patches, Policies: objects.Policies}, compiled)
		err = vmi.locate(err)
	}
	if vmi != nil {
		p.vmi = vmi.JSON
	}
	if err != nil || !p.Applies() {
		return p, err
	}
	decoded, err := bundle.Decode(p.JSON)
	if err != nil {
		return nil, err
	}
	p.program, err = patch.Compile(decoded)
	return p, err
}

// patches gives DomainPatches their namespace, and refuses two objects of one kind and name.
func (o Objects) patches(vmi *VMI) ([]render.Patch, error) {
	namespaced := slices.Clone(o.Patches)
	for i := range namespaced {
		if p := &namespaced[i]; p.Namespace == "" {
			p.Namespace = defaultNamespace
			if vmi != nil {
				p.Namespace = vmi.Namespace
			}
		}
	}
	patches := render.Patches(namespaced, o.ClusterPatches)
	var ids []string
	for _, p := range patches {
		ids = append(ids, p.ID())
	}
	for _, p := range o.Policies {
		ids = append(ids, bundle.KindDomainPatchPolicy+" "+p.Name)
	}
	for _, n := range o.Namespaces {
		ids = append(ids, "Namespace "+n.Name)
	}
	slices.Sort(ids)
	for i := range ids[min(1, len(ids)):] {
		if ids[i] == ids[i+1] {
			return nil, o.givenTwice(ids[i])
		}
	}
	return patches, nil
}

func (o Objects) givenTwice(id string) error {
	origins := o.Origins(id)
	if len(origins) < 2 {
		return fmt.Errorf("%s is given twice", id)
	}
	at := origins[1].Position("", 0)
	return &located{err: fmt.Errorf("%s is given twice", id), Mistake: Mistake{Position: at, Object: id,
		Reason: "is given twice, first at " + origins[0].Position("", 0).String(), Excerpt: origins[1].doc.excerpt(at)}}
}

// namespace is that of the VMI, with the labels of the file that describes it, and with the
// one that every namespace has.
func (o Objects) namespace(vmi *VMI) render.Namespace {
	var labels map[string]string
	for _, n := range o.Namespaces {
		if n.Name == vmi.Namespace {
			labels = n.Labels
		}
	}
	return render.Namespace{Name: vmi.Namespace, Labels: NamespaceLabels(vmi.Namespace, labels)}
}

// NamespaceLabels are the labels of a namespace that an API server makes of those in a file.
func NamespaceLabels(name string, given map[string]string) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, given)
	labels["kubernetes.io/metadata.name"] = name // LabelMetadataName of k8s.io/api/core/v1
	return labels
}

// Notes tell what of the objects the program does without: policies that do not select the namespace of the VMI, and
// patches that are left out.
func (o Objects) Notes(vmi *VMI, p *Program) []string {
	var notes []string
	for _, name := range o.unenforced(vmi) {
		notes = append(notes, fmt.Sprintf("DomainPatchPolicy %s does not select namespace %s and limits nothing", name, vmi.Namespace))
	}
	return append(notes, p.leftOutNotes()...)
}

func (p *Program) leftOutNotes() []string {
	var notes []string
	for _, left := range p.LeftOut {
		notes = append(notes, fmt.Sprintf("left out: %v", left.Reason))
	}
	return notes
}

// unenforced names the policies that do not select the namespace of the VMI.
func (o Objects) unenforced(vmi *VMI) []string {
	if vmi == nil {
		return nil
	}
	selecting := render.Policies(o.namespace(vmi), o.Policies)
	var names []string
	for _, p := range o.Policies {
		if !slices.ContainsFunc(selecting, func(s v1alpha1.DomainPatchPolicy) bool { return s.Name == p.Name }) {
			names = append(names, p.Name)
		}
	}
	return names
}

// compileAll reports what is wrong with any of the patches and policies, also with those that
// do not bind: a file with an error in it is refused as a whole. It returns what it compiled.
func compileAll(patches []render.Patch, policies []v1alpha1.DomainPatchPolicy) (render.Compiler, error) {
	var errs []error
	compiled := map[string]*patch.Program{}
	for _, p := range patches {
		program, err := render.Compile(p)
		compiled[p.ID()] = program
		errs = append(errs, err)
	}
	for i := range policies {
		errs = append(errs, render.CompilePolicy(&policies[i]))
	}
	return render.Compiler{
		Patch:  func(p render.Patch) (*patch.Program, error) { return compiled[p.ID()], nil },
		Policy: func(*v1alpha1.DomainPatchPolicy) error { return nil },
	}, errors.Join(errs...)
}

// buildAll makes one bundle of all patches, in their order.
func buildAll(ctx context.Context, patches []render.Patch, policies []v1alpha1.DomainPatchPolicy, compile render.Compiler) (*render.Bundle, error) {
	bindings := make([]render.Binding, len(patches))
	for i := range patches {
		bindings[i].Patch = patches[i]
	}
	render.Sort(bindings)
	return render.Build(ctx, render.VMI{CloudInit: true}, bindings, policies, compile)
}

// Domain runs the hook onDefineDomain on domain XML: a first call where first is nil, else a
// repeated one behind the call whose report first is. Without a patch that applies the hook is not
// there; what does not parse is refused all the same, by an error with the place in the document.
func (p *Program) Domain(ctx context.Context, xml []byte, first *patch.Report) ([]byte, *patch.Report, error) {
	if p.program == nil {
		if _, err := document.Parse(xml); err != nil {
			return nil, nil, inDocument(xml, fmt.Errorf("cannot parse the domain XML: %w", err))
		}
		return xml, &patch.Report{}, nil
	}
	out, report, err := p.program.Domain(ctx, xml, p.vmi, first)
	return out, report, inDocument(xml, p.objects.locate(err))
}

// CloudInit runs the hook preCloudInitIso on KubeVirt's CloudInitData, which is JSON. Without a rule for
// it the hook is not there; what does not parse is refused all the same, by an error with the place in the data.
func (p *Program) CloudInit(ctx context.Context, data []byte) ([]byte, *patch.Report, error) {
	if p.program == nil || !p.program.HasCloudInit() {
		if _, err := cloudinit.Parse(data); err != nil {
			return nil, nil, inDocument(data, fmt.Errorf("cannot parse the cloud-init data: %w", err))
		}
		return data, &patch.Report{}, nil
	}
	out, report, err := p.program.CloudInit(ctx, data, p.vmi)
	return out, report, inDocument(data, p.objects.locate(err))
}
