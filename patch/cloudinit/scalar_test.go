// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "put what we write into testdata/pyyaml.json; then run testdata/pyyaml.py")

// pyYAML is testdata/pyyaml.json, which testdata/pyyaml.py makes with PyYAML.
type pyYAML struct {
	Version  string      `json:"pyyaml"`
	Readings []pyReading `json:"readings"`
	Written  []pyReading `json:"written"`
}

// pyReading is a text, and what PyYAML reads from it: lists and mappings as they are, a scalar as Python's type and text.
type pyReading struct {
	String string `json:"string,omitempty"` // of what is written: what it stands for
	YAML   string `json:"yaml"`
	Reads  any    `json:"reads"`
}

func readPyYAML(t *testing.T) pyYAML {
	t.Helper()
	var table pyYAML
	data, err := os.ReadFile("testdata/pyyaml.json")
	if err == nil {
		err = json.Unmarshal(data, &table)
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// stricter lists what PyYAML reads and this package refuses, and why that is right.
var stricter = map[string]string{
	"k: \"a\\/b\"\n": "the escape \\/ belongs to JSON, and to YAML 1.2 alone; yaml.v3 knows YAML 1.1's",
}

// laxer lists what PyYAML cannot read and this package can: tabs as blanks. cloud-init reads no such document, whether an operation
// edits it or not.
var laxer = []string{"k: \ta\n", "k: a\t\n", "k: a\tb\n", "k: a\t# b\n", "{\n\t\"k\": 1\n}\n"}

// TestPyYAMLReadings reads every document of the table as PyYAML does.
func TestPyYAMLReadings(t *testing.T) {
	table := readPyYAML(t)
	if len(table.Readings) < 400 {
		t.Fatalf("the table has only %d readings", len(table.Readings))
	}
	for _, r := range table.Readings {
		doc, err := parseDocument(r.YAML, "")
		reason, refused := stricter[r.YAML]
		switch {
		case (r.Reads == "error" || refused) && err != nil:
		case r.Reads == "error" && slices.Contains(laxer, r.YAML):
		case r.Reads == "error":
			t.Errorf("%q cannot be read by PyYAML, but here as %s", r.YAML, doc.model.appendJSON(nil))
		case refused:
			t.Errorf("%q is to be refused: %s", r.YAML, reason)
		case err != nil:
			t.Errorf("%q: %v", r.YAML, err)
		default:
			if diff := cmp.Diff(r.Reads, pythonReading(doc.model, r.Reads)); diff != "" {
				t.Errorf("%q (-PyYAML +here):\n%s", r.YAML, diff)
			}
		}
	}
}

// pythonReading writes a value as the table does: a scalar as Python's type and text. Of what JSON lacks, and of floats,
// like is the reading to compare with.
func pythonReading(v *value, like any) any {
	text, _ := like.(string)
	switch v.kind {
	case kindNull:
		return "null"
	case kindBool:
		return "bool " + v.text
	case kindNumber:
		if !strings.ContainsAny(v.text, ".e") {
			return "int " + v.text
		}
		ours, _ := strconv.ParseFloat(v.text, 64)
		theirs, err := strconv.ParseFloat(strings.TrimPrefix(text, "float "), 64)
		if err == nil && ours == theirs {
			return text
		}
		return "float " + v.text
	case kindString:
		return "str " + v.text
	case kindOpaque:
		if text == "date" || text == "float inf" || text == "float -inf" || text == "float nan" || strings.HasPrefix(text, "bytes ") {
			return text
		}
		return "opaque " + v.text
	case kindList:
		list := []any{}
		theirs, _ := like.([]any)
		for i, item := range v.items {
			if i >= len(theirs) {
				theirs = append(theirs, nil)
			}
			list = append(list, pythonReading(item, theirs[i]))
		}
		return list
	}
	object := map[string]any{}
	theirs, _ := like.(map[string]any)
	for i, item := range v.items {
		object[v.keys[i]] = pythonReading(item, theirs[v.keys[i]])
	}
	return object
}

// writtenStrings are the strings that are written and given to PyYAML: the text of every scalar in its table, and others.
func writtenStrings(table pyYAML) []string {
	all := []string{"a\nb", "a\nb\n", "a\n\n", "\n", "\na", " a\nb", "a \nb\n", "a\r\nb", "a\rb", "a\tb", "\ta\nb", "a\n\tb\n", "a\n b\n  c\n", "a\n# b\n", "# a\nb\n", "- a\n- b\n", "a: 1\nb: 2\n", "---\na\n", "a\n---\nb\n", "a\n...\n", "%a\nb\n",
		"#!/bin/sh\nset -e\necho \"$1\" | sed 's/a/b/'\n", "key = 'x'\n\n[section]\n\tindented\n", "a\x07b", "a\u0085b", "a\u2028b", "a\nb\u2029c\n", "a\ufeffb", "\ufeffa", "a\x7fb", "a\ufffeb", "a\ufffdb", "\u00a0a", "a\u00a0", "x\U0001F600", "\U0001F600",
		"no", " no", "no ", "null", "a: b", "a #b", "a:", ":", "a\\nb", "it's", "\"q\"", "'", "\"", "a, b", "[a]", "{a: b}", "&a", "*a", "!a", "!!str a", "|", "|\n", ">", "@a", "`a`", "%TAG", "? a", "?", "- a", "-", "--- a", "...", "\u2603 a: b # c",
		strings.Repeat("word ", 80), strings.Repeat("x", 300), strings.Repeat("a b: c ", 40), strings.Repeat("ä ", 100), strings.Repeat("line of text\n", 30)}
	for _, r := range table.Readings {
		text := strings.TrimSuffix(strings.TrimPrefix(r.YAML, "k: "), "\n")
		if len(text) <= 80 && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// writeEverywhere writes a string as a value, a key, an item, an item in flow style, and in the quotes of strings that it replaces.
func writeEverywhere(t *testing.T, s string) string {
	t.Helper()
	v := &value{kind: kindString, text: s}
	list := newNode(&value{kind: kindList, items: []*value{v, v}})
	flow := *list
	flow.Style = yaml.FlowStyle
	root := newNode(&value{kind: kindObject, keys: []string{s, "the value"}, items: []*value{{kind: kindNull}, v}})
	for key, n := range map[string]*yaml.Node{
		"a list": list, "in flow style": &flow,
		"in single quotes": replacement(&yaml.Node{Kind: yaml.ScalarNode, Style: yaml.SingleQuotedStyle}, v),
		"in double quotes": replacement(&yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle}, v),
	} {
		root.Content = append(root.Content, newString(key), n)
	}
	sortEntries(root)
	text, err := encodeYAML(root, layout{indent: 2})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sortEntries puts the entries of a mapping behind the first two into the order of their keys.
func sortEntries(n *yaml.Node) {
	list := entries(n)[2:]
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.key.Value, b.key.Value) })
	n.Content = n.Content[:4]
	for _, e := range list {
		n.Content = append(n.Content, e.key, e.value)
	}
}

// TestWrittenStrings checks that PyYAML reads every string that is written as that string, wherever it stands.
func TestWrittenStrings(t *testing.T) {
	table := readPyYAML(t)
	var now []pyReading
	for _, s := range writtenStrings(table) {
		now = append(now, pyReading{String: s, YAML: writeEverywhere(t, s)})
	}
	if *update {
		table.Written = now
		data, err := json.Marshal(table)
		if err == nil {
			err = os.WriteFile("testdata/pyyaml.json", data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(table.Written) != len(now) {
		t.Fatalf("the table has %d strings instead of %d: see testdata/pyyaml.py for how to remake it", len(table.Written), len(now))
	}
	for i, w := range table.Written {
		if now[i].String != w.String || now[i].YAML != w.YAML {
			t.Fatalf("%q is written as %q, and the table has %q for %q: see testdata/pyyaml.py for how to remake it", now[i].String, now[i].YAML, w.YAML, w.String)
		}
		s := "str " + w.String
		want := map[string]any{w.String: "null", "the value": s, "a list": []any{s, s}, "in flow style": []any{s, s}, "in single quotes": s, "in double quotes": s}
		if diff := cmp.Diff(want, w.Reads); diff != "" {
			t.Errorf("%q (-want +PyYAML):\n%s\nof %s", w.String, diff, w.YAML)
		}
		doc, err := parseDocument(w.YAML, "")
		if err != nil {
			t.Errorf("%q: %v", w.String, err)
		} else if diff := cmp.Diff(want, pythonReading(doc.model, want)); diff != "" {
			t.Errorf("%q (-want +here):\n%s", w.String, diff)
		}
	}
}

// TestStringStyles pins how strings are written that some reader of YAML would take for something else.
func TestStringStyles(t *testing.T) {
	cases := map[string]map[string]string{
		"words and paths stay plain": {
			"foo": `foo`, "foo bar": `foo bar`, "/etc/motd": `/etc/motd`, "_x": `_x`, "a-b.c": `a-b.c`, "ssh-ed25519 AAAA+/= me@host": `ssh-ed25519 AAAA+/= me@host`, "yesterday": `yesterday`, "http://x/": `http://x/`,
		},
		"other types in YAML 1.1": {
			"no": `"no"`, "On": `"On"`, "OFF": `"OFF"`, "y": `"y"`, "N": `"N"`, "true": `"true"`, "null": `"null"`, "~": `"~"`, "": `""`,
			"0644": `"0644"`, "1:30": `"1:30"`, "52:54:00:12:34:56": `"52:54:00:12:34:56"`, "1.5": `"1.5"`, "2001-12-14": `"2001-12-14"`, ".inf": `".inf"`, "=": `"="`, "<<": `"<<"`,
		},
		"other types in YAML 1.2": {"1e3": `"1e3"`, "0o17": `"0o17"`, "1.5e3": `"1.5e3"`, "-.5": `"-.5"`},
		"indicators and blanks": {
			" x": `" x"`, "x ": `"x "`, "- x": `"- x"`, "#x": `"#x"`, "a: b": `'a: b'`, "a #b": `'a #b'`, "x:": `'x:'`, "*a": `"*a"`, "&a": `"&a"`, "!a": `"!a"`, "%a": `"%a"`, "@a": `"@a"`, "`a": "\"`a\"",
			"[a": `"[a"`, "{a}": `"{a}"`, "---": `"---"`, "...": `"..."`, "?": `"?"`, "\t": `"\t"`, "it's": `it's`,
		},
		"what a plain scalar cannot hold": {"a\x07": `"a\a"`, "a\u0085b": `"a\Nb"`, "a\u2028b": `"a\Lb"`, "a\ufeffb": `"a\uFEFFb"`, "a\x7fb": `"a\x7Fb"`, "a\rb": `"a\rb"`, "ä": `"ä"`, "x😀": "\"x\\U0001F600\""},
		"several lines are a block where it is exact": {
			"a\nb\n": "|\n  a\n  b", "a\nb": "|-\n  a\n  b", "a\n\n # b\n": "|\n  a\n\n   # b", "a\n\n": `"a\n\n"`, " a\nb": `" a\nb"`, "\n": `"\n"`, "\na": `"\na"`, "a\x07\nb": `"a\a\nb"`, "a \nb\n": `"a \nb\n"`, "a\r\nb": `"a\r\nb"`,
		},
	}
	for reason, written := range cases {
		for s, want := range written {
			text, err := encodeYAML(newNode(&value{kind: kindObject, keys: []string{"k"}, items: []*value{{kind: kindString, text: s}}}), layout{indent: 2})
			if err != nil || text != "k: "+want+"\n" {
				t.Errorf("%s: %q is written as %q, want %q (error %v)", reason, s, text, "k: "+want+"\n", err)
			}
			checkString(t, text, s)
		}
	}
}

func checkString(t *testing.T, text, want string) {
	t.Helper()
	_, v, err := parseYAML(text)
	if err != nil {
		t.Errorf("%q: %v", text, err)
		return
	}
	if v.items[0].kind != kindString || v.items[0].text != want {
		t.Errorf("%q is read as %v, want the string %q", text, v.items[0], want)
	}
}

func TestNumberTexts(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-0": "0", "1e3": "1.0e+3", "1E3": "1.0e+3", "1.5e-7": "1.5e-7", "1.50": "1.50", "-1.5e7": "-1.5e+7", "0.0": "0.0", "-0.0": "-0.0", "12345678901234567890123": "12345678901234567890123",
	} {
		v := model(t, in)
		if v.text != want {
			t.Errorf("JSON %s becomes %s, want %s", in, v.text, want)
		}
		back, err := readPlain(v.text)
		if err != nil || back.kind != kindNumber || back.text != v.text {
			t.Errorf("YAML reads %s as %v (error %v)", v.text, back, err)
		}
	}
	for _, pair := range [][2]string{{"1", "1.0"}, {"100", "1e2"}, {"0", "-0.0"}, {"0.001", "1e-3"}, {"120e-1", "12"}} {
		if decimal(pair[0]) != decimal(pair[1]) {
			t.Errorf("%s and %s must be equal", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"1", "-1"}, {"1", "10"}, {"1", "1.0000000000000000001"}, {"1e400", "1e401"}} {
		if decimal(pair[0]) == decimal(pair[1]) {
			t.Errorf("%s and %s must differ", pair[0], pair[1])
		}
	}
	if _, err := decodeJSON([]byte(strings.Repeat("1", maxNumber+1))); err == nil {
		t.Error("a number has a limit")
	}
}
