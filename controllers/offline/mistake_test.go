// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// patchHead is what the patches of the tests start with, in four lines.
const patchHead = `apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata: {name: p, namespace: vms}
spec:
`

// TestMistakes pins where mistakes are found. In the files, ^ stands before the place and is taken out.
func TestMistakes(t *testing.T) {
	const id = "DomainPatch vms/p: "
	for name, tc := range map[string]struct {
		reason string
		file   string
		want   string // without the position, unless there is no ^
	}{
		"unknown field": {
			reason: "the most common one: a typo", file: patchHead + "  domain:\n  - op: remove\n    ^pth: /domain/title\n    path: /domain/title\n",
			want: id + `unknown field "spec.domain[0].pth"`,
		},
		"wrong type": {
			reason: "the index is found, too", file: patchHead + "  domain:\n  - {op: set, path: /domain/a, value: x}\n  - {op: set, path: /domain/a, value: ^4}\n",
			want: id + "spec.domain[1].value: is a number instead of a text: put the value in quotes",
		},
		"yes for a text": {
			reason: "YAML 1.1, as kubectl reads it", file: patchHead + "  domain:\n  - {op: set, path: /domain/a, value: ^yes}\n",
			want: id + "spec.domain[0].value: is a bool instead of a text: put the value in quotes",
		},
		"list for an object": {
			reason: "the value starts at its first dash", file: patchHead + "  selector:\n  ^- a\n  domain:\n  - {op: remove, path: /domain/title}\n",
			want: id + "spec.selector: is a list instead of an object with fields of its own",
		},
		"duplicate key": {
			reason: "one of both is not what its author thinks", file: patchHead + "  order: 1\n  ^order: 2\n  domain: []\n",
			want: `the field "order" stands twice, first in line 5`,
		},
		"duplicate key in JSON": {
			reason: "JSON goes another way", file: `{"apiVersion":"domainpatch.kubevirt.io/v1alpha1","kind":"DomainPatch","metadata":{"name":"p","namespace":"vms"},` +
				"\n\t\"spec\":{\"order\":1,^\"order\":2,\"domain\":[{\"op\":\"remove\",\"path\":\"/domain/title\"}]}}",
			want: id + `duplicate field "spec.order"`,
		},
		"syntax": {
			reason: "YAML tells the line alone", file: "# first\n---\n" + patchHead + "  domain: [\n",
			want: "f.yaml:7: this is neither YAML nor JSON: did not find expected node content",
		},
		"syntax behind the last line": {
			reason: "YAML ends lines at this character, too", file: "a: b\u2028\u2028\u2028\u2028\u2028\n c: [\n",
			want: "f.yaml:3: this is neither YAML nor JSON: mapping values are not allowed in this context",
		},
		"JSON": {
			reason: "escapes and characters count as they stand in the file", file: `{"apiVersion":"domainpatch.kubevirt.io/v1alpha1","kind":"DomainPatch","metadata":{"name":"p","namespace":"vms"},
	"spec":{"domain":[{"op":"set","value":"\ud83d\ude00 é","path":"/domain/a\u0020[^"}]}}`,
			want: id + `spec.domain[0].path: "/domain/a [": unexpected end of the path: a name is expected`,
		},
		"flow style": {
			reason: "an XPath, behind its quote", file: patchHead + "  domain: [{op: remove, path: \"/domain/^§\"}]\n",
			want: id + `spec.domain[0].path: "/domain/§": unexpected '§' at byte 8`,
		},
		"plain scalar": {
			reason: "an XPath without quotes", file: patchHead + "  domain:\n  - op: remove\n    path: /domain/^foo::x\n",
			want: id + `spec.domain[0].path: "/domain/foo::x": at byte 8: the axis foo:: is not supported`,
		},
		"single quotes": {
			reason: "a doubled quote is one character", file: patchHead + "  domain:\n  - op: remove\n    path: '/domain[a=''b'' ^c]'\n",
			want: id + `spec.domain[0].path: "/domain[a='b' c]": unexpected "c" at byte 14: the predicate from byte 7 on should end here, with ]`,
		},
		"double quotes": {
			reason: "so is an escape", file: patchHead + "  domain:\n  - op: remove\n    path: \"/domain[a=\\\"\\x62\\\" ^c]\"\n",
			want: id + `spec.domain[0].path: "/domain[a=\"b\" c]": unexpected "c" at byte 14: the predicate from byte 7 on should end here, with ]`,
		},
		"literal block": {
			reason: "the line and the indentation are those of the file", file: patchHead + "  domain:\n  - op: add\n    path: /domain\n    xml: |\n      <a>\n        <b ^=\"c\"/>\n      </a>\n",
			want: id + "spec.domain[0].xml: line 2, column 6: the name of the attribute is missing or not a name",
		},
		"folded block": {
			reason: "folded lines stand in several of the file", file: patchHead + "  variables:\n  - name: v\n    expression: >-\n      vmi.metadata.name +\n      ^nosuch\n  domain:\n  - {op: remove, path: /domain/title}\n",
			want: id + "spec.variables[0].expression: 1:21: undeclared reference to 'nosuch'",
		},
		"expression in a literal block": {
			reason: "CEL tells line and column", file: patchHead + "  domain:\n  - op: set\n    path: /domain/title\n    expression: |\n      vmi.metadata.name +\n        ^nosuch\n",
			want: id + "spec.domain[0].expression: 2:3: undeclared reference to 'nosuch'",
		},
		"path in an expression": {
			reason: "the path has no line of its own", file: patchHead + "  domain:\n  - op: set\n    path: /domain/title\n    expression: \"'é' + xpath(^'//disk[')[0]\"\n",
			want: id + `spec.domain[0].expression: xpath("//disk["): unexpected end of the path: a name is expected`,
		},
		"missing field": {
			reason: "the rule is the nearest place", file: patchHead + "  cloudInit:\n  - ^target: userData\n    op: remove\n",
			want: id + `spec.cloudInit[0].path: is missing ("" is the whole document)`,
		},
		"list item": {
			reason: "kubectl get -o yaml prints Lists", file: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n- apiVersion: domainpatch.kubevirt.io/v1alpha1\n  kind: DomainPatch\n  metadata: {name: p, namespace: vms}\n  spec:\n    domain:\n    - {op: remove, path: ^domain}\n",
			want: id + `spec.domain[0].path: "domain": unexpected "domain" at byte 0: a path starts with / or //`,
		},
		"alias": {
			reason: "its place is where it is used", file: strings.Replace(patchHead, "p,", "p, annotations: {a: &p domain},", 1) + "  domain:\n  - {op: remove, path: ^*p}\n",
			want: id + `spec.domain[0].path: "domain": unexpected "domain" at byte 0: a path starts with / or //`,
		},
		"label that is no text": {
			reason: "the labels are no list of known fields", file: strings.Replace(patchHead, "p,", "p, labels: {a: b, c: ^on},", 1),
			want: id + `metadata.labels.c: is a bool instead of a text: put the value in quotes`,
		},
		"no object": {reason: "any YAML may come", file: "^- a\n", want: "this is no Kubernetes object"},
		"tab": {
			reason: "what to do is not in the parser's words", file: patchHead + "  domain:\n\t- {op: remove, path: /domain/title}\n",
			want: "f.yaml:6: this is neither YAML nor JSON: found character that cannot start any token: indent with spaces, YAML takes no tabs, and put a text in quotes that begins with %, @ or a backtick",
		},
		"windows": {reason: "lines may end in CRLF", file: strings.ReplaceAll(patchHead+"  domain:\n  - op: remove\n    path: |-\n      /domain\n      /^$\n", "\n", "\r\n"), want: id + `spec.domain[0].path: "/domain\n/$": unexpected "$" at byte 9: a name is expected`},
	} {
		t.Run(name, func(t *testing.T) { checkMistakes(t, tc.file, tc.want) })
	}
}

