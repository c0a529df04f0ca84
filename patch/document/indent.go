// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"strings"

	"github.com/antchfx/xmlquery"
)

// indentation is how the children of one element are set apart.
type indentation struct {
	lead string // line end and blanks before a child; empty where the document has no lines there
	unit string // what one more level adds
}

// spacing is the white space that comes with a new element.
type spacing struct {
	at            indentation
	before, after string
	alone         bool // it comes in place of all white space in its parent
}

func (i indentation) multiline() bool { return i.lead != "" }

func (i indentation) deeper() indentation { return indentation{i.lead + i.unit, i.unit} }

// indentation reads how a node is indented: from the blank before it and, for the
// unit, from its parent's.
func (d *Document) indentation(n *xmlquery.Node) indentation {
	lead := d.lead(n)
	if lead == "" && n.Parent != nil && n.Parent.Type == xmlquery.DocumentNode {
		// The root element starts at column 0; its children tell whether the document has lines.
		for c := range EachElement(n) {
			if inner := d.lead(c); inner != "" {
				lineEnd, unit := splitLead(inner)
				return indentation{lineEnd, unit}
			}
		}
	}
	_, blanks := splitLead(lead)
	if lead == "" {
		return indentation{}
	}
	if n.Parent != nil {
		_, outer := splitLead(d.lead(n.Parent))
		if unit, ok := strings.CutPrefix(blanks, outer); ok && unit != "" {
			return indentation{lead, unit}
		}
	}
	if strings.HasPrefix(blanks, " ") {
		return indentation{lead, "  "}
	}
	return indentation{lead, "\t"}
}

// lead gives the last line end before a node and the blanks behind it. Blanks written as
// references or in a CDATA section are nobody's indentation.
func (d *Document) lead(n *xmlquery.Node) string {
	if !isBlank(n.PrevSibling) {
		return ""
	}
	raw := d.sourceOf(n.PrevSibling)
	i := strings.LastIndexByte(raw, '\n')
	if i < 0 || strings.Trim(raw[i:], "\n\t ") != "" {
		return ""
	}
	if i > 0 && raw[i-1] == '\r' {
		i--
	}
	return raw[i:]
}

func splitLead(lead string) (lineEnd, blanks string) {
	i := strings.IndexByte(lead, '\n') + 1
	return lead[:i], lead[i:]
}
