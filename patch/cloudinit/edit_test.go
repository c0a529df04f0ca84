// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

const sample = `#cloud-config
# managed by the platform team
hostname: foo   # aligned

users:
- name: a   # first
  sudo: no
  uid: 0644
  # behind a

# about b
- name: b
  keys: [x,  y]

write_files:
- path: /x
  content: |
    foo

    # part of the file

# at the end
runcmd:
  - - a
    - b
  - 'x y'
`

// TestYAMLEdits shows the difference that an operation makes to the text: lines beginning with - go, lines beginning with + come.
func TestYAMLEdits(t *testing.T) {
	cases := map[string]struct {
		reason string
		doc    string
		op     bundle.Op
		path   string
		value  string
		want   string
	}{
		"append an item": {"behind the literal block, before the comment of the next key", sample, "add", "/write_files/-", `{"path":"/etc/motd","content":"patched\n","permissions":"0644"}`,
			"+- path: /etc/motd\n+  content: |\n+    patched\n+  permissions: \"0644\"\n"},
		"insert an item":         {"at the front of a list", sample, "add", "/users/0", `"default"`, "+- default\n"},
		"insert between":         {"behind the item before", sample, "add", "/users/1", `{"name":"no"}`, "+- name: \"no\"\n"},
		"insert in a dash line":  {"the first item moves to a line of its own", sample, "add", "/runcmd/0/0", `"z"`, "-  - - a\n+  - - z\n+    - a\n"},
		"remove first of a dash": {"the second key moves up", sample, "remove", "/users/0/name", ``, "-- name: a   # first\n-  sudo: no\n+- sudo: no\n"},
		"remove the first key":   {"header and comments stay", sample, "remove", "/hostname", ``, "-hostname: foo   # aligned\n"},
		"remove an item":         {"the comments around it stay", sample, "remove", "/users/0", ``, "-- name: a   # first\n-  sudo: no\n-  uid: 0644\n"},
		"replace a scalar":       {"with its comment", sample, "replace", "/hostname", `"no"`, "-hostname: foo   # aligned\n+hostname: \"no\" # aligned\n"},
		"replace keeps quotes":   {"of the old string", sample, "replace", "/runcmd/1", `"z"`, "-  - 'x y'\n+  - 'z'\n"},
		"new key":                {"goes to the end", sample, "add", "/locale", `"C"`, "+locale: C\n"},
		"new nested key":         {"goes behind its siblings", sample, "add", "/users/0/shell", `"/bin/sh"`, "+  shell: /bin/sh\n"},
		"flow list":              {"only its entry is written anew", sample, "add", "/users/1/keys/-", `"1:30"`, "-  keys: [x,  y]\n+  keys: [x, y, \"1:30\"]\n"},
		"emptied list":           {"becomes []", sample, "replace", "/runcmd", `[]`, "-runcmd:\n-  - - a\n-    - b\n-  - 'x y'\n+runcmd: []\n"},
		"filled list":            {"an empty list becomes a block", "#cloud-config\na: []\n", "add", "/a/-", `"x"`, "-a: []\n+a:\n+  - x\n"},
		"merge":                  {"does several things", sample, "merge", "", `{"hostname":null,"users":["default"],"locale":"C"}`, "-hostname: foo   # aligned\n-- name: a   # first\n-  sudo: no\n-  uid: 0644\n+- default\n-- name: b\n-  keys: [x,  y]\n+locale: C\n"},
		"numbers":                {"are written so that YAML 1.1 reads numbers", "#cloud-config\na: 1\n", "add", "/b", `[1e3, 1.5e7, -2, 12345678901234567890]`, "+b:\n+  - 1.0e+3\n+  - 1.5e+7\n+  - -2\n+  - 12345678901234567890\n"},
		"indent 4":               {"new lines follow the layout of the document", "#cloud-config\na:\n    b: 1\nc:\n- d\n", "add", "/e", `{"f":["g"],"h":{"i":1}}`, "+e:\n+    f:\n+      - g\n+    h:\n+        i: 1\n"},
		"dash on its own line":   {"counts as the place of the item", "#cloud-config\na:\n  -\n    b: 1\n  -\n    b: 2\n", "remove", "/a/0", ``, "-    b: 1\n-  -\n"},
		"comment behind a key":   {"stays when the block below goes", "#cloud-config\na: # about a\n  - b\n", "remove", "/a/0", ``, "-a: # about a\n-  - b\n+a: [] # about a\n"},
		"comment behind a value": {"stays when a block comes", "#cloud-config\na: b # about a\n", "replace", "/a", `["c"]`, "-a: b # about a\n+a: # about a\n+  - c\n"},
		"anchor elsewhere":       {"an alias that is changed is written out, the anchor stays", "#cloud-config\na: &x {k: 1}\nb: *x\nc: *x\n", "add", "/b/l", `2`, "-b: *x\n+b: {k: 1, l: 2}\n"},
		"anchored value":         {"what others refer to must not change for them", "#cloud-config\na: &x\n  k: 1\nb: *x\n", "replace", "/a/k", `2`, "-a: &x\n+a:\n+  k: 2\n+b:\n-b: *x\n"},
		"merge key overridden":   {"a key from a merge key is overridden in place", "#cloud-config\na: &x\n  k: 1\nb:\n  <<: *x\n  l: 2\n", "replace", "/b/k", `3`, "+  k: 3\n"},
		"merge key keeps types":  {"a date in it stays a date", "#cloud-config\na: &x\n  k: {d: 2001-12-14}\nb:\n  <<: *x\n", "add", "/b/k/e", `1`, "+  k: {d: 2001-12-14, e: 1}\n"},
		"merge key removed":      {"a key from a merge key can only go with it", "#cloud-config\na: &x\n  k: 1\n  m: 2\nb:\n  <<: *x\n  l: 2\n", "remove", "/b/k", ``, "-a: &x\n+a:\n-  <<: *x\n+  m: 2\n"},
		"no newline at the end":  {"is not added unless the end changes", "#cloud-config\na: 1\nb: |\n  c", "replace", "/a", `2`, "-a: 1\n+a: 2\n"},
		"literal at the end":     {"has no line end then, and gets none", "#cloud-config\na: |\n  c", "add", "/b", `1`, "-a: |\n+a: |-\n+b: 1\n"},
		"folded at the end":      {"likewise", "#cloud-config\na:\n- >2\n   c\n  d", "add", "/b", `1`, "-- >2\n+- >-2\n+b: 1\n"},
		"literal, stripped":      {"is left alone", "#cloud-config\na: |-\n  c", "add", "/b", `1`, "+b: 1\n"},
		"literal, replaced":      {"is written anew", "#cloud-config\nb: 1\na: |\n  c", "replace", "/a", `"d\ne\n"`, "-  c\n+  d\n+  e\n"},
		"comments only":          {"are an empty document", "#cloud-config\n# nothing\n", "add", "/a", `1`, "+a: 1\n"},
		"header only":            {"may lack its newline", "#cloud-config", "add", "/a", `1`, "+a: 1\n"},
		"null document":          {"is an empty document", "#cloud-config\n~\n", "add", "/a", `1`, "-~\n+a: 1\n"},
		"document marker":        {"stays", "#cloud-config\n---\na: 1\n", "add", "/b", `1`, "+b: 1\n"},
		"folded neighbours":      {"stay folded", "#cloud-config\na: >-\n  b\n  c\nd: 1\n", "replace", "/d", `2`, "-d: 1\n+d: 2\n"},
		"keys that are no text":  {"go by their text and stay what they are", "#cloud-config\non: 1\n0644: 2\n~: 3\n", "replace", "/on", `4`, "-on: 1\n+on: 4\n"},
		"new key like a boolean": {"is quoted", "#cloud-config\na: 1\n", "add", "/on", `4`, "+\"on\": 4\n"},
		"binary stays":           {"beside an edit in one flow mapping", "#cloud-config\na: {b: !!binary aGk=, c: 2001-12-14, d: .inf, e: , f: 1}\n", "replace", "/a/f", `2`, "-a: {b: !!binary aGk=, c: 2001-12-14, d: .inf, e: , f: 1}\n+a: {b: !!binary aGk=, c: 2001-12-14, d: .inf, e: null, f: 2}\n"},
		"block below flow":       {"JSON that YAML reads otherwise is YAML", "#cloud-config\n{\"a\": 1e3, \"b\": 1}\n", "replace", "/b", `2`, "-{\"a\": 1e3, \"b\": 1}\n+{\"a\": 1e3, \"b\": 2}\n"},
		"json":                   {"JSON stays JSON", "#cloud-config\n{\"b\": [1, 2], \"a\":  \"<é>\"}", "add", "/b/0", `0`, "-{\"b\": [1, 2], \"a\":  \"<é>\"}\n+{\"b\":[0,1,2],\"a\":\"<é>\"}\n"},
		"carriage returns":       {"end new lines as well", "#cloud-config\r\na:\r\n- b # c\r\n", "add", "/a/-", `"x\ny"`, "+- |-\r\n+  x\r\n+  y\r\n"},
		"kept blank lines":       {"belong to the scalar above", "#cloud-config\na: 1\nb: |+\n  c\n\n", "add", "/d", `1`, "+d: 1\n"},
		"item becomes a block":   {"its comment would swallow it", "#cloud-config\nz:  1\na:\n- 1\n- b # c\n\n# e\n- f\n", "replace", "/a/1", `{"d":["<"]}`, "-- b # c\n+- d:\n+  - \"<\"\n"},
		"another mapping":        {"without a key of the old one", sample, "replace", "/users/0", `{"z":1}`, "-- name: a   # first\n-  sudo: no\n-  uid: 0644\n+- z: 1\n"},
		"anchored scalar":        {"keeps its anchor", "#cloud-config\na: &x 1\nb:  2\n", "replace", "/a", `3`, "-a: &x 1\n+a: &x 3\n"},
		"other line breaks":      {"count as lines in YAML", "#cloud-config\na: \"b\u2028\u0085c\"\nd: 1\n", "replace", "/d", `2`, "-a: \"b\u2028\u0085c\"\n-d: 1\n+a: \"b\\L\\nc\"\n+d: 2\n"},
		"rename a key":           {"the value moves with the comments inside it", sample, "move", "/accounts", "/users", "-users:\n-- name: a   # first\n-  sudo: no\n-  uid: 0644\n-  # behind a\n-# about b\n-- name: b\n-  keys: [x,  y]\n-\n+accounts:\n+- name: a # first\n+  sudo: no\n+  uid: 0644\n+  # behind a\n+# about b\n+- name: b\n+  keys: [x, y]\n"},
		"move a scalar":          {"with its comment", sample, "move", "/fqdn", "/hostname", "-hostname: foo   # aligned\n+fqdn: foo # aligned\n"},
		"move a date":            {"which stays a date", "#cloud-config\na: 2001-12-14\nb: {c: !!binary aGk=}\n", "move", "/d", "/a", "-a: 2001-12-14\n+d: 2001-12-14\n"},
		"copy binary data":       {"with its tag", "#cloud-config\nb: {c: !!binary aGk=, d: 0644}\n", "copy", "/e", "/b", "+e: {c: !!binary aGk=, d: 0644}\n"},
		"move in a list":         {"the other items keep their lines", sample, "move", "/runcmd/0", "/runcmd/1", "+  - 'x y'\n-  - 'x y'\n"},
		"move to the end":        {"of the list", sample, "move", "/users/-", "/users/0", "-- name: a   # first\n-  sudo: no\n-  uid: 0644\n+- name: a # first\n+  sudo: no\n+  uid: 0644\n"},
		"move into a flow list":  {"only that entry is written anew", sample, "move", "/users/1/keys/-", "/hostname", "-hostname: foo   # aligned\n-  keys: [x,  y]\n+  keys: [x, y, foo]\n"},
		"move out of a list":     {"with its comments inside", "#cloud-config\na:\n- b: 1\n  # about c\n  c: 'd'  # e\n- f\n", "move", "/g", "/a/0", "-- b: 1\n-  # about c\n-  c: 'd'  # e\n+g:\n+  b: 1\n+  # about c\n+  c: 'd' # e\n"},
		"move the last item":     {"the list becomes empty", "#cloud-config\na:\n- b\nc: 1\n", "move", "/d", "/a/0", "-a:\n-- b\n+a: []\n+d: b\n"},
		"copy a block":           {"with its literal", sample, "copy", "/files", "/write_files", "+files:\n+- path: /x\n+  content: |\n+    foo\n+\n+    # part of the file\n"},
		"copy an item":           {"in front of its list", sample, "copy", "/users/0", "/users/1", "+- name: b\n+  keys: [x, y]\n"},
		"copy what is anchored":  {"without its anchor, which stands once", "#cloud-config\na: &x {k: 1}\nb: *x\n", "copy", "/c", "/a", "+c: {k: 1}\n"},
		"copy an alias":          {"is written out", "#cloud-config\na: &x {k: 1}\nb: *x\n", "copy", "/c", "/b", "+c: {k: 1}\n"},
		"move what is anchored":  {"its aliases are written out", "#cloud-config\na: &x {k: 1}\nb: *x\n", "move", "/c", "/a", "-a: &x {k: 1}\n-b: *x\n+b: {k: 1}\n+c: {k: 1}\n"},
		"copy over a value":      {"whose comment and place stay", sample, "copy", "/hostname", "/runcmd/1", "-hostname: foo   # aligned\n+hostname: 'x y' # aligned\n"},
		"move up":                {"over the parent", "#cloud-config\na: # about a\n  b:\n    c: 1 # d\ne: 1\n", "move", "/a", "/a/b", "-  b:\n-    c: 1 # d\n+  c: 1 # d\n"},
		"move in json":           {"JSON stays JSON", "#cloud-config\n{\n  \"a\": 1,\n  \"b\": [2]\n}\n", "move", "/b/0", "/a", "-  \"a\": 1,\n-  \"b\": [2]\n+  \"b\": [\n+    1,\n+    2\n+  ]\n"},
		"pretty json":            {"with its indentation", "#cloud-config\n{\n    \"a\": 1\n}\n", "add", "/b", `2`, "-    \"a\": 1\n+    \"a\": 1,\n+    \"b\": 2\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, tc.doc)
			o := operation(bundle.UserData, tc.op, tc.path, tc.value)
			changed, err := d.Apply(&o)
			if err != nil || !changed {
				t.Fatalf("%s: changed %v, error %v", tc.reason, changed, err)
			}
			if diff := cmp.Diff(tc.want, lineDiff(tc.doc, d.user.text)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\nthe whole:\n%s", tc.reason, diff, d.user.text)
			}
			if strings.HasSuffix(tc.doc, "\n") != strings.HasSuffix(d.user.text, "\n") && !strings.HasSuffix(tc.want, "+"+lastLine(d.user.text)) {
				t.Errorf("%s: the end of the document changed: %q", tc.reason, d.user.text)
			}
		})
	}
}