func checkMistakes(t *testing.T, file, want string) {
	t.Helper()
	before, after, marked := strings.Cut(file, "^")
	line, column := 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	if marked {
		want = fmt.Sprintf("f.yaml:%d:%d: %s", line, column, want)
	}
	got := mistakesIn(before + after)
	if len(got) != 1 {
		t.Fatalf("%d mistakes, want 1: %v", len(got), got)
	}
	if diff := cmp.Diff(want, got[0].String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !marked {
		return
	}
	source, caret, _ := strings.Cut(got[0].Excerpt, "\n")
	text := []rune(strings.TrimRight(strings.Split(before+after, "\n")[line-1], "\r"))
	if len(text) <= excerptWidth && source != string(text) {
		t.Errorf("the excerpt is of the line %q, want %q", source, string(text))
	}
	shown := string([]rune(source)[min(len([]rune(caret))-1, len([]rune(source))):])
	if rest := string(text[column-1:]); !strings.HasPrefix(rest, shown) || shown == "" && rest != "" {
		t.Errorf("the caret of the excerpt stands before %q, want %q", shown, rest)
	}
}

// mistakesIn are those that reading and compiling finds.
func mistakesIn(file string) []Mistake {
	objects, _, err := ParseObjects("f.yaml", []byte(file))
	if err == nil {
		_, err = Compile(context.Background(), objects, nil, true)
	}
	return Mistakes(err)
}

// TestMistakesOfSeveral checks that all mistakes come out, those of a document and those of several.
func TestMistakesOfSeveral(t *testing.T) {
	file := "---\n# none\n--- # the first one\n" + patchHead + "  domain:\n  - {op: frob, path: /domain}\n  - {op: remove, path: a}\n---\n" +
		strings.Replace(patchHead, "p,", "q,", 1) + "  domain: [{op: test, path: 'b'}]\n"
	var got []string
	for _, m := range mistakesIn(file) {
		got = append(got, m.Position.String()+" "+m.Object+" "+m.Field)
	}
	want := []string{
		"f.yaml:9:10 DomainPatch vms/p spec.domain[0].op",
		"f.yaml:10:24 DomainPatch vms/p spec.domain[1].path",
		"f.yaml:16:29 DomainPatch vms/q spec.domain[0].path",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMistakesOfHostileFiles checks that many mistakes take no long time, and that none commands a terminal.
func TestMistakesOfHostileFiles(t *testing.T) {
	const many = 50_000
	repeated := mistakesIn(strings.Repeat("a: 1\n", many))
	if len(repeated) != many-1 || repeated[0].Excerpt == "" || repeated[many-2].Excerpt != "" {
		t.Errorf("%d mistakes, want %d, the first ones with an excerpt", len(repeated), many-1)
	}
	missing := mistakesIn(patchHead + "  cloudInit: [" + strings.Repeat("{},", many) + "]\n")
	if len(missing) < many {
		t.Errorf("%d mistakes, want one for each of %d rules", len(missing), many)
	}
	if wrong := mistakesIn(strings.Repeat("---\na\n", 2*maxMistakes)); len(wrong) != maxMistakes+1 || !strings.Contains(wrong[maxMistakes].Reason, "not read") {
		t.Errorf("%d mistakes, want %d and one that says so", len(wrong), maxMistakes)
	}
	for _, m := range mistakesIn("kind: DomainPatch\nmetadata: {name: \"a\\n\\e[31m\\u202e\"} # \x1b[31m\u202e\n") {
		if strings.ContainsAny(m.String(), "\n\x1b\u202e") || strings.ContainsAny(m.Excerpt, "\x1b\u202e") {
			t.Errorf("%q with excerpt %q commands a terminal", m.String(), m.Excerpt)
		}
	}
	wide := "\xff\xfe" + strings.ReplaceAll(patchHead+"  frob: 1\n", "", "\x00")[1:] // UTF-16, little endian
	if wrong := mistakesIn(wide); len(wrong) == 0 || wrong[0].Line != 5 || wrong[0].Excerpt != "" {
		t.Errorf("got %v, want a mistake in line 5, and no excerpt of characters that are not bytes", wrong)
	}
}

// TestOrigin checks the places of fields that are as they should be, and of those that are not there.
func TestOrigin(t *testing.T) {
	objects, _, err := ParseObjects("f.yaml", []byte(`apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata:
  name: p
  labels: {a.b/c: x, a: z}
spec:
  selector: &s {matchLabels: {app.kubernetes.io/name: x}}
  domain:
  - op: remove
    path: /domain/title
`))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"":                       "f.yaml:1:1",
		"kind":                   "f.yaml:2:7",
		"metadata.labels.a.b/c":  "f.yaml:5:19",
		"metadata.labels.a":      "f.yaml:5:25",
		"spec.domain[0].path":    "f.yaml:10:11",
		"spec.domain[0].value":   "f.yaml:9:5",
		"spec.domain[1].path":    "f.yaml:9:3",
		"spec.domain[-1]":        "f.yaml:9:3",
		"spec.domain[x":          "f.yaml:9:3",
		"spec.cloudInit[0].path": "f.yaml:7:3",
		"nosuch":                 "f.yaml:1:1",
		"spec.selector.":         "f.yaml:7:13",
		"spec.selector.matchLabels.app.kubernetes.io/name": "f.yaml:7:55",
	} {
		if got := objects.Origin("DomainPatch default/p").Position(field, 0).String(); got != want {
			t.Errorf("%q is at %s, want %s", field, got, want)
		}
	}
	if got := objects.Origin("DomainPatch q").Position("spec", 3); got != (Position{}) {
		t.Errorf("an object that is not there has the position %v", got)
	}
}

// TestOriginOfCircles checks that aliases and merges that go in circles end.
func TestOriginOfCircles(t *testing.T) {
	for _, text := range []string{"spec: &a\n  <<: *a\n", "spec: &a\n  <<: *a\n  <<: *a\n", "spec: &a [*a]\n", "&a {spec: *a}\n"} {
		origin := &Origin{doc: &source{file: "f.yaml", data: []byte(text)}}
		if got := origin.Position("spec.spec.domain[0][0].path", 1); got.Line != 1 && got.Line != 2 {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestOriginOfNothing wants a value that is not written out to stand at its key, not at what comes next.
func TestOriginOfNothing(t *testing.T) {
	origin := &Origin{doc: &source{file: "f.yaml", data: []byte("? a\n? b\n:\nc:\n\nd:\n  ''\ne:\n- \n? f\n")}}
	for field, want := range map[string]string{
		"a": "f.yaml:1:3", "b": "f.yaml:2:3", "c": "f.yaml:4:3", "d": "f.yaml:7:3", "e[0]": "f.yaml:9:2", "f": "f.yaml:10:3",
	} {
		if got := origin.Position(field, 0).String(); got != want {
			t.Errorf("%s is at %s, want %s", field, got, want)
		}
	}
}

// TestOriginInEmptyText wants offsets in a text that is empty at that text: what follows it may be no line of the file.
func TestOriginInEmptyText(t *testing.T) {
	for text, want := range map[string]string{"a: |\n": "f.yaml:1:4", "a: ''\n": "f.yaml:1:4", "a: !!str\n": "f.yaml:1:4", "a: |+\n\n": "f.yaml:2:1"} {
		origin := &Origin{doc: &source{file: "f.yaml", data: []byte(text)}}
		if got := origin.Position("a", 3).String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestByteOrderMark wants it to be no column, and to keep nothing from being read.
func TestByteOrderMark(t *testing.T) {
	for text, want := range map[string]string{"\ufeffa: b\n": "f.yaml:1:5", "\ufeff{\"a\": \"b\"}": "f.yaml:1:9", "\ufeff---\n": "", "\ufeff# none\n": "", "\ufeff--- {a: b}\n": "f.yaml:1:10"} {
		got := ""
		for _, doc := range sources("f.yaml", []byte(text)) {
			got += (&Origin{doc: doc}).Position("a", 1).String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzPosition looks for fields and offsets whose place cannot be told without a panic, or is not in the file.
func FuzzPosition(f *testing.F) {
	f.Add([]byte(patchHead+"  domain:\n  - op: set\n    path: >\n     /a\n\n     b\n"), "spec.domain[0].path", 5)
	f.Add([]byte("a: \"\\\n \\u00e9'\\\"\""), "a", 2)
	f.Add([]byte(`{"a":["\ud83d\ude00b", "x\ud800"]}`), "a[0]", 1)
	f.Add([]byte("--- {\"a\": 1} # b\n  {\"a\": 2}"), "a", 0)
	f.Add([]byte("? 0\n"), "0", 1)
	f.Add([]byte("\ufeff---\n"), "a", 0)
	f.Add([]byte("--- |\n"), "", 1)
	f.Add([]byte("a: &a {<<: *a, <<: *a}\n"), "a.b", 0)
	f.Add([]byte("a: 1\r\na: |+\r\n é\r\n\r\n"), "a", 3)
	f.Add([]byte("a: 1\r---\r\r\na: >\r é\r\n\r b\r"), "a", 5)
	f.Add([]byte("\xff\xfea\x00:\x00 \x001\x00\x28\x20a\x00:\x00 \x001\x00"), "a", 0)
	f.Fuzz(func(t *testing.T, data []byte, field string, offset int) {
		hasPlaces := linesAsInEditors(data)
		for _, s := range sources("f", data) {
			asJSON, err := s.toJSON()
			for _, m := range Mistakes(err) {
				behind := 1 + s.above + bytes.Count(s.data, []byte("\n")) // where a document ends too early
				if hasPlaces && !isPlace(s, m.Position) && (m.Column > 0 || m.Line != behind) {
					t.Errorf("%v is not in %q", m, data)
				}
			}
			origin := &Origin{doc: s}
			for _, at := range []Position{origin.Position(field, offset), origin.keyPosition(field)} {
				if hasPlaces && asJSON != nil && at.Line > 0 && !isPlace(s, at) {
					t.Errorf("%v is not in %q", at, s.data)
				}
				_ = origin.Excerpt(at)
			}
		}
	})
}

// linesAsInEditors says whether YAML finds the lines of a text where editors do: it also ends them at three characters of
// Unicode, and takes UTF-16.
func linesAsInEditors(data []byte) bool {
	return !bytes.ContainsAny(data, "\u0085\u2028\u2029") && !bytes.HasPrefix(data, []byte("\xff\xfe")) && !bytes.HasPrefix(data, []byte("\xfe\xff"))
}

// isPlace says whether a line and a column are in the document, or the column right behind its line.
func isPlace(d *source, at Position) bool {
	line, ok := d.line(at.Line)
	return ok && at.Column <= 1+utf8.RuneCount(line)
}

// TestPlaceInDocument wants errors of the documents to have their place in them, with and without a patch that
// applies, and in a case their file.
func TestPlaceInDocument(t *testing.T) {
	const patch = "apiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: ClusterDomainPatch\nmetadata: {name: p}\nspec: {domain: [{op: set, path: /domain/title, value: x}], cloudInit: [{target: userData, op: add, path: /a, value: 1}]}\n"
	for name, text := range map[string]string{"applies": patch, "none": ""} {
		t.Run(name, func(t *testing.T) {
			objects, _, err := ParseObjects("p.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(t.Context(), objects, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			_, _, inXML := p.Domain(t.Context(), []byte("<domain>\n é<a b=></a></domain>"), nil)
			_, _, inJSON := p.CloudInit(t.Context(), []byte("{\"a\":\n 1,,}"))
			for what, tc := range map[string]struct {
				err          error
				line, column int
			}{"XML": {inXML, 2, 8}, "JSON": {inJSON, 2, 4}} {
				found := Mistakes(tc.err)
				if len(found) != 1 || found[0].Line != tc.line || found[0].Column != tc.column || found[0].Reason != tc.err.Error() {
					t.Errorf("%s: %+v, want one at %d:%d", what, found, tc.line, tc.column)
				}
			}
		})
	}
	dir := t.TempDir()
	for file, text := range map[string]string{CasePatch: patch, CaseDomain: "<domain>", WantDomain: "<domain/>"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found := Mistakes(RunCase(t.Context(), dir).Err); len(found) != 1 || found[0].File != CaseDomain {
		t.Errorf("a case gives %+v, want one in %s", found, CaseDomain)
	}
}
