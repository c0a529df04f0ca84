// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Program is the bundle of a VMI, compiled and ready to run.
type Program struct {
	*render.Bundle
	program *patch.Program // nil where no patch applies
	vmi     []byte
}

// Compile renders the patches that bind to the VMI, as the webhook does, and compiles
// them, as the shim does. With all, or without a VMI, every patch applies. Patches
// without a namespace are taken to be in the VMI's.
func Compile(ctx context.Context, patches []v1alpha1.DomainPatch, vmi *VMI, all bool) (*Program, error) {
	patches, err := inNamespace(patches, vmi)
	if err != nil {
		return nil, err
	}
	compile, err := compileAll(patches)
	if err != nil {
		return nil, err
	}
	p := &Program{}
	if vmi == nil || all {
		p.Bundle, err = buildAll(ctx, patches, compile)
	} else {
		p.Bundle, err = render.Render(ctx, vmi.VMI, vmi.Namespace, patches, compile)
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

// inNamespace gives patches their namespace and refuses two of one name.
func inNamespace(patches []v1alpha1.DomainPatch, vmi *VMI) ([]v1alpha1.DomainPatch, error) {
	patches = slices.Clone(patches)
	seen := map[string]bool{}
	for i := range patches {
		p := &patches[i]
		if p.Namespace == "" {
			p.Namespace = defaultNamespace
			if vmi != nil {
				p.Namespace = vmi.Namespace
			}
		}
		id := p.Namespace + "/" + p.Name
		if seen[id] {
			return nil, fmt.Errorf("DomainPatch %s is given twice", id)
		}
		seen[id] = true
	}
	return patches, nil
}

// compileAll reports what is wrong with any of the patches, also with those that do not
// bind: a file with an error in it is refused as a whole. It returns what it compiled.
func compileAll(patches []v1alpha1.DomainPatch) (render.CompileFunc, error) {
	var errs []error
	compiled := map[*v1alpha1.DomainPatch]*patch.Program{}
	for i := range patches {
		program, err := render.Compile(&patches[i])
		compiled[&patches[i]] = program
		errs = append(errs, err)
	}
	return func(dp *v1alpha1.DomainPatch) (*patch.Program, error) { return compiled[dp], nil }, errors.Join(errs...)
}

// buildAll makes one bundle of all patches, in their order.
func buildAll(ctx context.Context, patches []v1alpha1.DomainPatch, compile render.CompileFunc) (*render.Bundle, error) {
	bindings := make([]render.Binding, len(patches))
	for i := range patches {
		bindings[i].Patch = &patches[i]
	}
	render.Sort(bindings)
	return render.Build(ctx, render.VMI{CloudInit: true}, bindings, compile)
}

// Domain runs the hook onDefineDomain on domain XML; with repeat a second time on its
// own result, as KubeVirt does in the course of one boot.
func (p *Program) Domain(ctx context.Context, xml []byte, repeat bool) ([]byte, *patch.Report, error) {
	if p.program == nil {
		return xml, &patch.Report{}, nil
	}
	out, report, err := p.program.Domain(ctx, xml, p.vmi, nil)
	if err != nil || !repeat {
		return out, report, err
	}
	return p.program.Domain(ctx, out, p.vmi, report)
}

// CloudInit runs the hook preCloudInitIso on KubeVirt's CloudInitData, which is JSON.
func (p *Program) CloudInit(ctx context.Context, data []byte) ([]byte, *patch.Report, error) {
	if p.program == nil || !p.program.HasCloudInit() {
		return data, &patch.Report{}, nil
	}
	return p.program.CloudInit(ctx, data, p.vmi)
}
