// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// operationCase is one operation on a JSON document; want is empty if it must fail.
type operationCase struct {
	reason    string
	doc       string
	op        bundle.Op
	path      string
	value     string
	want, err string
}

var rfc6902Cases = map[string]operationCase{
	"A.1":  {"adding an object member", `{"foo":"bar"}`, "add", "/baz", `"qux"`, `{"foo":"bar","baz":"qux"}`, ""},
	"A.2":  {"adding an array element", `{"foo":["bar","baz"]}`, "add", "/foo/1", `"qux"`, `{"foo":["bar","qux","baz"]}`, ""},
	"A.3":  {"removing an object member", `{"baz":"qux","foo":"bar"}`, "remove", "/baz", "", `{"foo":"bar"}`, ""},
	"A.4":  {"removing an array element", `{"foo":["bar","qux","baz"]}`, "remove", "/foo/1", "", `{"foo":["bar","baz"]}`, ""},
	"A.5":  {"replacing a value", `{"baz":"qux","foo":"bar"}`, "replace", "/baz", `"boo"`, `{"baz":"boo","foo":"bar"}`, ""},
	"A.8":  {"testing a value: success", `{"baz":"qux","foo":["a",2,"c"]}`, "test", "/foo/1", `2`, `{"baz":"qux","foo":["a",2,"c"]}`, ""},
	"A.9":  {"testing a value: error", `{"baz":"qux"}`, "test", "/baz", `"bar"`, "", "test failed"},
	"A.10": {"adding a nested member object", `{"foo":"bar"}`, "add", "/child", `{"grandchild":{}}`, `{"foo":"bar","child":{"grandchild":{}}}`, ""},
	"A.12": {"adding to a nonexistent target", `{"foo":"bar"}`, "add", "/baz/bat", `"qux"`, "", `no key "baz"`},
	"A.14": {"~ escape ordering", `{"/":9,"~1":10}`, "test", "/~01", `10`, `{"/":9,"~1":10}`, ""},
	"A.15": {"comparing strings and numbers", `{"/":9,"~1":10}`, "test", "/~01", `"10"`, "", "test failed"},
	"A.16": {"adding an array value", `{"foo":["bar"]}`, "add", "/foo/-", `["abc","def"]`, `{"foo":["bar",["abc","def"]]}`, ""},
}

