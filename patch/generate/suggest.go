// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Suggest says in comments where a value of a rule is also the VMI's name, one of its labels
// or annotations: the script may have taken it from there. It leaves the rules as they are,
// since the two may be equal by chance. vmi is the VMI as JSON.
func Suggest(rules []DomainRule, vmi []byte) {
	sources := sourcesOf(vmi)
	for i := range rules {
		r := &rules[i]
		for _, s := range sources {
			switch {
			case r.Value != nil && *r.Value == s.value:
				r.remark(fmt.Sprintf("The value is also that of %s. If it comes from there, write instead of value:\n  expression: %s", s.name, s.expression))
			case containsText(r.XML, s.value):
				r.remark(fmt.Sprintf("%q is also the value of %s. If it comes from there, write $(NAME) for it, with a variable NAME:\n  expression: %s", s.value, s.name, s.expression))
			default:
				continue
			}
			break
		}
	}
}

func (r *DomainRule) remark(text string) {
	r.Comment = strings.TrimPrefix(r.Comment+"\n"+text, "\n")
}

// source is a text of a VMI, and how CEL reads it.
type source struct{ value, name, expression string }

// sourcesOf are the texts of a VMI that scripts use, annotations first.
func sourcesOf(vmi []byte) []source {
	var object struct {
		Metadata struct {
			Name        string            `json:"name"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if json.Unmarshal(vmi, &object) != nil {
		return nil
	}
	var all []source
	add := func(what, field string, texts map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			all = append(all, source{texts[name], fmt.Sprintf("the VMI's %s %s", what, name), fmt.Sprintf("vmi.metadata.%s[%s]", field, celString(name))})
		}
	}
	add("annotation", "annotations", object.Metadata.Annotations)
	add("label", "labels", object.Metadata.Labels)
	all = append(all, source{object.Metadata.Name, "the VMI's name", "vmi.metadata.name"})
	return slices.DeleteFunc(all, func(s source) bool { return isCommon(s.value) })
}

// isCommon says whether a text stands in many places by chance.
func isCommon(text string) bool {
	return len(text) < 2 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) || slices.Contains([]string{"true", "false", "yes", "no", "on", "off"}, text)
}

// celString quotes a name of a label or annotation, which has neither quotes nor backslashes
// where Kubernetes accepted it.
func celString(name string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`).Replace(name) + "'"
}

// containsText says whether the xml of a rule has an attribute or an element of that text.
func containsText(xml, text string) bool {
	return strings.Contains(xml, "='"+attributeEscaper.Replace(escapeTemplate(text))+"'") ||
		strings.Contains(xml, ">"+textEscaper.Replace(escapeTemplate(text))+"</")
}
