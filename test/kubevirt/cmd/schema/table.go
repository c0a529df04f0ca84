// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding"
	"encoding/xml"
	"fmt"
	"go/format"
	"math"
	"reflect"
	"strings"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// table is the table in the making: one row per Go type and namespace.
type table struct {
	rows  []row
	index map[key]int
}

type key struct {
	kind      reflect.Type
	namespace string // of the elements below, whose tags name none
}

// row mirrors schema.Element.
type row struct {
	title      string
	attributes []attribute
	children   []child
	text       string
}

type attribute struct{ name, kind, presence string }

type child struct {
	namespace, name, presence string
	repeats                   bool
	row                       int
}

func newTable() *table { return &table{index: map[key]int{}} }

// custom are the types that (un)marshal themselves, with what stands for them in the table:
// look at their methods before adding one.
var custom = map[reflect.Type]reflect.Type{
	// Takes ua- off the name and puts it back. A second one replaces the first, which is the
	// same as to merge it where it has a name.
	reflect.TypeFor[api.Alias](): reflect.TypeFor[struct {
		Name string `xml:"name,attr"`
	}](),
}

// element gives the row of a type that stands for an element, made first if there is none.
func (t *table) element(kind reflect.Type, namespace string) (int, error) {
	at := key{kind, namespace}
	if i, known := t.index[at]; known {
		return i, nil
	}
	i := len(t.rows)
	t.index[at] = i
	t.rows = append(t.rows, row{title: kind.String()})
	r := row{title: kind.String()}
	text, scalar, err := scalarKind(kind)
	switch {
	case err != nil:
		return 0, err
	case scalar:
		r.text = text
	default:
		if stand, ok := custom[kind]; ok {
			kind = stand
		} else if err := checkMethods(kind); err != nil {
			return 0, err
		}
		if err := t.fields(&r, kind, namespace); err != nil {
			return 0, fmt.Errorf("%s: %w", r.title, err)
		}
	}
	t.rows[i] = r
	return i, nil
}

