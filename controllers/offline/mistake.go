// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// Mistake is one thing that is wrong, with where it stands and what it is about, as far as that
// is known.
type Mistake struct {
	Position
	Object string // "DomainPatch vms/name"
	Field  string // "spec.domain[2].path"
	Rule   string // the rule's name, if it has one
	Reason string // one line, without the above
	// Excerpt is the line of the file, and a line below it with a caret under the place. It ends
	// without a newline.
	Excerpt string
}

// String is FILE:LINE:COLUMN: OBJECT: FIELD (RULE): REASON, as far as these are known. It is one line.
func (m *Mistake) String() string {
	field := m.Field
	if field != "" && m.Rule != "" {
		field += " (" + m.Rule + ")"
	}
	var text strings.Builder
	for _, part := range []string{m.Position.String(), m.Object, field} {
		if part != "" {
			text.WriteString(part + ": ")
		}
	}
	return Printable(text.String() + m.Reason)
}

// Printable takes what would end the line, command a terminal, or show it in another order out of
// a text from files or from a cluster.
func Printable(text string) string {
	return strings.Map(func(c rune) rune {
		if isCommand(c) {
			return unicode.ReplacementChar
		}
		return c
	}, text)
}

// isCommand says whether a terminal acts on a character instead of showing it.
func isCommand(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }

// Mistakes takes the errors of this package apart: one Mistake for each that was joined. An
// error of another origin is a Mistake with a reason alone.
func Mistakes(err error) []Mistake {
	switch e := err.(type) { //nolint:errorlint // what wraps them is taken off below
	case nil:
		return nil
	case *located:
		return []Mistake{e.Mistake}
	case *patch.Error:
		return []Mistake{{Object: e.Patch, Field: e.Field, Rule: e.Rule, Reason: oneLine(e.Err)}}
	case interface{ Unwrap() []error }:
		var all []Mistake
		for _, one := range e.Unwrap() {
			all = append(all, Mistakes(one)...)
		}
		return all
	}
	inner := Mistakes(errors.Unwrap(err))
	for i := range inner {
		if inner[i].Object != "" || inner[i].File != "" {
			return inner
		}
	}
	return []Mistake{{Reason: oneLine(err)}}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// located is an error of which the place is known. Its text does not name the line, so that what
// a case wants stays when lines come in above.
type located struct {
	Mistake
	err error
}

// Error names the file, not the line.
func (l *located) Error() string { return l.err.Error() }

// Unwrap returns the error without its place.
func (l *located) Unwrap() error { return l.err }

// maxExcerpts is how many mistakes of one document have an excerpt: each takes a walk through it.
const maxExcerpts = 100

// mistake is an error of reading the document.
func (d *source) mistake(at Position, object, field string, reason error) error {
	m := Mistake{Position: at, Object: object, Field: field, Reason: oneLine(reason)}
	unplaced := m
	unplaced.Line, unplaced.Column = 0, 0
	if object == "" { // nothing else says which document it is
		unplaced.Line = at.Line
	}
	if d.told++; d.told <= maxExcerpts {
		m.Excerpt = d.excerpt(at)
	}
	return &located{Mistake: m, err: errors.New(unplaced.String())}
}

// inDocument gives an error of parsing a hook's document its place there. Other errors stay as they are.
func inDocument(text []byte, err error) error {
	offset := 0
	var inXML *document.SyntaxError
	var inJSON *json.SyntaxError
	switch {
	case len(patch.Errors(err)) > 0: // a fragment of a rule
		return err
	case errors.As(err, &inXML):
		offset = inXML.Offset()
	case errors.As(err, &inJSON):
		offset = max(int(inJSON.Offset)-1, 0) // it counts the bad character, too
	default:
		return err
	}
	at := (&source{data: text}).positionAt(offset)
	return &located{err: err, Mistake: Mistake{Position: at, Reason: oneLine(err)}}
}

// ofFile names the file of an error whose place is known without it.
func ofFile(file string, err error) error {
	var found *located
	if !errors.As(err, &found) || found.File != "" || found.Line == 0 {
		return err
	}
	named := *found
	named.File = file
	return &named
}

// locate gives the errors of patches and policies their places in the files. Other errors stay
// as they are.
func (o Objects) locate(err error) error {
	found := patch.Errors(err)
	if len(found) == 0 {
		return err
	}
	errs := make([]error, len(found))
	for i, e := range found {
		errs[i] = e
		if origin := o.Origin(e.Patch); origin != nil {
			at := origin.Position(e.Field, e.Offset())
			errs[i] = &located{err: e, Mistake: Mistake{Position: at, Object: e.Patch, Field: e.Field, Rule: e.Rule,
				Reason: oneLine(e.Err), Excerpt: origin.doc.excerpt(at)}}
		}
	}
	return errors.Join(errs...)
}

// Width of an excerpt, in characters, and how much of a longer line stands before the place.
const (
	excerptWidth  = 120
	excerptBefore = 60
)

// maxShownLine is the longest line, in bytes, that an excerpt is cut from, and the last column up to which a place within a
// value is looked for: a List of thousands of objects may be one line, which each of their mistakes would go through.
const maxShownLine = 64 << 10

// Excerpt is the line of a position, with a caret below it; empty where the object or the line is not known.
func (o *Origin) Excerpt(at Position) string {
	if o == nil {
		return ""
	}
	return o.doc.excerpt(at)
}

// excerpt shows a line and its place. Of a long line, such as all of a JSON file, it shows a part.
func (d *source) excerpt(at Position) string {
	if at.Column > maxShownLine {
		return ""
	}
	text, ok := d.line(at.Line)
	if !ok || len(text) > maxShownLine || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 { // a NUL: UTF-16, in which columns are not bytes
		return ""
	}
	line := []rune(string(text))
	for i, c := range line {
		if c != '\t' && isCommand(c) {
			line[i] = unicode.ReplacementChar
		}
	}
	column := max(at.Column, 1)
	if at.Column == 0 {
		column += len(line) - utf8.RuneCount(bytes.TrimLeft(text, " \t"))
	}
	if cut := column - 1 - excerptBefore; len(line) > excerptWidth && cut > 0 {
		line, column = line[min(cut, len(line)):], column-cut
	}
	line = line[:min(len(line), excerptWidth)]
	var caret strings.Builder
	for i := range column - 1 {
		if i < len(line) && line[i] == '\t' {
			caret.WriteByte('\t')
		} else {
			caret.WriteByte(' ')
		}
	}
	return string(line) + "\n" + caret.String() + "^"
}
