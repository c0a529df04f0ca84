// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// facts are what a document says, one a line, and how often it says it: the text of an element, the value of an
// attribute, that an element is there. Devices have the alias of KubeVirt in their path where they have one, and
// no number: the releases order them differently.
type facts map[string]int

// node is an element of a domain.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

func domainFacts(domain []byte) (facts, error) {
	root := node{}
	if err := xml.Unmarshal(domain, &root); err != nil {
		return nil, err
	}
	found := facts{}
	found.add("", &root)
	return found, nil
}

func (f facts) add(path string, n *node) {
	path += "/" + n.title()
	said := false
	for _, a := range n.Attrs {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			f[path+"/@"+a.Name.Local+" = "+a.Value]++
			said = true
		}
	}
	if text := strings.TrimSpace(n.Text); text != "" {
		f[path+" = "+text]++
		said = true
	}
	for i := range n.Children {
		f.add(path, &n.Children[i])
		said = true
	}
	if !said {
		f[path]++
	}
}

// title is the element's name, with what tells it from others of that name.
func (n *node) title() string {
	name := n.XMLName.Local
	if strings.HasSuffix(n.XMLName.Space, "/qemu/1.0") {
		name = "qemu:" + name
	}
	for i := range n.Children {
		if c := &n.Children[i]; c.XMLName.Local == "alias" {
			return fmt.Sprintf("%s[%s]", name, c.attribute("name"))
		}
	}
	switch name {
	case "controller":
		return fmt.Sprintf("%s[%s %s]", name, n.attribute("type"), n.attribute("index"))
	case "entry", "timer", "feature":
		return fmt.Sprintf("%s[%s]", name, n.attribute("name"))
	}
	return name
}

func (n *node) attribute(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// cloudInitFacts says a line of a text a fact.
func cloudInitFacts(data []byte) (facts, error) {
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	found := facts{}
	for name, value := range fields {
		text, isText := value.(string)
		if !isText {
			encoded, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			text = string(encoded)
		}
		for line := range strings.Lines(text) {
			found[name+": "+strings.TrimRight(line, "\n")]++
		}
	}
	return found, nil
}

// edit is what one document says and another does not, sorted: lines with + are new, those with - gone.
func edit(before, after facts) []string {
	var lines []string
	for fact := range maps.Keys(after) {
		for range after[fact] - before[fact] {
			lines = append(lines, "+ "+fact)
		}
	}
	for fact := range maps.Keys(before) {
		for range before[fact] - after[fact] {
			lines = append(lines, "- "+fact)
		}
	}
	slices.Sort(lines)
	return lines
}
