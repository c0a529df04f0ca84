// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
)

// Names of contenders that targets refer to.
const (
	repeatedCall = "DomainPatch: one application (a repeated call)"
	firstCall    = "DomainPatch: a first call, with its self-check"
	xmlQuery     = "xmlquery: parse, edit, write"
	libvirtXML   = "libvirtxml: unmarshal, edit, marshal"
	rawToken     = "encoding/xml: RawToken alone"
)

// mainFixture is the largest of KubeVirt's domains, in patch/testdata/domains.
const mainFixture = "devices"

// smbios is the bundle of the comparison: config/samples/smbios-baseboard with literal
// values.
func smbios(entries []entry) *bundle.Bundle {
	mode := "sysinfo"
	rules := []bundle.DomainRule{{Op: bundle.OpSet, Path: "/domain/os/smbios/@mode", Value: &mode}}
	for _, e := range entries {
		rules = append(rules, bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='" + e.name + "']", Value: &e.value})
	}
	return oneDomainPatch(bundle.Patch{Domain: rules})
}

// fromVMI is the same with a condition and a value that are read from the VMI.
func fromVMI() *bundle.Bundle {
	b := smbios(entries())
	p := &b.Patches[0]
	p.MatchConditions = []bundle.MatchCondition{{Name: "named", Expression: "has(vmi.metadata.name)"}}
	p.Variables = []bundle.Variable{{Name: "manufacturer", Expression: "vmi.metadata.name", Pattern: "[A-Za-z0-9 .,-]{1,64}"}}
	p.Domain[1].Value, p.Domain[1].Expression = nil, "variables.manufacturer"
	return b
}

func oneDomainPatch(p bundle.Patch) *bundle.Bundle {
	p.Kind, p.Namespace, p.Name, p.FailurePolicy = bundle.KindDomainPatch, "vms", "bench", bundle.Fail
	return &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}}
}

// source is a domain with the VMI that it was made from.
type source struct{ doc, vmi []byte }

func (b *bench) source(name string) (s source, err error) {
	base := filepath.Join(b.repo, "patch", "testdata", "domains", name)
	if s.doc, err = os.ReadFile(base + ".xml"); err != nil {
		return s, err
	}
	s.vmi, err = os.ReadFile(base + ".vmi.json")
	return s, err
}

// domains compares the contenders on the main fixture, and the main ones on all fixtures.
func (b *bench) domains(ctx context.Context, r *report) error {
	s, err := b.source(mainFixture)
	if err != nil {
		return err
	}
	main, err := domainContenders(ctx, s)
	if err != nil {
		return err
	}
	more, err := engineContenders(ctx, s)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("SMBIOS patch on %s.xml (%d bytes)", mainFixture, len(s.doc))
	if r.Domain, err = b.race(ctx, title, xmlQuery, append(main, more...)); err != nil {
		return err
	}
	r.Targets = targets(&r.Domain)
	return b.fixtures(ctx, r)
}

// fixture is the comparison on one of KubeVirt's domains.
type fixture struct {
	Name  string
	Bytes int
	table
}

func (b *bench) fixtures(ctx context.Context, r *report) error {
	files, err := filepath.Glob(filepath.Join(b.repo, "patch", "testdata", "domains", "*.xml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no domains in %s: %w", b.repo, err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".xml")
		s, err := b.source(name)
		if err != nil {
			return err
		}
		contenders, err := domainContenders(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		t, err := b.race(ctx, name, xmlQuery, contenders)
		if err != nil {
			return err
		}
		r.Fixtures = append(r.Fixtures, fixture{name, len(s.doc), t})
	}
	return nil
}

// domainContenders are the engine and its peers with the same edits, once checked.
func domainContenders(ctx context.Context, s source) ([]contender, error) {
	want := entries()
	repeat, err := repeated(ctx, smbios(want), s)
	if err != nil {
		return nil, err
	}
	edits := []struct {
		name  string
		apply func() ([]byte, error)
	}{
		{repeatedCall, repeat},
		{xmlQuery, func() ([]byte, error) { return withXMLQuery(s.doc, want) }},
		{libvirtXML, func() ([]byte, error) { return withLibvirtXML(s.doc, want) }},
		{"etree: parse, edit, write", func() ([]byte, error) { return withEtree(s.doc, want) }},
	}
	contenders := []contender{{rawToken, func() error { return rawTokens(s.doc) }}}
	for _, e := range edits {
		out, err := e.apply()
		if err == nil {
			err = carries(out, want)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		contenders = append(contenders, contender{e.name, func() error { _, err := e.apply(); return err }})
	}
	return contenders, nil
}

// repeated compiles the bundle and makes the first call, whose report repeated calls need.
func repeated(ctx context.Context, b *bundle.Bundle, s source) (func() ([]byte, error), error) {
	program, err := patch.Compile(b)
	if err != nil {
		return nil, err
	}
	_, first, err := program.Domain(ctx, s.doc, s.vmi, nil)
	if err != nil {
		return nil, err
	}
	return func() ([]byte, error) {
		out, _, err := program.Domain(ctx, s.doc, s.vmi, first)
		return out, err
	}, nil
}

// carries says what of the edits a document lacks; each must be there once.
func carries(doc []byte, want []entry) error {
	tree, err := xmlquery.Parse(bytes.NewReader(doc))
	if err != nil {
		return err
	}
	if n := len(xmlquery.Find(tree, "/domain/os/smbios[@mode='sysinfo']")); n != 1 {
		return fmt.Errorf("%d elements smbios with the mode", n)
	}
	board := xmlquery.Find(tree, "/domain/sysinfo[@type='smbios']/baseBoard/entry")
	got := make([]entry, len(board))
	for i, n := range board {
		got[i] = entry{n.SelectAttr("name"), n.InnerText()}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the baseboard has %v instead of %v", got, want)
	}
	return nil
}

// engineContenders are parts of the engine, and more than the peers do.
func engineContenders(ctx context.Context, s source) ([]contender, error) {
	b := smbios(entries())
	program, err := patch.Compile(b)
	if err != nil {
		return nil, err
	}
	out, _, err := program.Domain(ctx, s.doc, s.vmi, nil)
	if err == nil {
		err = carries(out, entries())
	}
	if err != nil {
		return nil, err
	}
	expression, err := repeated(ctx, fromVMI(), s)
	if err != nil {
		return nil, err
	}
	return []contender{
		{"DomainPatch: one application, its value from the VMI", func() error { _, err := expression(); return err }},
		{firstCall, func() error { _, _, err := program.Domain(ctx, s.doc, s.vmi, nil); return err }},
		{"DomainPatch: Compile of the bundle", func() error { _, err := patch.Compile(b); return err }},
		{"DomainPatch: document.Parse and Bytes", func() error {
			d, err := document.Parse(s.doc)
			if err == nil {
				d.Bytes()
			}
			return err
		}},
	}, nil
}
