// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// Policies look at documents whose Edits changed alone: an edit that does not count would
// get past them.
func TestEdits(t *testing.T) {
	fragment, err := document.ParseFragment("<c/>")
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*document.Document) error{
		"SetAttribute":    func(d *document.Document) error { _, err := d.SetAttribute(d.Element(), 0, "2"); return err },
		"AddAttribute":    func(d *document.Document) error { return d.AddAttribute(d.Element(), "y", "1") },
		"RemoveAttribute": func(d *document.Document) error { d.RemoveAttribute(d.Element(), 0); return nil },
		"SetText":         func(d *document.Document) error { _, err := d.SetText(d.Element().FirstChild, "t"); return err },
		"SetTextNode": func(d *document.Document) error {
			_, err := d.SetText(d.Element().FirstChild.FirstChild, "t")
			return err
		},
		"Remove": func(d *document.Document) error { return d.Remove(d.Element().FirstChild) },
		"Insert": func(d *document.Document) error {
			_, err := d.Insert(fragment, fragment.Elements()[0], d.Element(), document.LastIn)
			return err
		},
		"Replace": func(d *document.Document) error {
			_, err := d.Replace(d.Element().FirstChild, fragment, fragment.Elements()[0], func(*xmlquery.Node) bool { return false })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := document.Parse([]byte("<a x='1'><b>s</b></a>"))
			if err != nil {
				t.Fatal(err)
			}
			if before := d.Edits(); edit(d) != nil || d.Edits() <= before {
				t.Errorf("%d edits after %d: %s", d.Edits(), before, d.Bytes())
			}
			if string(d.Bytes()) == "<a x='1'><b>s</b></a>" {
				t.Error("nothing was edited")
			}
		})
	}
}
