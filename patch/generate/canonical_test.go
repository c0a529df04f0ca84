// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// canonicalXML writes a document in one spelling, one element or text on a line, with a parser
// that is not the engine's.
func canonicalXML(t *testing.T, doc []byte) string {
	t.Helper()
	var lines []string
	depth, text := 0, ""
	flush := func() {
		if strings.TrimSpace(text) != "" {
			lines = append(lines, strings.Repeat(" ", depth)+"text "+text)
		}
		text = ""
	}
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		token, err := d.Token()
		if token == nil {
			if depth != 0 {
				t.Fatalf("%v in %s", err, doc)
			}
			return strings.Join(lines, "\n")
		}
		switch x := token.(type) {
		case xml.StartElement:
			flush()
			lines = append(lines, strings.Repeat(" ", depth)+startTag(x))
			depth++
		case xml.EndElement:
			flush()
			depth--
		case xml.CharData:
			text += string(x)
		}
	}
}

func startTag(e xml.StartElement) string {
	var attributes []string
	for _, a := range e.Attr {
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			attributes = append(attributes, a.Name.Space+" "+a.Name.Local+"="+a.Value)
		}
	}
	slices.Sort(attributes)
	return e.Name.Space + " " + e.Name.Local + " " + strings.Join(attributes, " ")
}

// sortedLines makes documents equal that differ in order alone.
func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// check compares what the rules made with what is wanted.
func check(t *testing.T, d *Domain, after []byte) {
	t.Helper()
	got, want := canonicalXML(t, d.Output), canonicalXML(t, after)
	if len(d.Notes) > 0 {
		got, want = sortedLines(got), sortedLines(want)
	}
	if got != want {
		t.Errorf("the rules make\n%s\ninstead of\n%s", got, want)
	}
}
