// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// content is what a document says: the values of attributes and the texts of elements by their places, for example "none"
// at "/domain/devices/disk[2]/driver/@cache". How it is written does not count: white space between elements, quotes,
// prefixes of namespaces, comments, and the order of elements that have different names, which libvirt does not read.
type content map[string]string

// parse reads a document strictly.
func parse(doc []byte) (content, error) {
	all := content{}
	decoder := xml.NewDecoder(strings.NewReader(string(doc)))
	stack := []*place{newPlace("")}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			child := top.child(token)
			child.read(token, all)
			stack = append(stack, child)
		case xml.EndElement:
			all[top.path] = strings.TrimSpace(top.text.String())
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text.Write(token)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no element")
	}
	maps.DeleteFunc(all, func(place, value string) bool { return neutral.has(place) && neutral[place] == value })
	return all, nil
}

// neutral is what KubeVirt writes and libvirt reads as if it were not there, so that no tool is blamed for dropping it.
var neutral = content{"/domain/devices/interface/source": "", "/domain/maxMemory/@slots": "0"}

// place is an element that is being read.
type place struct {
	path      string
	named     bool           // whether the path has the name
	seen      map[string]int // children by name
	arguments *place         // of QEMU
	text      strings.Builder
}

func newPlace(path string) *place { return &place{path: path, seen: map[string]int{}} }

// child gives the place of the next child. Entries of SMBIOS tables are told apart by their own names, and all of
// QEMU's arguments are in one place, as libvirt reads them.
func (p *place) child(token xml.StartElement) *place {
	name := local(token.Name)
	path, named := p.path+"/"+name, false
	if i := slices.IndexFunc(token.Attr, func(a xml.Attr) bool { return a.Name.Local == "name" }); i >= 0 && name == "entry" {
		path, named = path+"[@name='"+token.Attr[i].Value+"']", true
	}
	if name == "qemu:commandline" {
		if p.arguments == nil {
			p.arguments = newPlace(path)
		}
		return p.arguments
	}
	p.seen[path]++
	if n := p.seen[path]; n > 1 {
		path = fmt.Sprintf("%s[%d]", path, n)
	}
	child := newPlace(path)
	child.named = named
	return child
}

func (p *place) read(token xml.StartElement, all content) {
	for _, attribute := range token.Attr {
		if p.named && attribute.Name.Local == "name" {
			continue
		}
		if attribute.Name.Space != "xmlns" && attribute.Name.Local != "xmlns" {
			all[p.path+"/@"+local(attribute.Name)] = attribute.Value
		}
	}
}

const qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"

// local is a name in which a namespace is short, whatever its prefix.
func local(name xml.Name) string {
	switch name.Space {
	case "", "http://kubevirt.io":
		return name.Local
	case qemuNamespace:
		return "qemu:" + name.Local
	}
	return "{" + name.Space + "}" + name.Local
}

// without lists the places of which c says what other does not say, sorted.
func (c content) without(other content) []string {
	var places []string
	for place, value := range c {
		if there, ok := other[place]; !ok || there != value {
			places = append(places, place)
		}
	}
	return slices.Sorted(slices.Values(places))
}

func (c content) has(place string) bool {
	_, ok := c[place]
	return ok
}

// same tells whether both say the same at the place.
func (c content) same(other content, place string) bool {
	return c.has(place) && other.has(place) && c[place] == other[place]
}

// names are the names of elements and attributes as they are written, with their prefixes.
func names(doc []byte) (map[string]bool, error) {
	all := map[string]bool{}
	decoder := xml.NewDecoder(strings.NewReader(string(doc)))
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok {
			all[written(start.Name)] = true
			for _, attribute := range start.Attr {
				all["@"+written(attribute.Name)] = true
			}
		}
	}
}

func written(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}

// prefixed are those names of a document that have a prefix, sorted.
func prefixed(doc []byte) ([]string, error) {
	all, err := names(doc)
	maps.DeleteFunc(all, func(name string, _ bool) bool { return !strings.Contains(name, ":") })
	return slices.Sorted(maps.Keys(all)), err
}
