// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// printTypes prints the path of every element and attribute that api.DomainSpec reads and writes, sorted.
// Below an element that stands in itself it does not descend again.
func printTypes(w io.Writer) error {
	found := map[string]bool{}
	collect(reflect.TypeFor[api.DomainSpec](), "/domain", nil, found)
	lines := make([]string, 0, len(found))
	for path := range found {
		lines = append(lines, path)
	}
	slices.Sort(lines)
	out := bufio.NewWriter(w)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

func collect(kind reflect.Type, path string, above []reflect.Type, found map[string]bool) {
	for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
		kind = kind.Elem()
	}
	found[path] = true
	switch {
	case kind == reflect.TypeFor[api.Alias]():
		found[path+"/@name"] = true // it reads and writes itself
	case kind.Kind() == reflect.Struct && !slices.Contains(above, kind):
		for i := range kind.NumField() {
			field(kind.Field(i), path, append(slices.Clone(above), kind), found)
		}
	}
}

func field(f reflect.StructField, path string, above []reflect.Type, found map[string]bool) {
	tag, flags, _ := strings.Cut(f.Tag.Get("xml"), ",")
	if i := strings.LastIndex(tag, " "); i >= 0 {
		tag = tag[i+1:] // behind the namespace
	}
	switch {
	case f.Name == "XMLName" || tag == "-" || strings.Contains(tag, ":"): // a prefix is written, and never read again
	case strings.Contains(flags, "attr"):
		found[path+"/@"+tag] = true
	case strings.Contains(flags, "chardata"):
		found[path+"/text()"] = true
	case tag != "":
		for _, name := range strings.Split(tag, ">") {
			path += "/" + name
			found[path] = true
		}
		collect(f.Type, path, above, found)
	}
}