var strictCases = map[string]operationCase{
	"leading zero":         {"indices have no leading zero", `{"a":[1,2]}`, "replace", "/a/01", `3`, "", "not an index"},
	"plus":                 {"nor a sign", `{"a":[1,2]}`, "add", "/a/+1", `3`, "", "not an index"},
	"minus":                {"nor do they count from the end", `{"a":[1,2]}`, "remove", "/a/-1", "", "", "not an index"},
	"minus zero":           {"-0 is no 0", `{"a":[1,2]}`, "test", "/a/-0", `1`, "", "not an index"},
	"exponent":             {"1e0 is no 1", `{"a":[1,2]}`, "test", "/a/1e0", `2`, "", "not an index"},
	"empty index":          {"nothing is no index", `{"a":[1,2]}`, "test", "/a/", `1`, "", "not an index"},
	"huge index":           {"an index may be too large for an int", `{"a":[1,2]}`, "add", "/a/99999999999999999999", `1`, "", "not an index"},
	"index as a way":       {"strict on the way, too", `{"a":[{"b":1}]}`, "replace", "/a/00/b", `2`, "", "not an index"},
	"add past the end":     {"add may append, not leave gaps", `{"a":[1]}`, "add", "/a/2", `3`, "", "index 2 is behind the end of the list (there are 2 places)"},
	"add at the end":       {"the length is an index for add", `{"a":[1]}`, "add", "/a/1", `2`, `{"a":[1,2]}`, ""},
	"replace the end":      {"but not for replace", `{"a":[1]}`, "replace", "/a/1", `2`, "", "behind the end"},
	"replace dash":         {"there is nothing to replace at -", `{"a":[1]}`, "replace", "/a/-", `2`, "", "only add"},
	"dash on the way":      {"nor to pass", `{"a":[{}]}`, "add", "/a/-/b", `2`, "", "only add"},
	"dash as a key":        {"- is a key like others in an object", `{"a":{}}`, "add", "/a/-", `2`, `{"a":{"-":2}}`, ""},
	"replace missing":      {"replace never creates", `{"a":1}`, "replace", "/b", `2`, "", `no key "b"`},
	"remove missing":       {"remove needs its target", `{"a":1}`, "remove", "/b", "", "", `no key "b"`},
	"below a scalar":       {"a string has no members", `{"a":"x"}`, "add", "/a/b", `1`, "", "in a string: only mappings and lists"},
	"below null":           {"neither has null", `{"a":null}`, "add", "/a/b/c", `1`, "", "in null: only mappings and lists"},
	"test null of missing": {"a missing value is not null", `{"a":1}`, "test", "/b", `null`, "", `no key "b"`},
	"test null":            {"null is null", `{"a":null}`, "test", "/a", `null`, `{"a":null}`, ""},
	"test not null":        {"and nothing else", `{"a":0}`, "test", "/a", `null`, "", "test failed"},
	"test number":          {"numbers compare by value", `{"a":10}`, "test", "/a", `1.0e1`, `{"a":10}`, ""},
	"test big numbers":     {"exactly, not as floats", `{"a":9007199254740993}`, "test", "/a", `9007199254740992`, "", "test failed"},
	"test huge exponent":   {"without writing them out", `{"a":1.0e+999999999}`, "test", "/a", `10e999999998`, `{"a":1.0e+999999999}`, ""},
	"test members":         {"objects compare regardless of order", `{"a":{"b":1,"c":[2.50]}}`, "test", "/a", `{"c":[2.5],"b":1}`, `{"a":{"b":1,"c":[2.50]}}`, ""},
	"test fewer":           {"all members count", `{"a":{"b":1,"c":2}}`, "test", "/a", `{"b":1}`, "", "test failed"},
	"test other key":       {"by name", `{"a":{"b":1}}`, "test", "/a", `{"c":1}`, "", "test failed"},
	"test order":           {"lists compare in order", `{"a":[1,2]}`, "test", "/a", `[2,1]`, "", "test failed"},
	"add null":             {"null is a value to add", `{"a":1}`, "add", "/b", `null`, `{"a":1,"b":null}`, ""},
	"replace null":         {"and to replace", `{"a":null}`, "replace", "/a", `1`, `{"a":1}`, ""},
	"empty key":            {"the key may be empty", `{"":{"":1}}`, "replace", "//", `2`, `{"":{"":2}}`, ""},
	"empty key on the way": {"json-patch would stay where it is", `{"":{"b":1},"b":0}`, "replace", "//b", `2`, `{"":{"b":2},"b":0}`, ""},
	"add replaces":         {"add of an existing member replaces it", `{"a":1,"b":2}`, "add", "/a", `3`, `{"a":3,"b":2}`, ""},
	"replace all":          {"the whole document", `{"a":1}`, "replace", "", `{"b":2}`, `{"b":2}`, ""},
	"add all":              {"by add as well", `{"a":1}`, "add", "", `{"c":[]}`, `{"c":[]}`, ""},
	"test all":             {"and it can be tested", `{"a":1}`, "test", "", `{"a":1}`, `{"a":1}`, ""},
	"merge deep":           {"at a path", `{"a":{"b":1,"c":{"d":2}},"e":3}`, "merge", "/a", `{"b":null,"c":{"f":4}}`, `{"a":{"c":{"d":2,"f":4}},"e":3}`, ""},
	"merge missing":        {"the path must exist", `{"a":1}`, "merge", "/b", `{}`, "", `no key "b"`},
	"merge into a scalar":  {"RFC 7386 starts from an empty object", `{"a":1}`, "merge", "/a", `{"b":2}`, `{"a":{"b":2}}`, ""},
	"merge null in a list": {"below a list null is a value", `{"a":1}`, "merge", "", `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`, ""},
	"number text":          {"digits of bystanders stay", `{"a":[1.50,12345678901234567890],"b":1}`, "add", "/a/0", `0`, `{"a":[0,1.50,12345678901234567890],"b":1}`, ""},
}