// TestCreatedParents shows what create: true writes.
func TestCreatedParents(t *testing.T) {
	cases := map[string]struct{ reason, doc, path, value, want string }{
		"no list":     {"it goes to the end", sample, "/bootcmd/-", `"x"`, "+bootcmd:\n+- x\n"},
		"a list":      {"is appended to", sample, "/write_files/-", `{"path":"/y"}`, "+- path: /y\n"},
		"no value":    {"is null in YAML; its comment stays", "#cloud-config\nbootcmd:  # none yet\nb: 1\n", "/bootcmd/-", `"x"`, "-bootcmd:  # none yet\n+bootcmd: # none yet\n+  - x\n"},
		"mappings":    {"below each other", "#cloud-config\na:\n  b: 1\n", "/a/c/d", `"x"`, "+  c:\n+    d: x\n"},
		"empty":       {"the first edit of an empty document", "", "/write_files/-", `"x"`, "-\n+#cloud-config\n+write_files:\n+  - x\n"},
		"json":        {"JSON stays JSON", "#cloud-config\n{\"a\":1}\n", "/runcmd/-", `"x"`, "-{\"a\":1}\n+{\"a\":1,\"runcmd\":[\"x\"]}\n"},
		"empty lists": {"are filled", "#cloud-config\na: []\n", "/a/-", `"x"`, "-a: []\n+a:\n+  - x\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, tc.doc)
			changed, err := d.Apply(&Operation{Target: bundle.UserData, Op: bundle.OpAdd, Path: tc.path, Value: json.RawMessage(tc.value), Create: true})
			if err != nil || !changed {
				t.Fatalf("%s: changed %v, error %v", tc.reason, changed, err)
			}
			if diff := cmp.Diff(tc.want, lineDiff(tc.doc, d.user.text)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\nthe whole:\n%s", tc.reason, diff, d.user.text)
			}
		})
	}
}

