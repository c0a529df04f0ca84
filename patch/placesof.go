// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"
	"github.com/google/cel-go/common/types"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// placesOf collects the places of one rule.
type placesOf struct {
	*domainRule
	all   []Place
	inNew bool // see Place.within
}

func (r *domainRule) rulePlaces(patch string) RulePlaces {
	out := RulePlaces{Patch: patch, Field: r.field, Name: r.Name, Optional: r.isOptional()}
	if r.Op == bundle.OpTest {
		return out
	}
	w := placesOf{domainRule: r}
	for _, path := range r.path.Alternatives() {
		if err := w.alternative(path); err != nil {
			out.Unknown = err.Error()
			return out
		}
	}
	out.Places = w.all
	return out
}

// isOptional says whether a patch may apply without the rule writing anything.
func (r *domainRule) isOptional() bool {
	return r.when != nil || r.expect == bundle.ExpectAny || r.expression != nil && r.expression.mayBeNull()
}

// mayBeNull says whether the static type leaves null open.
func (e *expression) mayBeNull() bool {
	return !slices.Contains([]types.Kind{types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind}, e.result.Kind())
}

func (w *placesOf) add(p Place) error {
	if len(w.all) == PlacesListed {
		return fmt.Errorf("it writes more than %d places", PlacesListed)
	}
	if len(p.steps) > stepsListed {
		return fmt.Errorf("it writes below more than %d elements", stepsListed)
	}
	p.within = w.inNew && p.part != partElement
	w.all = append(w.all, p)
	return nil
}

// alternative adds the places of one of the paths that | joins.
func (w *placesOf) alternative(path *selector.Path) error {
	at, err := placeAt(path.Steps())
	if err != nil {
		return err
	}
	switch w.Op {
	case bundle.OpSet:
		return errors.Join(w.incidental(path.Steps(), at), w.text(at))
	case bundle.OpRemove:
		at.Removed = at.part != partText
		if at.part == partText {
			at.Value = new(string)
		}
		return w.add(at)
	case bundle.OpReplace:
		if w.fragment == nil {
			return w.text(at)
		}
	}
	if at.part != partElement {
		return fmt.Errorf("%s selects something else than an element", w.Path)
	}
	return w.elements(at)
}

// placeAt is what a path selects.
func placeAt(steps []selector.Step) (Place, error) {
	var at Place
	if len(steps) > stepsListed {
		return at, fmt.Errorf("its path has more than %d steps", stepsListed)
	}
	for i := range steps {
		s := &steps[i]
		switch {
		case s.Kind != selector.Child && s.Kind != selector.Attribute:
			return at, errors.New("its path does not go down alone")
		case s.Descendant && (s.Kind == selector.Attribute || s.Text()):
			return at, errors.New("its path has // before an attribute or a text")
		case at.part != partElement:
			return at, errors.New("its path goes on behind an attribute or a text")
		}
		conditions, exact := conditionsOf(s)
		switch {
		case s.Kind == selector.Attribute:
			at.part, at.attribute = partAttribute, s.Local
			at.loose = s.Prefix != "" || len(conditions) > 0 || !exact
		case s.Text():
			at.part = partText
			at.loose = len(conditions) > 0 || !exact
		default:
			at.steps = append(at.steps, placeStep{namespace: s.Namespace(), name: strings.TrimSuffix(s.Local, "*"),
				descendant: s.Descendant, conditions: conditions, loose: !exact})
		}
	}
	return at, nil
}

// conditionsOf are the conditions that the step demands of its nodes, whatever their siblings
// and variables are; exact tells that these are all.
func conditionsOf(s *selector.Step) (conditions []selector.Condition, exact bool) {
	conditions, exact = s.Conditions()
	if !exact {
		return nil, false
	}
	n := len(conditions)
	conditions = slices.DeleteFunc(conditions, func(c selector.Condition) bool { return isTemplate(c.Text) })
	return conditions, len(conditions) == n
}

// text adds a place that gets the text of the rule.
func (w *placesOf) text(at Place) error {
	if at.part == partElement {
		at.part = partText
	}
	at.Value = w.Value
	return w.add(at)
}

// incidental adds what set writes into the elements that it creates, so that the path selects
// them.
func (w *placesOf) incidental(steps []selector.Step, at Place) error {
	for i := len(steps) - 1; i >= 0 && steps[i].Constructible(); i-- {
		for _, pair := range steps[i].Equal {
			made := Place{steps: slices.Clone(at.steps[:i+1]), part: partAttribute, attribute: pair.Name, Incidental: true}
			if !pair.Attribute {
				made.part, made.attribute = partText, ""
				made.steps = append(made.steps, placeStep{namespace: pair.Namespace(), name: pair.Name})
			}
			if err := errors.Join(w.add(made), w.add(Place{steps: at.steps[:i+1], Incidental: true})); err != nil {
				return err
			}
		}
	}
	return nil
}

