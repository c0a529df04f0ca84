// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// multipart is a message as cloud-init's own make-mime writes it, with an odd preamble, epilogue and header.
const multipart = `Content-Type: multipart/mixed;
 boundary="===============2389165605550749110=="
MIME-Version: 1.0
X-Odd:   kept

preamble
--===============2389165605550749110==
Content-Type: text/x-shellscript; charset="us-ascii"
MIME-Version: 1.0
Content-Transfer-Encoding: 7bit
Content-Disposition: attachment; filename="a.sh"

#!/bin/sh
echo "a: 1"  
--not the boundary

--===============2389165605550749110==` + "  " + `
Content-Type: text/cloud-config; charset="us-ascii"
MIME-Version: 1.0
Content-Transfer-Encoding: 7bit

#cloud-config
# a comment
a: 1   # one

write_files:
- path: /x
--===============2389165605550749110==--
epilogue
`

// message puts parts, headers and body in one, into a multipart/mixed with the boundary x.
func message(parts ...string) string {
	return "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n" + strings.Join(parts, "\n--x\n") + "\n--x--\n"
}

const plainPart = "Content-Type: text/cloud-config\n\n#cloud-config\na: 1\n"

// encoded makes a part of a text in base64, in lines of the given width.
func encoded(text string, width int) string {
	digits := base64.StdEncoding.EncodeToString([]byte(text))
	var lines []string
	for ; len(digits) > width; digits = digits[width:] {
		lines = append(lines, digits[:width])
	}
	return "Content-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n" + strings.Join(append(lines, digits), "\n")
}

