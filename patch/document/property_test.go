// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"
	"github.com/google/go-cmp/cmp"
)

// TestRandomEdits makes random edits and judges each by encoding/xml: its tokens must be
// those of the document before with the edit applied to them, and the bytes outside the
// edited element must be the same.
func TestRandomEdits(t *testing.T) {
	for name, src := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 3 {
				d := parse(t, src)
				for range 60 {
					d = randomEdit(t, r, d)
				}
				again := parse(t, string(d.Bytes()))
				if !Equal(d.Element(), again.Element(), none) {
					t.Fatalf("the tree is not that of its bytes:\n%s", d.Bytes())
				}
			}
		})
	}
}

// randomEdit makes one edit and compares before and after. An edit that is refused must change nothing.
// The document to go on with is the same, but for one in which an <e/> was opened: it would become
// <e/> again when emptied, which is right but not what keepsOutside expects.
func randomEdit(t *testing.T, r *rand.Rand, d *Document) *Document {
	t.Helper()
	before := tokenize(t, d.Bytes())
	nodes := allElements(d.Root())
	if len(nodes) != len(before.elements) {
		t.Fatalf("%d elements in the tree, %d to encoding/xml", len(nodes), len(before.elements))
	}
	k := r.IntN(len(nodes))
	e := edit{doc: d, node: nodes[k], span: *before.elements[k], before: before, random: r}
	kinds := []func(*edit) (want []string, err error){(*edit).setAttribute, (*edit).addAttribute, (*edit).removeAttribute, (*edit).setText, (*edit).remove, (*edit).insert, (*edit).replace}
	want, err := kinds[r.IntN(len(kinds))](&e)
	after := tokenize(t, d.Bytes())
	if err != nil || want == nil {
		if !bytes.Equal(before.source, after.source) {
			t.Fatalf("%s was refused (%v) but changed the bytes", e.what, err)
		}
		return d
	}
	if diff := cmp.Diff(want, after.tokens); diff != "" {
		t.Fatalf("%s: tokens (-want +got):\n%s\nbefore:\n%s\nafter:\n%s", e.what, diff, before.source, after.source)
	}
	if !keepsOutside(before.source, after.source, e.span) {
		t.Fatalf("%s: bytes outside the element changed:\n%s\nbefore:\n%s", e.what, after.source, before.source)
	}
	blankLine := regexp.MustCompile(`\n[ \t\r]*\n`)
	if e.moves && !blankLine.Match(before.source) && blankLine.Match(after.source) {
		t.Fatalf("%s: left a blank line:\n%s", e.what, after.source)
	}
	if e.opens {
		return parse(t, string(after.source))
	}
	return d
}

// keepsOutside says whether all before and behind the element is still there, white space beside it aside.
func keepsOutside(before, after []byte, s span) bool {
	head, tail := bytes.TrimRight(before[:s.start], blanks), bytes.TrimLeft(before[s.end:], blanks)
	return len(after) >= len(head)+len(tail) && bytes.HasPrefix(after, head) && bytes.HasSuffix(after, tail)
}

// edit is one random edit: the methods make it and give the tokens to expect, or nil where the
// element does not allow it.
type edit struct {
	doc    *Document
	node   *xmlquery.Node
	span   span
	before tokens
	random *rand.Rand
	what   string
	moves  bool // elements come or go
	opens  bool // an element without content gets one
}

func (e *edit) spliced(from, to int, with ...string) []string {
	return slices.Concat(e.before.tokens[:from], with, e.before.tokens[to:])
}

func (e *edit) text() string {
	all := []rune("ab <>&'\"\n\r\té€😀]")
	text := make([]rune, e.random.IntN(6))
	for i := range text {
		text[i] = all[e.random.IntN(len(all))]
	}
	return string(text)
}

// startWith is the start token after an edit of the node's attributes.
func (e *edit) startWith() string {
	start := xml.StartElement{Name: xml.Name{Space: e.node.Prefix, Local: e.node.Data}}
	for _, a := range e.node.Attr {
		start.Attr = append(start.Attr, xml.Attr{Name: a.Name, Value: a.Value})
	}
	return tokenString(start)
}

func (e *edit) setAttribute() ([]string, error) {
	if len(e.node.Attr) == 0 {
		return nil, nil
	}
	i := e.random.IntN(len(e.node.Attr))
	if IsDeclaration(&e.node.Attr[i]) {
		return nil, nil
	}
	text := e.text()
	e.what = fmt.Sprintf("attribute %d of <%s> = %q", i, e.node.Data, text)
	_, err := e.doc.SetAttribute(e.node, i, text)
	return e.spliced(e.span.first, e.span.first+1, e.startWith()), err
}

func (e *edit) addAttribute() ([]string, error) {
	name, text := fmt.Sprintf("new%d", e.random.IntN(1000)), e.text()
	if Attribute(e.node, "", name) >= 0 {
		return nil, nil
	}
	e.what = fmt.Sprintf("new attribute of <%s> = %q", e.node.Data, text)
	err := e.doc.AddAttribute(e.node, name, text)
	return e.spliced(e.span.first, e.span.first+1, e.startWith()), err
}

func (e *edit) removeAttribute() ([]string, error) {
	if len(e.node.Attr) == 0 {
		return nil, nil
	}
	i := e.random.IntN(len(e.node.Attr))
	if IsDeclaration(&e.node.Attr[i]) {
		return nil, nil
	}
	e.what = fmt.Sprintf("without attribute %d of <%s>", i, e.node.Data)
	e.doc.RemoveAttribute(e.node, i)
	return e.spliced(e.span.first, e.span.first+1, e.startWith()), nil
}

