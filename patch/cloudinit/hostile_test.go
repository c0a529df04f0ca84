// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/test/patience"
)

// TestHostileDocuments gives documents that are as large as a document may be, and cost some reader more than their length. What an
// operation makes of them does not matter here, but it must come in time.
func TestHostileDocuments(t *testing.T) {
	const size = 250 << 10 // in JSON, with escapes, up to twice as much
	fill := func(head, unit, tail string) string {
		return "#cloud-config\n" + head + strings.Repeat(unit, (size-len(head)-len(tail))/len(unit)) + tail
	}
	for name, doc := range map[string]string{
		"comments":          fill("a: 1\n", "# c\n", "b: 1\n"),
		"indented comments": fill("a:\n", "  # c\n", "  b: 1\n"),
		"line comments":     fill("", "- 1 # c\n", ""),
		"comments in flow":  fill("a: [\n", "# c\n", "]\n"),
		"blank lines":       fill("a: 1\n", "\n", "b: 1\n"),
		"blanks":            fill("a: 1", " ", "\nb: 1\n"),
		"literal":           fill("a: |\n", "  x\n", "b: 1\n"),
		"literal, blank":    fill("a: |\n  x\n", "\n", "b: 1\n"),
		"folded":            fill("a: >\n", "  x\n", ""),
		"plain, long":       fill("a: ", "x ", "\nb: 1\n"),
		"plain, lines":      fill("a: x\n", "  x\n", "b: 1\n"),
		"quoted":            fill("a: \"", "\\n", "\"\n"),
		"quoted, lines":     fill("a: \"", "x\n ", "\"\n"),
		"single quotes":     fill("a: '", "''", "'\n"),
		"flow list":         fill("a: [", "1,", "]\n"),
		"flow mapping":      fill("a: {", "?,", "}\n"),
		"brackets":          fill("a: ", "[", "\n"),
		"braces":            fill("a: ", "{a: ", "\n"),
		"pairs":             fill("a: ", "[]", "\n"),
		"dashes":            fill("", "- ", "a\n"),
		"question marks":    fill("", "? ", "a\n"),
		"keys":              fill("a:\n", "  a:\n", ""),
		"documents":         fill("", "---\n", ""),
		"directives":        fill("", "%TAG ! x\n", "---\na: 1\n"),
		"aliases":           fill("a: &a 1\nb: [", "*a,", "]\n"),
		"anchors":           fill("", "- &a 1\n", ""),
		"tags":              fill("a: ", "!!str ", "x\n"),
		"merge keys":        fill("a: &a {b: 1}\nc: {", "<<: *a            , ", "}\n"),
		"digits":            fill("a: ", "1", "\n"),
		"sexagesimal":       fill("a: 1", ":1", "\n"),
		"sexagesimals":      fill("a: [", "1"+strings.Repeat(":1", 100)+",", "]\n"),
		"carriage returns":  fill("a: 1\n", "\r", "b: 1\n"),
		"lone returns":      fill("a:\n- 1\n", "\r\n", "- 2\n"),
		"mime header":       "MIME-Version: 1.0\n" + fill("", " x\n", ""),
		"mime delimiters":   "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n" + fill("", "--x\n", ""),
		"mime, near misses": "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/cloud-config\n" + fill("", "# --x\n", "--x--\n"),
		"mime boundary":     "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + strings.Repeat("x", 1000) + "\n\n" + strings.Repeat(strings.Repeat("-", 1000)+"\n", size/1000),
	} {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, doc)
			for _, o := range []Operation{operation(bundle.UserData, "add", "/zz", `1`), operation(bundle.UserData, "remove", "/a", ""), operation(bundle.UserData, "copy", "/zz/-", "/a")} {
				patience.Within(t, slow, func() { _, _ = d.Clone().Apply(&o) })
			}
		})
	}
}
