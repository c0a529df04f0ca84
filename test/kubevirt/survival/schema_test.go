// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package survival

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// agree compares the model of what KubeVirt keeps with KubeVirt.
func agree(t *testing.T, domain string) {
	t.Helper()
	want, got := parse(t, roundTrip(t, domain)).String(), parse(t, modelled(t, domain)).String()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-KubeVirt +model\n%s", diff)
	}
}

// TestModelOfDomains: of real domains, and of what is made of them.
func TestModelOfDomains(t *testing.T) {
	var files []string
	for _, pattern := range []string{"patch/testdata/domains/*.xml", "patch/testdata/cases/*/*.xml", "config/samples/*/*.xml"} {
		found, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no file matches %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, string(data))
		})
	}
}

// TestModelOfEverything: of a domain with every field of KubeVirt's structs, and of mutants
// of it that lack parts, hold parts twice, hold empty ones, and unknown ones beside them.
func TestModelOfEverything(t *testing.T) {
	all := everything(t)
	elements := 0
	all.each(func(*node) { elements++ })
	if elements < 300 {
		t.Fatalf("%d elements are not everything:\n%s", elements, all)
	}
	agree(t, all.document(t))
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		mutant := everything(t)
		mutate(r, mutant)
		agree(t, mutant.document(t))
	}
}

// everything is a domain with every field of KubeVirt's structs.
func everything(t *testing.T) *node {
	t.Helper()
	spec := &api.DomainSpec{}
	fill(t, reflect.ValueOf(spec).Elem(), 0)
	spec.XmlNS = "http://libvirt.org/schemas/domain/qemu/1.0"
	encoded, err := launcher.Encode(spec)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(encoded))
}

// fill gives every field a value, slices two.
func fill(t *testing.T, v reflect.Value, depth int) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[xml.Name]():
		return
	case v.Type() == reflect.TypeFor[metav1.Time]():
		v.Set(reflect.ValueOf(metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))))
		return
	case v.Type() == reflect.TypeFor[api.Alias]():
		v.Set(reflect.ValueOf(*api.NewUserDefinedAlias("some")))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("s&\"< x ")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Pointer:
		if depth < 9 { // DiskSource holds itself
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), depth+1)
		fill(t, v.Index(1), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "XmlNS" {
				fill(t, v.Field(i), depth)
			}
		}
	default:
		t.Fatalf("cannot fill a %s", v.Type())
	}
}

// mutate changes about a third of the elements, each in one way.
func mutate(r *rand.Rand, n *node) {
	n.Children = slices.DeleteFunc(n.Children, func(*node) bool { return r.IntN(12) == 0 })
	for i := 0; i < len(n.Children); i++ {
		c := n.Children[i]
		if strings.HasSuffix(c.XMLName.Local, "Timestamp") || c.XMLName.Local == "alias" {
			continue // KubeVirt cannot read an empty one; a second alias replaces the first, be it without a name
		}
		mutate(r, c)
		switch r.IntN(14) {
		case 0: // a second one, not the same
			twin := *c
			twin.Attrs = slices.Clone(c.Attrs)
			twin.Children = slices.Clone(c.Children)
			mutate(r, &twin)
			n.Children = slices.Insert(n.Children, i, &twin)
			i++
		case 1: // empty
			*c = node{XMLName: c.XMLName}
		case 2:
			c.Children = append(c.Children, element("unknown", "a", "b"), element("type", "a", "b"))
		case 3:
			c.Attrs = append(c.Attrs, xml.Attr{Name: xml.Name{Local: fmt.Sprint("unknown", r.Uint64())}, Value: "x"})
		}
	}
	for i := range n.Attrs {
		switch r.IntN(10) {
		case 0:
			n.Attrs[i].Value = map[bool]string{true: "007", false: ""}[n.Attrs[i].Value == "7"]
		case 1:
			n.Attrs[i].Value = ""
		}
	}
	n.Attrs = slices.DeleteFunc(n.Attrs, func(xml.Attr) bool { return r.IntN(8) == 0 })
	if n.Text == "7" && r.IntN(4) == 0 {
		n.Text = " 0 "
	}
	r.Shuffle(len(n.Children), func(i, j int) { n.Children[i], n.Children[j] = n.Children[j], n.Children[i] })
}
