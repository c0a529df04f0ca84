// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package facts

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/antchfx/xmlquery"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

var show = flag.Bool("show", false, "print what libvirt makes of each row of testdata/identities.yaml")

// identityCase is a row of testdata/identities.yaml: see there.
type identityCase struct {
	At      string `json:"at"`
	In      string `json:"in,omitempty"`
	Beside  string `json:"beside,omitempty"`
	Parse   bool   `json:"parse,omitempty"`
	One     string `json:"one"`
	Same    string `json:"same,omitempty"`
	Other   string `json:"other,omitempty"`
	IfSame  string `json:"ifSame,omitempty"`
	IfOther string `json:"ifOther,omitempty"`
	Why     string `json:"why,omitempty"`
}

// What libvirt may make of two elements.
const (
	refused   = "refused"
	unstarted = "unstarted" // both are kept, but QEMU is not started with them
	one       = "one"
	both      = "both"
)

// TestIdentities: libvirt refuses a second element of the same identity, or keeps one of the two; and keeps both where the
// engine takes them for different ones. Where it does something else, the row says why.
func TestIdentities(t *testing.T) {
	d := newDefiner(t)
	for _, c := range readIdentityCases(t) {
		t.Run(strings.Trim(c.At+"/"+c.One[:strings.IndexAny(c.One, " />")], "<"), func(t *testing.T) {
			if c.Same != "" {
				d.check(t, c, c.Same, true, cmp.Or(c.IfSame, refused))
			}
			if c.Other != "" {
				d.check(t, c, c.Other, false, cmp.Or(c.IfOther, both))
			}
			usual := c.IfSame != both && c.IfOther == ""
			if usual == (c.Why != "") {
				t.Errorf("why: %q; it is there where libvirt does what the engine does not expect, and only there", c.Why)
			}
		})
	}
}

// check gives libvirt an element and a second one, which the engine takes for the same or not.
func (d definer) check(t *testing.T, c identityCase, second string, same bool, want string) {
	t.Helper()
	alone := d.count(t, c, c.One)
	if alone.err != nil || alone.kept == 0 {
		t.Fatalf("libvirt keeps %d of the one: %v", alone.kept, alone.err)
	}
	two := d.count(t, c, c.One, second)
	got := both
	switch {
	case two.err != nil:
		got = refused
	case two.kept == alone.kept:
		got = one
	case alone.starts == nil && two.starts != nil:
		got = unstarted
	}
	if alone := d.count(t, c, second); got != both && (alone.err != nil || alone.kept == 0) {
		t.Errorf("libvirt keeps %d of the second one alone: %v", alone.kept, alone.err)
	}
	if *show {
		fmt.Printf("%s %s: %t: %s %v\n", c.At, c.One, same, got, errors.Join(two.err, two.starts))
		return
	}
	if got != want {
		t.Errorf("%s: %s, want %s: %v", second, got, want, two.err)
	}
	if areSame(two.elements) != same {
		t.Errorf("%s: the same for the engine: %t, want %t", second, !same, same)
	}
}

// areSame asks the engine.
func areSame(elements []*xmlquery.Node) bool {
	for _, a := range patch.Identities(elements[0]) {
		for _, b := range patch.Identities(elements[1]) {
			if fmt.Sprint(a.Paths) == fmt.Sprint(b.Paths) && a.Value == b.Value {
				return true
			}
		}
	}
	return false
}

func readIdentityCases(t *testing.T) (all []identityCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/identities.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// definer defines domains with the QEMU driver.
type definer struct {
	host    *virsh.Host
	session *virsh.Session
	parser  *virsh.Session // libvirt without QEMU
}

func newDefiner(t *testing.T) definer {
	t.Helper()
	host := virsh.ForTest(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	open := func(driver string) *virsh.Session {
		session, err := host.Open(ctx, driver)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := session.Close(); err != nil {
				t.Error(err)
			}
		})
		return session
	}
	d := definer{host, open(host.QEMUDriver()), open(virsh.TestDriver)}
	if err := d.session.CheckVersions(); err != nil {
		t.Fatal(err)
	}
	return d
}

// counted is what a definition came to.
type counted struct {
	elements []*xmlquery.Node // that were given
	kept     int              // elements of their name in their place
	err      error            // of libvirt, when it was to define the domain
	starts   error            // and when it was to start QEMU
}

func (d definer) count(t *testing.T, c identityCase, elements ...string) counted {
	t.Helper()
	given := frame(c, elements...)
	all := find(parse(t, given), c.At)
	own := all[len(all)-len(elements):]
	file, err := d.host.Write("facts.xml", []byte(given))
	if err != nil {
		t.Fatal(err)
	}
	session := d.session
	if c.Parse {
		session = d.parser
	}
	dump, err := session.Define(file, "facts")
	if err != nil {
		return counted{own, 0, err, nil}
	}
	var starts error
	if !c.Parse {
		_, starts = session.NativeArguments(file)
	}
	kept := 0
	for _, e := range find(parse(t, dump), c.At) {
		if e.Data == own[0].Data && e.NamespaceURI == own[0].NamespaceURI {
			kept++
		}
	}
	return counted{own, kept, nil, starts}
}

// frame is a domain with elements in the row's place.
func frame(c identityCase, elements ...string) string {
	content := c.In + strings.Join(elements, "")
	steps := strings.FieldsFunc(c.At, func(r rune) bool { return r == '/' })
	for i := len(steps) - 1; i >= 0; i-- {
		name, attribute := step(steps[i])
		if name == "os" {
			content = machine + content
		}
		content = "<" + name + " " + attribute + ">" + content + "</" + name + ">"
	}
	if len(steps) == 0 || !strings.HasPrefix(steps[0], "os") {
		content = "<os>" + machine + "</os>" + content
	}
	return `<domain type="` + c.domainType() + `" xmlns:qemu="` + document.QEMUNamespace + `"><name>facts</name><memory unit="MiB">64</memory>` +
		`<vcpu>4</vcpu>` + c.Beside + content + `</domain>`
}

// machine is in every domain.
const machine = `<type arch="x86_64" machine="q35">hvm</type>`

func (c identityCase) domainType() string {
	if c.Parse {
		return "test"
	}
	return "qemu"
}

// step splits name[@attribute='value' and more].
func step(text string) (name, attribute string) {
	name, attribute, _ = strings.Cut(strings.TrimSuffix(text, "]"), "[@")
	return name, attribute
}

// find lists the elements in a place.
func find(doc *document.Document, at string) []*xmlquery.Node {
	parents := []*xmlquery.Node{doc.Element()}
	for _, text := range strings.FieldsFunc(at, func(r rune) bool { return r == '/' }) {
		name, attribute := step(text)
		_, local, isQEMU := strings.Cut(name, ":")
		var next []*xmlquery.Node
		for _, p := range parents {
			for e := range document.EachElement(p) {
				fits := e.Data == name && e.NamespaceURI == "" || isQEMU && e.Data == local
				if key, rest, ok := strings.Cut(attribute, "='"); fits && (!ok || strings.HasPrefix(rest, e.SelectAttr(key)+"'")) {
					next = append(next, e)
				}
			}
		}
		parents = next
	}
	var all []*xmlquery.Node
	for _, p := range parents {
		all = append(all, document.Elements(p)...)
	}
	return all
}
