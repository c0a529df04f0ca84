// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/generate"
)

// generatedPatch is a patch to print.
type generatedPatch struct {
	name, namespace string
	cluster         bool
	domain          []generate.DomainRule
	cloudInit       []generate.CloudInitRule
	notes           []string
}

func (p *generatedPatch) isEmpty() bool { return len(p.domain)+len(p.cloudInit) == 0 }

func (p *generatedPatch) kind() string {
	if p.cluster {
		return bundle.KindClusterDomainPatch
	}
	return bundle.KindDomainPatch
}

// encode writes the patch as yaml or json.
func (p *generatedPatch) encode(format string) ([]byte, error) {
	if format == "json" {
		var out bytes.Buffer
		err := printJSON(&out, p.object())
		return out.Bytes(), err
	}
	return encodeYAML(p.document())
}

// encodeYAML writes YAML as the samples are written.
func encodeYAML(root *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	e.CompactSeqIndent()
	err := errors.Join(e.Encode(root), e.Close())
	return out.Bytes(), err
}

// object is the patch as JSON has it.
func (p *generatedPatch) object() any {
	type metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace,omitempty"`
	}
	type spec struct {
		Domain    []bundle.DomainRule    `json:"domain,omitempty"`
		CloudInit []bundle.CloudInitRule `json:"cloudInit,omitempty"`
	}
	var s spec
	for _, r := range p.domain {
		s.Domain = append(s.Domain, r.DomainRule)
	}
	for _, r := range p.cloudInit {
		s.CloudInit = append(s.CloudInit, r.CloudInitRule)
	}
	return struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Metadata   metadata `json:"metadata"`
		Spec       spec     `json:"spec"`
	}{v1alpha1.GroupVersion.String(), p.kind(), metadata{p.name, p.namespace}, s}
}

// document is the patch as YAML has it, with comments.
func (p *generatedPatch) document() *yaml.Node {
	metadata := newMapping().text("name", p.name).text("namespace", p.namespace)
	spec := newMapping()
	var rules []*yaml.Node
	for i := range p.domain {
		rules = append(rules, domainRuleNode(&p.domain[i]))
	}
	spec.list("domain", rules)
	rules = nil
	for i := range p.cloudInit {
		rules = append(rules, cloudInitRuleNode(&p.cloudInit[i]))
	}
	spec.list("cloudInit", rules)
	root := newMapping().text("apiVersion", v1alpha1.GroupVersion.String()).text("kind", p.kind()).
		node("metadata", metadata.mapping).node("spec", spec.mapping)
	head := []string{"Generated: review it, and say here what it is for and which VMs it is for."}
	root.mapping.HeadComment = comment(append(head, p.notes...)...)
	return root.mapping
}

func domainRuleNode(r *generate.DomainRule) *yaml.Node {
	m := newMapping().text("op", string(r.Op)).text("path", r.Path).text("position", string(r.Position)).
		text("key", r.Key).text("expect", string(r.Expect))
	if r.Value != nil {
		m.node("value", textNode(*r.Value))
	}
	m.text("xml", r.XML)
	m.mapping.HeadComment = comment(r.Comment)
	return m.mapping
}

func cloudInitRuleNode(r *generate.CloudInitRule) *yaml.Node {
	m := newMapping().text("target", string(r.Target)).text("op", string(r.Op)).node("path", textNode(r.Path))
	if r.Create {
		m.node("create", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	if r.Value != nil {
		m.node("value", asNeeded(offline.JSONNode(r.Value)))
	}
	m.text("yaml", r.YAML)
	m.mapping.HeadComment = comment(r.Comment)
	return m.mapping
}

// mappingNode builds a YAML mapping whose fields stay in their order.
type mappingNode struct{ mapping *yaml.Node }

func newMapping() mappingNode { return mappingNode{&yaml.Node{Kind: yaml.MappingNode}} }

func (m mappingNode) node(name string, value *yaml.Node) mappingNode {
	m.mapping.Content = append(m.mapping.Content, textNode(name), value)
	return m
}

// text adds a field unless it is empty.
func (m mappingNode) text(name, value string) mappingNode {
	if value == "" {
		return m
	}
	return m.node(name, textNode(value))
}

func (m mappingNode) list(name string, items []*yaml.Node) {
	if len(items) > 0 {
		m.node(name, &yaml.Node{Kind: yaml.SequenceNode, Content: items})
	}
}

// textNode is a string, quoted where YAML 1.1 or 1.2 would take it for something else.
func textNode(text string) *yaml.Node {
	n := &yaml.Node{}
	if strings.Contains(text, "\n") {
		n.SetString(text)
		return n
	}
	_ = n.Encode(text) // a string can be encoded
	return n
}

// asNeeded quotes the texts of a value where YAML needs that, and nowhere else.
func asNeeded(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.ScalarNode && n.Style == yaml.DoubleQuotedStyle {
		return textNode(n.Value)
	}
	for i := range n.Content {
		n.Content[i] = asNeeded(n.Content[i])
	}
	return n
}

// commentWidth is how long a line of a comment gets, in bytes, unless a word is longer.
const commentWidth = 88

// comment writes texts as YAML comments, each beginning a line.
func comment(texts ...string) string {
	var all []string
	for _, text := range texts {
		for paragraph := range strings.Lines(text) {
			line := "#"
			for _, word := range strings.Fields(paragraph) {
				if len(line) > 1 && len(line)+1+len(word) > commentWidth {
					all = append(all, line)
					line = "#"
				}
				line += " " + word
			}
			if line != "#" {
				all = append(all, line)
			}
		}
	}
	return strings.Join(all, "\n")
}