func TestMIMEEdits(t *testing.T) {
	long := "#cloud-config\na: 1\nb: " + strings.Repeat("xyz ", 60) + "end\n"
	dos := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	cases := map[string]struct {
		reason, doc string
		op          bundle.Op
		path, value string
		want        [2]string // the part of the message that is replaced, and its replacement
	}{
		"append":          {"behind the last line, in front of the boundary", multipart, "add", "/write_files/-", `{"path":"/y","content":"z\n"}`, [2]string{"- path: /x\n--=", "- path: /x\n- path: /y\n  content: |\n    z\n\n--="}},
		"replace":         {"the comments stay", multipart, "replace", "/a", `2`, [2]string{"a: 1   # one", "a: 2 # one"}},
		"new key":         {"at the end of the part", multipart, "add", "/b", `"no"`, [2]string{"- path: /x\n", "- path: /x\nb: \"no\"\n"}},
		"remove":          {"the last entry", multipart, "remove", "/write_files", ``, [2]string{"write_files:\n- path: /x\n", ""}},
		"boundary blank":  {"Python takes the blanks off its end", strings.Replace(message(plainPart), "=x\n", "=\"x \"\n", 1), "replace", "/a", `2`, [2]string{"a: 1", "a: 2"}},
		"no last newline": {"the last line need not end", strings.TrimSuffix(message(plainPart), "\n"), "replace", "/a", `2`, [2]string{"a: 1", "a: 2"}},
		"literal last":    {"its last line break is the boundary's, too", message("Content-Type: text/cloud-config\n\na:\n- |\n  b\n\n  c"), "add", "/a/-", `"d"`, [2]string{"- |\n  b\n\n  c\n--x--", "- |-\n  b\n\n  c\n- d\n--x--"}},
		"CRLF":            {"new lines end as the others do", dos(multipart), "add", "/b", `"no"`, [2]string{"- path: /x\r\n", "- path: /x\r\nb: \"no\"\r\n"}},
		"blank line":      {"the last line break is the boundary's, one more is the part's", message(plainPart), "add", "/b", `2`, [2]string{"a: 1\n\n--x--", "a: 1\nb: 2\n\n--x--"}},
		"no header line":  {"the type alone makes it a cloud-config", message("Content-Type: text/cloud-config\n\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"text/plain":      {"what cloud-init takes for a cloud-config is one", message("Content-Type: text/plain\n\n#cloud-config\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"no type":         {"is text/plain", message("\n#cloud-config\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"x-shellscript":   {"cloud-init does not believe it", message("Content-Type: text/x-shellscript\n\n#cloud-config\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"8bit":            {"is written as it is", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: 8BIT\n\n# €\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"binary":          {"so is binary", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: binary\n\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"type in capital": {"types and field names know no case", message("CONTENT-TYPE: Text/Cloud-Config\n\na: 1"), "add", "/b", `2`, [2]string{"a: 1\n", "a: 1\nb: 2\n"}},
		"empty part":      {"is an empty document", message("Content-Type: text/cloud-config\n\n"), "add", "/b", `2`, [2]string{"cloud-config\n\n\n--x--", "cloud-config\n\nb: 2\n--x--"}},
		"emptier part":    {"the empty line ends the header", message("Content-Type: text/cloud-config\n"), "add", "/b", `2`, [2]string{"cloud-config\n\n--x--", "cloud-config\n\nb: 2\n--x--"}},
		"json part":       {"JSON stays JSON", message("Content-Type: text/cloud-config\n\n{\"a\":1}"), "add", "/b", `2`, [2]string{`{"a":1}`, `{"a":1,"b":2}`}},
		"other parts":     {"may hold anything", message("Content-Type: application/octet-stream\n\nmime-version: #cloud-config\n\x01ä", plainPart, "Content-Type: text/x-include-url\n\n#include\nhttp://x/"), "replace", "/a", `2`, [2]string{"a: 1", "a: 2"}},
		"base64":          {"is written in lines of the same length", message(encoded(long, 60)), "replace", "/a", `2`, [2]string{encoded(long, 60), encoded(strings.Replace(long, "a: 1", "a: 2", 1), 60)}},
		"base64 one line": {"or in one line if it was a long one", message(encoded(long, 9999)), "replace", "/a", `"ä"`, [2]string{encoded(long, 9999), encoded(strings.Replace(long, "a: 1", `a: "ä"`, 1), 9999)}},
		"base64 short":    {"or in lines of 76", message(encoded("a: 1\n", 76)), "add", "/b", strings.TrimSpace(fmt.Sprintf("%q", strings.Repeat("x", 90))), [2]string{encoded("a: 1\n", 76), encoded("a: 1\nb: "+strings.Repeat("x", 90)+"\n", 76)}},
		"base64 CRLF":     {"with the line ends of the message", dos(message(encoded(long, 76) + "\n")), "replace", "/a", `2`, [2]string{dos(encoded(long, 76)), dos(encoded(strings.Replace(long, "a: 1", "a: 2", 1), 76))}},
		"base64 plain":    {"in a part that is told by its text", message("Content-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("#cloud-config\na: 1\n"))), "replace", "/a", `2`, [2]string{base64.StdEncoding.EncodeToString([]byte("#cloud-config\na: 1\n")), base64.StdEncoding.EncodeToString([]byte("#cloud-config\na: 2\n"))}},
		"quoted-printable": {"is decoded and encoded again", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: quoted-printable\n\n#cloud-config\na: =C3=A4 =\nx\nb: 1"), "replace", "/b", `"=ö"`,
			[2]string{"a: =C3=A4 =\nx\nb: 1", "a: =C3=A4 x\nb: \"=3D=C3=B6\""}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, tc.doc)
			o := operation(bundle.UserData, tc.op, tc.path, tc.value)
			changed, err := d.Apply(&o)
			if err != nil || !changed {
				t.Fatalf("%s: changed %v, error %v", tc.reason, changed, err)
			}
			if strings.Count(tc.doc, tc.want[0]) != 1 {
				t.Fatalf("the case names no place: %q", tc.want[0])
			}
			want := strings.Replace(tc.doc, tc.want[0], tc.want[1], 1)
			if diff := cmp.Diff(want, d.user.text); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			o = operation(bundle.UserData, bundle.OpAdd, "/later", `true`) // on what the first one left
			if changed, err := d.Apply(&o); err != nil || !changed {
				t.Errorf("%s: a second edit: changed %v, error %v", tc.reason, changed, err)
			}
		})
	}
}

func TestMIMERefusals(t *testing.T) {
	const head = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x\"\n"
	many := make([]string, maxMIMEParts+1)
	for i := range many {
		many[i] = "Content-Type: text/plain\n\nx"
	}
	cases := map[string]struct{ reason, doc, value, err string }{
		"none":            {"it says what there is", message("Content-Type: text/x-shellscript\n\n#!/bin/sh", "Content-Type: application/gzip\n\nx"), "", `without a text/cloud-config part (its parts are "text/x-shellscript", "application/gzip"): give it one`},
		"none of many":    {"at most five", message(many[:9]...), "", `(its parts are "text/plain", "text/plain", "text/plain", "text/plain", "text/plain", ...)`},
		"several":         {"it says which", message(plainPart, "Content-Type: text/plain\n\nx", plainPart), "", "with 2 text/cloud-config parts (the first two are parts 1 and 3), and it is not clear which one to edit: put them into one"},
		"several kinds":   {"counting those that cloud-init finds by their text", message(plainPart, "Content-Type: text/plain\n\n #Cloud-Config\nb: 1"), "", "(the first two are parts 1 and 2)"},
		"archive":         {"a part that begins alike", message("Content-Type: text/plain\n\n#cloud-config-archive\n- a"), "", "without a text/cloud-config part"},
		"nested":          {"named", message(plainPart, "Content-Type: multipart/alternative; boundary=y\n\n--y\n\n--y--"), "", `part 2 is "multipart/alternative", which has parts of its own: put all parts on one level`},
		"message":         {"a message has parts, too", message("Content-Type: message/rfc822\n\nSubject: x\n\ny", plainPart), "", `part 1 is "message/rfc822"`},
		"single":          {"no parts", "MIME-Version: 1.0\nContent-Type: text/cloud-config\n\n#cloud-config\na: 1\n", "", `it is a "text/cloud-config" without parts: give it as user data without MIME`},
		"no type":         {"is text/plain", "MIME-Version: 1.0\n\n#cloud-config\na: 1\n", "", `it is a "text/plain" without parts`},
		"digest":          {"its parts are messages by default", "MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=x\n\n--x\n\n#cloud-config\n--x--\n", "", "multipart/digest"},
		"no boundary":     {"", "MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n--x\n", "", `its Content-Type "multipart/mixed" names no boundary`},
		"empty boundary":  {"", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\" \"\n\n--x\n", "", "names no boundary"},
		"bad type":        {"a boundary with = must be quoted", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary===x==\n\n--x\n", "", "its Content-Type cannot be read: write TYPE/SUBTYPE"},
		"bad part type":   {"with the number of the part", message("Content-Type: text\n\nx"), "", "part 1: its Content-Type cannot be read"},
		"wrong boundary":  {"named", head + "\n--y\n\nx\n--y--\n", "", `no line is "--x", the boundary that its Content-Type names`},
		"no end":          {"cut off", head + "\n--x\n" + plainPart + "\n", "", `the line "--x--" that ends it is missing`},
		"no parts":        {"only an end", head + "\n--x--\n", "", "it has no parts"},
		"header":          {"a line that is none", head + "nonsense\n\n--x\n" + plainPart + "\n--x--\n", "", "a line that is no field (NAME: VALUE)"},
		"header blank":    {"a name holds no blank", message("Content Type: text/cloud-config\n\na: 1"), "", "part 1: its header has a line that is no field"},
		"header ä":        {"nor other characters", message("Contentä: text/cloud-config\n\na: 1"), "", "part 1: its header has a line that is no field"},
		"unended header":  {"a part of nothing else", message("Content-Type: text/cloud-config"), "", "part 1: no empty line ends its header"},
		"unended message": {"likewise", head, "", "no empty line ends its header"},
		"type twice":      {"which one counts?", message("Content-Type: text/cloud-config\nContent-Type: text/plain\n\na: 1"), "", "part 1: its header has content-type twice"},
		"late version":    {"cloud-init would find it, in a part", "Content-Type: multipart/mixed; boundary=x\n\n--x\nMIME-Version: 1.0\n\n#cloud-config\n--x--\n", "", "but not in a header at its beginning"},
		"encoded message": {"only parts are encoded", head + "Content-Transfer-Encoding: base64\n\n--x\n", "", `Content-Transfer-Encoding "base64" for the whole message: encode its parts instead`},
		"encoding":        {"unknown", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: x-uuencode\n\na: 1"), "", `part 1 of the MIME message: unknown Content-Transfer-Encoding "x-uuencode": use base64`},
		"base64":          {"broken", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\na: 1"), "", "part 1 of the MIME message: its body is not base64"},
		"quoted":          {"broken", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: quoted-printable\n\na: =XY"), "", "part 1 of the MIME message: its body is not quoted-printable"},
		"Latin-1":         {"YAML is UTF-8", message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: quoted-printable\n\na: =E4"), "", "part 1 of the MIME message: its text is not UTF-8"},
		"carriage return": {"a line end to Python only", message("Content-Type: text/cloud-config\n\na: \"\r\""), "", "a carriage return without a line feed"},
		"many parts":      {"are limited", message(many...), "", "more than 100 parts (the limit)"},
		"script":          {"the type may be wrong", message("Content-Type: text/cloud-config\n\n#!/bin/sh"), "", "part 1 of the MIME message: it is a script, and only a #cloud-config can be edited: turn it into runcmd"},
		"jinja":           {"likewise", message("Content-Type: text/cloud-config\n\n## template: jinja\n#cloud-config\na: {{ b }}"), "", "part 1 of the MIME message: it is a jinja template"},
		"not YAML":        {"with the part", message("Content-Type: text/cloud-config\n\na: ["), "", "part 1 of the MIME message: not YAML"},
		"list":            {"cloud-init wants a mapping", message("Content-Type: text/cloud-config\n\n- a"), "", "part 1 of the MIME message: the document is a list"},
		"ä":               {"Python would read it wrongly", message(plainPart), `"ä"`, "characters other than ASCII, which cloud-init cannot read in a MIME part without encoding: give the part Content-Transfer-Encoding base64"},
		"boundary":        {"a value stands indented, and so never ends the part", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"\\\" a\"\n\n--\" a\n" + plainPart + "\n--\" a--\n", `"a\n--\" a\nb"`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, tc.doc)
			changed, err := d.Apply(&Operation{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/zz", Value: json.RawMessage(or(tc.value, "1"))})
			if tc.err == "" {
				if err != nil || !changed {
					t.Errorf("%s: changed %v, error %v", tc.reason, changed, err)
				}
				return
			}
			if err == nil || changed || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: changed %v, error %v, want one with %q", tc.reason, changed, err, tc.err)
			}
			if out, _ := d.Encode(); string(out) != string(d.envelope.input) {
				t.Errorf("%s: the failed operation left a trace: %s", tc.reason, out)
			}
		})
	}
}