// elements adds the places of a fragment that comes to or in place of the selected element.
func (w *placesOf) elements(at Place) error {
	if w.Op == bundle.OpMerge {
		e := w.fragment.Elements()[0]
		last := &at.steps[len(at.steps)-1]
		last.namespace, last.name = e.NamespaceURI, e.Data // merge selects no other
		return w.content(at.steps, e, w.key)
	}
	parent := at.steps
	if w.Op == bundle.OpReplace || w.Position == bundle.PositionBefore || w.Position == bundle.PositionAfter {
		last := len(parent) - 1
		if parent[last].descendant {
			return errors.New("its path does not tell what the elements come into")
		}
		parent = parent[:last]
	}
	if w.Op == bundle.OpReplace {
		at.Incidental = true
		if err := w.add(at); err != nil {
			return err
		}
	}
	for _, e := range w.fragment.Elements() {
		steps := appendStep(parent, e, w.key)
		whole := Place{steps: steps}
		// What nothing tells apart is added as a whole, or not at all; else it may replace another.
		w.inNew = w.Op == bundle.OpAdd && steps[len(steps)-1].loose && whole.isDevice()
		whole.Incidental = !w.inNew
		if err := errors.Join(w.add(whole), w.element(steps, e, nil)); err != nil {
			return err
		}
	}
	return nil
}

// element adds the places of an element that a rule brings.
func (w *placesOf) element(steps []placeStep, e *xmlquery.Node, own *key) error {
	if w.Op == bundle.OpMerge { // which may add it
		if err := w.add(Place{steps: steps, Incidental: true}); err != nil {
			return err
		}
	}
	before := len(w.all)
	if err := w.content(steps, e, own); err != nil || len(w.all) > before {
		return err
	}
	return w.add(Place{steps: steps, part: partExistence, Value: new(string)})
}

// content adds the attributes, the text and the children of an element.
func (w *placesOf) content(steps []placeStep, e *xmlquery.Node, own *key) error {
	for i := range e.Attr {
		a := &e.Attr[i]
		if document.IsDeclaration(a) {
			continue
		}
		at := Place{steps: steps, part: partAttribute, attribute: a.Name.Local, loose: a.NamespaceURI != "", Value: literal(a.Value)}
		if err := w.add(at); err != nil {
			return err
		}
	}
	if text := ownText(e); strings.TrimSpace(text) != "" {
		if err := w.add(Place{steps: steps, part: partText, Value: literal(text)}); err != nil {
			return err
		}
	}
	for c := range document.EachElement(e) {
		if err := w.element(appendStep(steps, c, own), c, own); err != nil {
			return err
		}
	}
	return nil
}

// literal is a text of a fragment that is known now; nil for one with variables.
func literal(text string) *string {
	if isTemplate(text) {
		return nil
	}
	return &text
}

// appendStep leads from its parent to an element of a fragment, by what tells it from its
// siblings there.
func appendStep(parent []placeStep, e *xmlquery.Node, own *key) []placeStep {
	step := placeStep{namespace: e.NamespaceURI, name: e.Data, holds: holdsOf(e)}
	id, _ := identify(elementAt(parent), e, own) // a key that cannot serve was refused when the rule was compiled
	step.loose = id.keyless
	if !id.keyless {
		var exact bool
		step.conditions, exact = id.key.conditions(e)
		step.loose = !exact
	}
	return append(slices.Clone(parent), step)
}

// elementAt is an element with the names of its ancestors, for the table of identities.
func elementAt(steps []placeStep) *xmlquery.Node {
	var n *xmlquery.Node
	for i := range steps {
		if steps[i].descendant {
			n = nil
		}
		n = &xmlquery.Node{Type: xmlquery.ElementNode, Data: steps[i].name, NamespaceURI: steps[i].namespace, Parent: n}
	}
	return cmp.Or(n, &xmlquery.Node{Type: xmlquery.DocumentNode})
}

// holdsOf are the attributes of an element and of its children, as far as they are certain.
func holdsOf(e *xmlquery.Node) []selector.Condition {
	all := attributesOf(nil, "", e)
	for c := range document.EachElement(e) {
		if c.NamespaceURI == "" && childNamed(e, c.Data) == c {
			all = attributesOf(all, c.Data+"/", c)
		}
	}
	return all
}

func attributesOf(all []selector.Condition, prefix string, e *xmlquery.Node) []selector.Condition {
	for i := range e.Attr {
		if a := &e.Attr[i]; a.NamespaceURI == "" && !document.IsDeclaration(a) && !isTemplate(a.Value) {
			all = append(all, selector.Condition{Path: prefix + "@" + a.Name.Local, Value: a.Value})
		}
	}
	return all
}

// conditions are what the key says of an element, as conditions of a path; exact tells that
// they select the same elements.
func (k key) conditions(e *xmlquery.Node) (conditions []selector.Condition, exact bool) {
	if k.isSingle() {
		return nil, true
	}
	of := e
	prefix := ""
	for step := range k.steps() {
		of = childNamed(of, step)
		prefix += step + "/"
	}
	add := func(path, value string) {
		quotable := !strings.Contains(value, "'") || !strings.Contains(value, `"`)
		exact = exact && quotable && !isTemplate(value)
		if exact {
			conditions = append(conditions, selector.Condition{Text: selector.Equality(path, value), Path: path, Value: value})
		}
	}
	exact = len(k.optional) == 0 && (k.also == nil || k.also(e) == "")
	if k.text {
		add(k.child, document.Text(of))
	}
	for _, name := range k.attrs {
		add(prefix+"@"+name, of.Attr[document.Attribute(of, "", name)].Value)
	}
	slices.SortFunc(conditions, func(a, b selector.Condition) int { return cmp.Compare(a.Text, b.Text) })
	return conditions, exact
}