// rfc7386Cases is the table of RFC 7386, appendix A: target, patch, result.
var rfc7386Cases = [][3]string{
	{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
	{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
	{`{"a":"b"}`, `{"a":null}`, `{}`},
	{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
	{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
	{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
	{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
	{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
	{`["a","b"]`, `["c","d"]`, `["c","d"]`},
	{`{"a":"b"}`, `["c"]`, `["c"]`},
	{`{"a":"foo"}`, `null`, `null`},
	{`{"a":"foo"}`, `"bar"`, `"bar"`},
	{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
	{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
	{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
}

func TestOperations(t *testing.T) {
	for _, cases := range []map[string]operationCase{rfc6902Cases, strictCases} {
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				want := tc.want
				if want != "" {
					want = string(model(t, want).appendJSON(nil))
				}
				for _, form := range []string{"model", "json", "yaml"} {
					got, err := runCase(t, form, tc)
					if tc.err != "" {
						if err == nil || !strings.Contains(err.Error(), tc.err) {
							t.Errorf("%s, %s: got %s and error %v, want an error with %q", tc.reason, form, got, err, tc.err)
						}
					} else if err != nil || got != want {
						t.Errorf("%s, %s: got %s and error %v, want %s", tc.reason, form, got, err, want)
					}
				}
			})
		}
	}
}

// runCase does an operation on the model alone, in a JSON document or in a YAML document.
func runCase(t *testing.T, form string, tc operationCase) (string, error) {
	t.Helper()
	o := Operation{Target: bundle.NetworkData, Op: tc.op, Path: tc.path}
	if tc.value != "" {
		o.Value = json.RawMessage(tc.value)
	}
	if problems := o.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	doc := model(t, tc.doc)
	if form == "model" {
		v, err := o.apply(doc)
		if err != nil {
			return "", err
		}
		return string(v.appendJSON(nil)), nil
	}
	text := tc.doc
	if form == "yaml" {
		var err error
		if text, err = encodeYAML(newNode(doc), layout{indent: 2}); err != nil {
			t.Fatal(err)
		}
	}
	d := dataWith(t, memberNetworkData, text)
	if _, err := d.Apply(&o); err != nil {
		return "", err
	}
	after, err := d.parseNetworkData(d.network.text)
	if err != nil {
		t.Fatal(err)
	}
	if form == "json" != after.json {
		t.Errorf("%s: the document changed its syntax: %s", tc.reason, after.text)
	}
	return string(after.model.appendJSON(nil)), nil
}

func TestMergePatch(t *testing.T) {
	for _, tc := range rfc7386Cases {
		o := Operation{Target: bundle.UserData, Op: bundle.OpMerge, Value: json.RawMessage(tc[1])}
		got, err := o.apply(model(t, tc[0]))
		if err != nil {
			t.Fatal(err)
		}
		if string(got.appendJSON(nil)) != tc[2] {
			t.Errorf("merge of %s into %s: got %s, want %s", tc[1], tc[0], got.appendJSON(nil), tc[2])
		}
	}
}

// TestAgainstJSONPatch asks json-patch about whole documents wherever it is known to be right.
func TestAgainstJSONPatch(t *testing.T) {
	for name, tc := range rfc6902Cases {
		op, _ := json.Marshal(map[string]any{"op": tc.op, "path": tc.path, "value": json.RawMessage(orNull(tc.value))})
		patch, err := jsonpatch.DecodePatch([]byte("[" + string(op) + "]"))
		if err != nil {
			t.Fatal(err)
		}
		theirs, theirErr := patch.Apply([]byte(tc.doc))
		ours, ourErr := runCase(t, "model", tc)
		if (theirErr == nil) != (ourErr == nil) || theirErr == nil && !jsonpatch.Equal(theirs, []byte(ours)) {
			t.Errorf("%s: json-patch says %s, %v; we say %s, %v", name, theirs, theirErr, ours, ourErr)
		}
	}
}

func orNull(s string) string { return or(s, "null") }

// model decodes JSON that the test itself wrote.
func model(t *testing.T, s string) *value {
	t.Helper()
	v, err := decodeJSON([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

// dataWith makes NoCloud data with one member set.
func dataWith(t *testing.T, member, text string) *Data {
	t.Helper()
	in, err := json.Marshal(map[string]any{member: text, memberNoCloud: map[string]string{"instance-id": "i-1"}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