// checkMethods refuses a type whose own methods would make its tags a lie.
func checkMethods(kind reflect.Type) error {
	for _, method := range []reflect.Type{
		reflect.TypeFor[xml.Marshaler](), reflect.TypeFor[xml.Unmarshaler](),
		reflect.TypeFor[xml.MarshalerAttr](), reflect.TypeFor[xml.UnmarshalerAttr](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if kind.Implements(method) || reflect.PointerTo(kind).Implements(method) {
			return fmt.Errorf("%s implements %s: say in custom what it keeps", kind, method)
		}
	}
	return nil
}

// fields reads the tags of a struct, as encoding/xml does (see xml.Unmarshal).
func (t *table) fields(r *row, kind reflect.Type, namespace string) error {
	if kind.Kind() != reflect.Struct {
		return fmt.Errorf("%s is no kind of element that this program knows", kind)
	}
	for i := range kind.NumField() {
		f := kind.Field(i)
		tag, tagged := f.Tag.Lookup("xml")
		if f.Anonymous {
			return fmt.Errorf("field %s is embedded, which this program does not know", f.Name)
		}
		if tag == "-" || f.Name == "XMLName" {
			continue
		}
		if !tagged || !f.IsExported() {
			return fmt.Errorf("field %s has no xml tag", f.Name)
		}
		if err := t.field(r, &f, tag, namespace); err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return nil
}

func (t *table) field(r *row, f *reflect.StructField, tag, namespace string) error {
	name, flags, _ := strings.Cut(tag, ",")
	if ns, local, ok := strings.Cut(name, " "); ok {
		namespace, name = ns, local
	}
	if strings.Contains(name, ":") {
		return nil // encoding/xml writes it, but reads a prefix as a namespace: it is never read back
	}
	omitempty := false
	mode := ""
	for flag := range strings.SplitSeq(flags, ",") {
		if flag == "omitempty" {
			omitempty = true
		} else {
			mode += flag
		}
	}
	switch mode {
	case "attr":
		kind, presence, err := scalarField(f.Type, omitempty)
		r.attributes = append(r.attributes, attribute{name, kind, presence})
		return err
	case "chardata":
		kind, _, err := scalarField(f.Type, omitempty)
		if omitempty || f.Type.Kind() == reflect.Pointer {
			return fmt.Errorf("a text that may be left out is new to this program")
		}
		r.text = kind
		return err
	case "":
		return t.child(r, f.Type, strings.Split(name, ">"), namespace, omitempty)
	}
	return fmt.Errorf("the tag %q is new to this program", tag)
}

// child adds the element of a field. A path a>b makes elements a that have no type.
func (t *table) child(r *row, kind reflect.Type, path []string, namespace string, omitempty bool) error {
	if len(path) > 1 {
		if kind.Kind() != reflect.Slice || omitempty {
			return fmt.Errorf("a path to something else than a slice, or one that may be left out, is new to this program")
		}
		inner := row{title: r.title + " " + path[0]}
		if err := t.child(&inner, kind, path[1:], namespace, omitempty); err != nil {
			return err
		}
		t.rows = append(t.rows, inner)
		r.children = append(r.children, child{namespace, path[0], "Always", false, len(t.rows) - 1})
		return nil
	}
	c := child{namespace: namespace, name: path[0], presence: "Always"}
	switch kind.Kind() {
	case reflect.Slice:
		c.presence, c.repeats = "Kept", true
		kind = kind.Elem()
	case reflect.Pointer:
		c.presence = "Kept"
		kind = kind.Elem()
	case reflect.Struct: // never empty to encoding/xml
	default:
		if omitempty {
			c.presence = "Filled"
		}
	}
	var err error
	c.row, err = t.element(kind, namespace)
	r.children = append(r.children, c)
	return err
}

// scalarField is the kind of a field that holds a text, and when it is written.
func scalarField(t reflect.Type, omitempty bool) (kind, presence string, err error) {
	presence = "Always"
	if omitempty {
		presence = "Filled"
	}
	if t.Kind() == reflect.Pointer {
		t, presence = t.Elem(), "Kept"
	}
	kind, ok, err := scalarKind(t)
	if err == nil && !ok {
		err = fmt.Errorf("%s does not hold a text", t)
	}
	return kind, presence, err
}

// scalarKind names the schema.Kind of a type that holds a text; ok is false for a struct.
func scalarKind(t reflect.Type) (kind string, ok bool, err error) {
	if t.String() == "v1.Time" {
		return "Time", true, nil
	}
	if t.Kind() == reflect.Struct {
		return "", false, nil
	}
	kind, ok = map[reflect.Kind]string{
		reflect.String: "String", reflect.Bool: "Bool",
		reflect.Int32: "Int32", reflect.Int64: "Int64", reflect.Int: "Int64",
		reflect.Uint32: "Uint32", reflect.Uint64: "Uint64", reflect.Uint: "Uint64",
	}[t.Kind()]
	if !ok {
		return "", false, fmt.Errorf("%s is no kind of text that this program knows", t)
	}
	return kind, true, checkMethods(t)
}

// source writes the table as Go.
func (t *table) source(version string) ([]byte, error) {
	if len(t.rows) > math.MaxUint8 {
		return nil, fmt.Errorf("%d rows: Child.element cannot count them", len(t.rows))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by test/kubevirt/cmd/schema from KubeVirt %s. DO NOT EDIT.\n\n", version)
	b.WriteString("// SPDX-FileCopyrightText: The DomainPatch Authors\n// SPDX-License-Identifier: Apache-2.0\n\npackage schema\n\n")
	fmt.Fprintf(&b, "// Version is the version of KubeVirt that the table comes from.\nconst Version = %q\n\n", version)
	b.WriteString("// elements are KubeVirt's types, the root element first.\nvar elements = [...]Element{\n")
	for i := range t.rows {
		if n := len(t.rows[i].children); n > 64 {
			return nil, fmt.Errorf("%s has %d children: Others.find cannot tell them by bits", t.rows[i].title, n)
		}
		t.rows[i].write(&b, i)
	}
	b.WriteString("}\n")
	return format.Source(b.Bytes())
}

func (r *row) write(b *bytes.Buffer, index int) {
	fmt.Fprintf(b, "\t%d: { // %s\n", index, r.title)
	if len(r.attributes) > 0 {
		b.WriteString("attributes: []Attribute{\n")
		for _, a := range r.attributes {
			fmt.Fprintf(b, "{%q, %s, %s},\n", a.name, a.kind, a.presence)
		}
		b.WriteString("},\n")
	}
	if len(r.children) > 0 {
		b.WriteString("children: []Child{\n")
		for _, c := range r.children {
			fmt.Fprintf(b, "{%q, %q, %s, %t, %d},\n", c.namespace, c.name, c.presence, c.repeats, c.row)
		}
		b.WriteString("},\n")
	}
	if r.text != "" {
		fmt.Fprintf(b, "text: %s,\n", r.text)
	}
	b.WriteString("},\n")
}