func (e *edit) setText() ([]string, error) {
	inside := e.before.tokens[e.span.first+1 : e.span.last]
	if slices.ContainsFunc(inside, func(s string) bool { return strings.HasPrefix(s, "comment") || strings.HasPrefix(s, "pi") }) {
		return nil, nil // TestEdits has these
	}
	text := e.text()
	e.what = fmt.Sprintf("text of <%s> = %q", e.node.Data, text)
	var want []string
	if strings.Trim(text, blanks) != "" {
		want = []string{tokenString(xml.CharData(text))}
	}
	changed, err := e.doc.SetText(e.node, text)
	if err == nil && !changed {
		return e.before.tokens, nil
	}
	return e.spliced(e.span.first+1, e.span.last, want...), err
}

func (e *edit) remove() ([]string, error) {
	e.what, e.moves = fmt.Sprintf("without <%s>", e.node.Data), true
	if e.random.IntN(3) > 0 { // or little would be left
		return nil, nil
	}
	err := e.doc.Remove(e.node)
	return joinTexts(e.spliced(e.span.first, e.span.last+1)), err
}

func (e *edit) fragment() (*Fragment, []string) {
	texts := []string{"<n a='1'><m/><o>text</o></n>", "<n/>", "<qemu:arg value='x'/>", "<n> <!-- c -->\n <m>a<b/>c</m></n>"}
	text := texts[e.random.IntN(len(texts))]
	f, err := ParseFragment(text)
	if err != nil {
		panic(err)
	}
	e.what, e.moves = e.what+" "+text, true
	dec := xml.NewDecoder(strings.NewReader(text))
	all, err := readTokens(dec, func(int64, int64, xml.Token) {})
	if err != nil {
		panic(err)
	}
	return f, all
}

func (e *edit) insert() ([]string, error) {
	place := Place(e.random.IntN(4))
	at := map[Place]int{LastIn: e.span.last, FirstIn: e.span.first + 1, Before: e.span.first, After: e.span.last + 1}[place]
	e.what = fmt.Sprintf("place %d of <%s>", place, e.node.Data)
	f, tokens := e.fragment()
	e.opens = e.node.FirstChild == nil
	_, err := e.doc.Insert(f, f.Elements()[0], e.node, place)
	return e.spliced(at, at, tokens...), err
}

func (e *edit) replace() ([]string, error) {
	e.what = fmt.Sprintf("in place of <%s>", e.node.Data)
	if e.random.IntN(3) > 0 {
		return nil, nil
	}
	f, tokens := e.fragment()
	_, err := e.doc.Replace(e.node, f, f.Elements()[0], none)
	return e.spliced(e.span.first, e.span.last+1, tokens...), err
}

// tokens is a document as encoding/xml sees it.
type tokens struct {
	source   []byte
	tokens   []string // without white space between elements, and with text in one piece
	elements []*span  // in document order
}

// span is where an element is, in bytes and in tokens.
type span struct{ start, end, first, last int }

func tokenize(t *testing.T, src []byte) tokens {
	t.Helper()
	all := tokens{source: src}
	var open []*span
	var spans []*span
	var err error
	all.tokens, err = readTokens(xml.NewDecoder(bytes.NewReader(src)), func(start, end int64, token xml.Token) {
		switch token.(type) {
		case xml.StartElement:
			s := &span{start: int(start)}
			spans, open = append(spans, s), append(open, s)
		case xml.EndElement:
			open[len(open)-1].end = int(end)
			open = open[:len(open)-1]
		}
	})
	if err != nil {
		t.Fatalf("encoding/xml refuses: %v\n%s", err, src)
	}
	for i, token := range all.tokens {
		switch {
		case strings.HasPrefix(token, "start "):
			s := spans[0]
			spans, open = spans[1:], append(open, s)
			s.first = i
			all.elements = append(all.elements, s)
		case token == "end":
			open[len(open)-1].last = i
			open = open[:len(open)-1]
		}
	}
	return all
}

// readTokens lists the tokens, and tells each with its offsets.
func readTokens(dec *xml.Decoder, tell func(start, end int64, token xml.Token)) ([]string, error) {
	var all []string
	for {
		start := dec.InputOffset()
		token, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			return joinTexts(all), nil
		}
		if err != nil {
			return nil, err
		}
		tell(start, dec.InputOffset(), token)
		all = append(all, tokenString(token))
	}
}

// joinTexts makes one token of texts side by side, and none of white space.
func joinTexts(all []string) []string {
	var joined []string
	for _, s := range all {
		if n := len(joined); n > 0 && strings.HasPrefix(s, "text ") && strings.HasPrefix(joined[n-1], "text ") {
			joined[n-1] += s[len("text "):]
			continue
		}
		joined = append(joined, s)
	}
	return slices.DeleteFunc(joined, func(s string) bool {
		return strings.HasPrefix(s, "text ") && strings.Trim(s[len("text "):], blanks) == ""
	})
}

func tokenString(token xml.Token) string {
	switch token := token.(type) {
	case xml.StartElement:
		text := "start " + qualified(token.Name.Space, token.Name.Local)
		for _, a := range token.Attr {
			if name := qualified(a.Name.Space, a.Name.Local); name != "xmlns:qemu" { // declared where it is missing
				text += fmt.Sprintf(" %s=%q", name, a.Value)
			}
		}
		return text
	case xml.EndElement:
		return "end"
	case xml.CharData:
		return "text " + string(token)
	case xml.Comment:
		return "comment " + string(token)
	case xml.ProcInst:
		return "pi " + token.Target + " " + string(token.Inst)
	}
	return fmt.Sprintf("%T", token)
}

func allElements(n *xmlquery.Node) []*xmlquery.Node {
	var all []*xmlquery.Node
	for c := range EachElement(n) {
		all = append(append(all, c), allElements(c)...)
	}
	return all
}