// TestChangedValueForgetsItsNode: a value is written as the document had it only as long as it is what the document had.
func TestChangedValueForgetsItsNode(t *testing.T) {
	doc, err := parseDocument("a: [1, 2]\n", "")
	if err != nil {
		t.Fatal(err)
	}
	changed := doc.model.items[0].withItem(0, &value{kind: kindString, text: "x"})
	for v, want := range map[*value]string{doc.model.items[0]: "[1, 2]\n", changed: "- x\n- 2\n"} {
		if text, err := encodeYAML(newNode(v), layout{indent: 2}); err != nil || text != want {
			t.Errorf("got %q and error %v, want %q", text, err, want)
		}
	}
}

func lastLine(s string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	return lines[len(lines)-1] + "\n"
}

// lineDiff lists the lines that go and come between two texts, by their longest common subsequence.
func lineDiff(before, after string) string {
	a, b := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), strings.Split(strings.TrimSuffix(after, "\n"), "\n")
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out strings.Builder
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out.WriteString("-" + a[i] + "\n")
			i++
		default:
			out.WriteString("+" + b[j] + "\n")
			j++
		}
	}
	return out.String()
}

// TestNoChange applies operations that ask for what is there.
func TestNoChange(t *testing.T) {
	cases := map[string]struct {
		reason          string
		op              bundle.Op
		path, value     string
		doc, wantMember string
	}{
		"test":           {"test never changes", "test", "/users/0/uid", `420`, sample, ""},
		"test boolean":   {"no is false", "test", "/users/0/sudo", `false`, sample, ""},
		"replace":        {"with the same value", "replace", "/users/0/uid", `420`, sample, ""},
		"replace by no":  {"written otherwise", "replace", "/users/0/sudo", `false`, sample, ""},
		"add":            {"over the same value", "add", "/write_files/0/content", `"foo\n\n# part of the file\n"`, sample, ""},
		"merge":          {"of what is there", "merge", "", `{"hostname":"foo","gone":null}`, sample, ""},
		"order":          {"objects have no order", "replace", "", `{"b":1,"a":2}`, "#cloud-config\na: 2\nb: 1\n", ""},
		"odd formatting": {"stays odd", "test", "/a", `1`, "#cloud-config\r\n\n\n  a:    1  # x\n\n\n", ""},
		"empty merge":    {"an empty mapping stays empty", "merge", "", `{}`, "#cloud-config", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, tc.doc)
			changed, err := d.Apply(&Operation{Target: bundle.UserData, Op: tc.op, Path: tc.path, Value: json.RawMessage(tc.value)})
			if err != nil || changed {
				t.Errorf("%s: changed %v, error %v", tc.reason, changed, err)
			}
			out, err := d.Encode()
			if err != nil || string(out) != string(d.envelope.input) {
				t.Errorf("%s: %s became %s (error %v)", tc.reason, d.envelope.input, out, err)
			}
		})
	}
}
