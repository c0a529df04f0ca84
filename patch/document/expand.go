// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"

	"github.com/antchfx/xmlquery"
)

// Texts calls yield with every attribute value and every text of the fragment. The first
// error ends the walk and is returned with the name of what holds the text.
func (f *Fragment) Texts(yield func(text string) error) error {
	return f.doc.rewriteTexts(f.doc.root, func(text string) (string, error) { return text, yield(text) })
}

// Expand gives a fragment in which every attribute value and every text is what expand
// makes of it. The values are put in as text, so that they cannot become markup. The
// fragment itself stays as it is.
func (f *Fragment) Expand(expand func(string) (string, error)) (*Fragment, error) {
	again, err := ParseFragment(f.doc.source)
	if err != nil {
		return nil, err
	}
	if err := again.doc.rewriteTexts(again.doc.root, expand); err != nil {
		return nil, err
	}
	return ParseFragment(string(again.doc.Bytes()))
}

// rewriteTexts makes every attribute value and text of a node what rewrite gives for it.
// Namespace declarations stay.
func (d *Document) rewriteTexts(n *xmlquery.Node, rewrite func(string) (string, error)) error {
	for i := range n.Attr {
		a := &n.Attr[i]
		if IsDeclaration(a) {
			continue
		}
		text, err := rewrite(a.Value)
		if err == nil {
			_, err = d.SetAttribute(n, i, text)
		}
		if err != nil {
			return fmt.Errorf("the attribute %s of <%s>: %w", a.Name.Local, n.Data, err)
		}
	}
	for c := range children(n) {
		err := error(nil)
		switch {
		case c.Type == xmlquery.TextNode:
			if err = d.rewriteText(c, rewrite); err != nil {
				err = fmt.Errorf("the text of <%s>: %w", n.Data, err)
			}
		case isElement(c):
			err = d.rewriteTexts(c, rewrite)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Document) rewriteText(n *xmlquery.Node, rewrite func(string) (string, error)) error {
	text, err := rewrite(n.Data)
	if err != nil {
		return err
	}
	_, err = d.SetText(n, text)
	return err
}
