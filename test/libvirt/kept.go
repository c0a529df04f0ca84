// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// lost compares what a patch wrote, or removed, with what libvirt keeps, by the paths of its rules: it returns those of
// which libvirt keeps something else, and how many it looked at. Before is the domain without the patch.
func lost(rules []patch.RulePlaces, before, wanted, kept *document.Document) (paths []string, compared int, err error) {
	seen := map[string]bool{}
	for _, rule := range rules {
		if rule.Unknown != "" {
			paths = append(paths, fmt.Sprintf("%s of %s: %s", rule.Field, rule.Patch, rule.Unknown))
		}
		for i := range rule.Places {
			place := &rule.Places[i]
			path, err := pathOf(place, before, wanted)
			if err != nil {
				return nil, 0, err
			}
			if seen[path] || place.Incidental {
				continue
			}
			seen[path] = true
			same, there, err := compare(path, wanted, kept, place.Removed)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", path, err)
			}
			if there {
				compared++
			}
			if !same {
				paths = append(paths, path)
			}
		}
	}
	return paths, compared, nil
}

// pathOf is the path of a place, without its conditions where those hold variables, or held before the patch and do not any more.
func pathOf(p *patch.Place, before, wanted *document.Document) (string, error) {
	path := p.String()
	if strings.Contains(path, "$(") {
		return p.Shape(), nil
	}
	found, err := selectAll(path, wanted)
	if err != nil || len(found) > 0 || p.Removed {
		return path, err
	}
	conditional := path[:strings.LastIndex(path, "]")+1]
	if conditional == "" {
		return path, nil
	}
	held, err := selectAll(conditional, before)
	if len(held) > 0 {
		path = p.Shape()
	}
	return path, err
}

// compare says whether libvirt keeps all that a path selects, and whether there was something to keep. Of a path that selects
// nothing any more, because it was removed, there must be nothing.
func compare(path string, wanted, kept *document.Document, removed bool) (same, there bool, err error) {
	want, err := selectAll(path, wanted)
	if err != nil {
		return false, false, err
	}
	have, err := selectAll(path, kept)
	if err != nil {
		return false, false, err
	}
	if len(want) == 0 {
		return !removed || len(have) == 0, removed, nil
	}
	for _, w := range want {
		if !w.isIn(have) {
			return false, true, nil
		}
	}
	return true, true, nil
}

type node struct{ selector.Node }

func selectAll(path string, doc *document.Document) ([]node, error) {
	compiled, err := selector.Compile(path)
	if err != nil {
		return nil, err
	}
	found, err := compiled.Select(doc, &selector.Budget{})
	nodes := make([]node, len(found))
	for i := range found {
		nodes[i] = node{found[i]}
	}
	return nodes, err
}

// isIn says whether one of the nodes has all that this one has.
func (n node) isIn(nodes []node) bool {
	for _, other := range nodes {
		if n.IsAttribute() && n.Text() == other.Text() || !n.IsAttribute() && holds(other.Node.Node, n.Node.Node) {
			return true
		}
	}
	return false
}

// holds says whether an element has all attributes, the text and all elements of another. It may have more.
func holds(e, wanted *xmlquery.Node) bool {
	for i := range wanted.Attr {
		a := &wanted.Attr[i]
		if document.IsDeclaration(a) {
			continue
		}
		if at := document.Attribute(e, a.NamespaceURI, a.Name.Local); at < 0 || e.Attr[at].Value != a.Value {
			return false
		}
	}
	if len(document.Elements(wanted)) == 0 {
		return strings.TrimSpace(document.Text(e)) == strings.TrimSpace(document.Text(wanted))
	}
	for w := range document.EachElement(wanted) {
		found := false
		for c := range document.EachElement(e) {
			found = found || c.Data == w.Data && c.NamespaceURI == w.NamespaceURI && holds(c, w)
		}
		if !found {
			return false
		}
	}
	return true
}
