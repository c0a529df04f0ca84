// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"slices"
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
	value     string // of move and copy: from
	want, err string
}

// rfc6902Cases are the examples of RFC 6902, appendix A. A.11 and A.13 are about the form of a patch: see TestRuleForm.
var rfc6902Cases = map[string]operationCase{
	"A.1":  {"adding an object member", `{"foo":"bar"}`, "add", "/baz", `"qux"`, `{"foo":"bar","baz":"qux"}`, ""},
	"A.2":  {"adding an array element", `{"foo":["bar","baz"]}`, "add", "/foo/1", `"qux"`, `{"foo":["bar","qux","baz"]}`, ""},
	"A.3":  {"removing an object member", `{"baz":"qux","foo":"bar"}`, "remove", "/baz", "", `{"foo":"bar"}`, ""},
	"A.4":  {"removing an array element", `{"foo":["bar","qux","baz"]}`, "remove", "/foo/1", "", `{"foo":["bar","baz"]}`, ""},
	"A.5":  {"replacing a value", `{"baz":"qux","foo":"bar"}`, "replace", "/baz", `"boo"`, `{"baz":"boo","foo":"bar"}`, ""},
	"A.6":  {"moving a value", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, "move", "/qux/thud", "/foo/waldo", `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`, ""},
	"A.7":  {"moving an array element", `{"foo":["all","grass","cows","eat"]}`, "move", "/foo/3", "/foo/1", `{"foo":["all","cows","eat","grass"]}`, ""},
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
	"replace dash":         {"there is nothing to replace at -", `{"a":[1]}`, "replace", "/a/-", `2`, "", "only add, move and copy"},
	"dash on the way":      {"nor to pass", `{"a":[{}]}`, "add", "/a/-/b", `2`, "", "only add, move and copy"},
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

// trickyCases are what implementations of JSON Patch have been found to get wrong.
var trickyCases = map[string]operationCase{
	"tilde in a key":          {"~0 is ~", `{"a~b":1}`, "replace", "/a~0b", `2`, `{"a~b":2}`, ""},
	"slash in a key":          {"~1 is /", `{"a/b":1,"a":{"b":0}}`, "replace", "/a~1b", `2`, `{"a/b":2,"a":{"b":0}}`, ""},
	"escaped escape":          {"~01 is ~1, not /", `{"~1":1,"/":0}`, "remove", "/~01", "", `{"/":0}`, ""},
	"add an escaped key":      {"the key is unescaped", `{}`, "add", "/m~0n~1o", `1`, `{"m~n/o":1}`, ""},
	"percent":                 {"a pointer is no URI", `{"c%d":1,"c%25d":0}`, "replace", "/c%d", `2`, `{"c%d":2,"c%25d":0}`, ""},
	"odd characters":          {"nor is anything else escaped", `{"e^f":1,"i\\j":2,"k\"l":3," ":4,"g|h":5,"ü":6}`, "replace", "/k\"l", `0`, `{"e^f":1,"i\\j":2,"k\"l":0," ":4,"g|h":5,"ü":6}`, ""},
	"backslash":               {"stays one", `{"i\\j":2}`, "remove", "/i\\j", "", `{}`, ""},
	"blank key":               {"is a key", `{" ":4}`, "replace", "/ ", `0`, `{" ":0}`, ""},
	"empty key in a mapping":  {"the last token may be empty", `{"a":{"":1}}`, "remove", "/a/", "", `{"a":{}}`, ""},
	"add an empty key":        {"it may be added", `{"a":{}}`, "add", "/a/", `1`, `{"a":{"":1}}`, ""},
	"move an empty key":       {"and moved", `{"":1}`, "move", "/a", "/", `{"a":1}`, ""},
	"number as a key":         {"in a mapping an index is a key", `{"0":"a","1":"b"}`, "replace", "/1", `"c"`, `{"0":"a","1":"c"}`, ""},
	"leading zero as a key":   {"so is what is no index", `{"01":"a"}`, "replace", "/01", `"c"`, `{"01":"c"}`, ""},
	"add into an empty list":  {"at 0", `{"a":[]}`, "add", "/a/0", `1`, `{"a":[1]}`, ""},
	"append to an empty one":  {"at -", `{"a":[]}`, "add", "/a/-", `1`, `{"a":[1]}`, ""},
	"append a list":           {"as one item", `{"a":[1]}`, "add", "/a/-", `[2,[3]]`, `{"a":[1,[2,[3]]]}`, ""},
	"insert a list":           {"is not spread out", `{"a":[1,2]}`, "add", "/a/1", `[0]`, `{"a":[1,[0],2]}`, ""},
	"insert before":           {"the others move on", `{"a":[1,2,3]}`, "add", "/a/0", `0`, `{"a":[0,1,2,3]}`, ""},
	"replace by another type": {"a list may become a string", `{"a":[1,2]}`, "replace", "/a", `"x"`, `{"a":"x"}`, ""},
	"replace an item":         {"the list keeps its length", `{"a":[1,null,3]}`, "replace", "/a/1", `2`, `{"a":[1,2,3]}`, ""},
	"remove null":             {"null is there", `{"a":null,"b":1}`, "remove", "/a", "", `{"b":1}`, ""},
	"replace by null":         {"null is a value", `{"a":1}`, "replace", "/a", `null`, `{"a":null}`, ""},
	"unicode digits":          {"are none", `{"a":[1]}`, "test", "/a/٠", `1`, "", "not an index"},
	"blank before an index":   {"is no digit", `{"a":[1]}`, "test", "/a/ 0", `1`, "", "not an index"},
	"below a list":            {"a list has no members", `{"a":[{"b":1}]}`, "test", "/a/b", `1`, "", "not an index"},
	"below a boolean":         {"nor has a boolean", `{"a":true}`, "add", "/a/b", `1`, "", "in a boolean: only"},

	"test one and one point zero": {"numbers compare by value", `{"a":1}`, "test", "/a", `1.0`, `{"a":1}`, ""},
	"test one point zero and one": {"from both sides", `{"a":1.0}`, "test", "/a", `1`, `{"a":1.0}`, ""},
	"test minus zero":             {"and zero are equal", `{"a":0}`, "test", "/a", `-0.0`, `{"a":0}`, ""},
	"test one and true":           {"a number is no boolean", `{"a":1}`, "test", "/a", `true`, "", "test failed"},
	"test one and its text":       {"nor a string", `{"a":1}`, "test", "/a", `"1"`, "", "test failed"},
	"test zero and false":         {"0 is not false", `{"a":0}`, "test", "/a", `false`, "", "test failed"},
	"test null and false":         {"nor is null", `{"a":null}`, "test", "/a", `false`, "", "test failed"},
	"test null and nothing":       {"nor is null an empty string", `{"a":null}`, "test", "/a", `""`, "", "test failed"},
	"test empty list":             {"an empty list is no empty mapping", `{"a":[]}`, "test", "/a", `{}`, "", "test failed"},
	"test empty mapping":          {"nor the other way round", `{"a":{}}`, "test", "/a", `[]`, "", "test failed"},
	"test null in a mapping":      {"a null member is not a missing one", `{"a":{"b":null}}`, "test", "/a", `{}`, "", "test failed"},
	"test a member too many":      {"nor the other way round", `{"a":{}}`, "test", "/a", `{"b":null}`, "", "test failed"},
	"test null in a list":         {"nulls in lists count", `{"a":[null]}`, "test", "/a", `[]`, "", "test failed"},
	"test deeply":                 {"all the way down", `{"a":[{"b":[1,{"c":null}],"d":{"e":"x","f":[[]]}}]}`, "test", "/a", `[{"d":{"f":[[]],"e":"x"},"b":[1.0,{"c":null}]}]`, `{"a":[{"b":[1,{"c":null}],"d":{"e":"x","f":[[]]}}]}`, ""},
	"test deeply 2":               {"a difference far below", `{"a":[{"b":[1,{"c":null}]}]}`, "test", "/a", `[{"b":[1,{"c":0}]}]`, "", "test failed"},
	"test case":                   {"of strings counts", `{"a":"x"}`, "test", "/a", `"X"`, "", "test failed"},
	"test escapes":                {"of JSON do not", `{"a":"\u0041/"}`, "test", "/a", `"A\/"`, `{"a":"A/"}`, ""},
	"test below missing":          {"a missing parent has no null child", `{}`, "test", "/a/b", `null`, "", `no key "a"`},
	"test past the end":           {"a list has no null behind its end", `{"a":[]}`, "test", "/a/0", `null`, "", "behind the end"},

	"move to another name":  {"renames", `{"a":{"x":1},"b":2}`, "move", "/c", "/a", `{"b":2,"c":{"x":1}}`, ""},
	"move over another":     {"replaces it", `{"a":1,"b":2}`, "move", "/b", "/a", `{"b":1}`, ""},
	"move onto itself":      {"does nothing", `{"a":1,"b":2}`, "move", "/a", "/a", `{"a":1,"b":2}`, ""},
	"move missing to there": {"but it must exist", `{"b":2}`, "move", "/a", "/a", "", `from "/a": there is no key "a"`},
	"move null":             {"null is a value", `{"a":null}`, "move", "/b", "/a", `{"b":null}`, ""},
	"move to the end":       {"- is the end after the removal", `{"a":[1,2,3]}`, "move", "/a/-", "/a/0", `{"a":[2,3,1]}`, ""},
	"move to an index":      {"likewise counted after the removal", `{"a":[1,2,3]}`, "move", "/a/2", "/a/0", `{"a":[2,3,1]}`, ""},
	"move behind the end":   {"which is one shorter then", `{"a":[1,2,3]}`, "move", "/a/3", "/a/0", "", "behind the end"},
	"move to the front":     {"the others move on", `{"a":[1,2,3]}`, "move", "/a/0", "/a/2", `{"a":[3,1,2]}`, ""},
	"move out of a list":    {"into a mapping", `{"a":[1,2]}`, "move", "/b", "/a/0", `{"a":[2],"b":1}`, ""},
	"move into a list":      {"and back", `{"a":[2],"b":1}`, "move", "/a/0", "/b", `{"a":[1,2]}`, ""},
	"move up":               {"a child may take its parent's place", `{"a":{"b":1}}`, "move", "/a", "/a/b", `{"a":1}`, ""},
	"move over everything":  {"and that of the document", `{"a":{"b":1},"c":2}`, "move", "", "/a", `{"b":1}`, ""},
	"move missing":          {"the source must exist", `{"a":1}`, "move", "/c", "/b", "", `from "/b": there is no key "b"`},
	"move from the end":     {"- is behind the end", `{"a":[1]}`, "move", "/b", "/a/-", "", "only add, move and copy"},
	"move from 01":          {"indices are strict in from", `{"a":[1,2]}`, "move", "/b", "/a/01", "", "not an index"},
	"move nowhere":          {"the parent must exist", `{"a":1}`, "move", "/b/c", "/a", "", `no key "b"`},
	"move below its twin":   {"the parent goes with the removal", `{"a":[{"b":{}},{}]}`, "move", "/a/1/c", "/a/0", "", "behind the end"},

	"copy a mapping":     {"the source stays", `{"a":{"x":[1]},"b":2}`, "copy", "/c", "/a", `{"a":{"x":[1]},"b":2,"c":{"x":[1]}}`, ""},
	"copy over another":  {"replaces it", `{"a":{"x":[1]},"b":2}`, "copy", "/b", "/a", `{"a":{"x":[1]},"b":{"x":[1]}}`, ""},
	"copy into itself":   {"is finite", `{"a":{"b":1}}`, "copy", "/a/c", "/a", `{"a":{"b":1,"c":{"b":1}}}`, ""},
	"copy onto itself":   {"does nothing", `{"a":[1]}`, "copy", "/a", "/a", `{"a":[1]}`, ""},
	"copy to the end":    {"of its own list", `{"a":[1,{"b":2}]}`, "copy", "/a/-", "/a/1", `{"a":[1,{"b":2},{"b":2}]}`, ""},
	"copy in a list":     {"inserts", `{"a":[1,2]}`, "copy", "/a/0", "/a/1", `{"a":[2,1,2]}`, ""},
	"copy null":          {"null is a value", `{"a":null}`, "copy", "/b", "/a", `{"a":null,"b":null}`, ""},
	"copy missing":       {"the source must exist", `{"a":1}`, "copy", "/c", "/b", "", `from "/b": there is no key "b"`},
	"copy to no list":    {"-1 is no index", `{"a":[1]}`, "copy", "/a/-1", "/a/0", "", "not an index"},
	"copy escaped names": {"both are unescaped", `{"~":1}`, "copy", "/~1", "/~0", `{"~":1,"/":1}`, ""},
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
	for _, cases := range []map[string]operationCase{rfc6902Cases, strictCases, trickyCases} {
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) { checkCase(t, tc, false) })
		}
	}
}

// checkCase runs a case in all three forms.
func checkCase(t *testing.T, tc operationCase, create bool) {
	t.Helper()
	want := tc.want
	if want != "" {
		want = string(model(t, want).appendJSON(nil))
	}
	for _, form := range []string{"model", "json", "yaml"} {
		got, err := runCase(t, form, tc, create)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s, %s: got %s and error %v, want an error with %q", tc.reason, form, got, err, tc.err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s, %s: got %s and error %v, want %s", tc.reason, form, got, err, want)
		}
	}
}

// runCase does an operation on the model alone, in a JSON document or in a YAML document.
func runCase(t *testing.T, form string, tc operationCase, create bool) (string, error) {
	t.Helper()
	o := operation(bundle.NetworkData, tc.op, tc.path, tc.value)
	o.Create = create
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
	if form == "json" != after.json && len(doc.keys) > 0 && len(after.model.keys) > 0 { // {} is both
		t.Errorf("%s: the document changed its syntax: %s", tc.reason, after.text)
	}
	return string(after.model.appendJSON(nil)), nil
}

// mergeCases go beyond the table of the RFC.
var mergeCases = [][3]string{
	{`{"a":[1]}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`},
	{`{}`, `{"a":[[null],{"b":[null]}]}`, `{"a":[[null],{"b":[null]}]}`},
	{`{"a":{"b":null,"c":1}}`, `{"a":{"c":null}}`, `{"a":{"b":null}}`},
	{`{"a":1}`, `{}`, `{"a":1}`},
	{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
	{`{"a":1}`, `{"a":{}}`, `{"a":{}}`},
	{`{"a":1}`, `{"a":{"b":{"c":null,"d":2}}}`, `{"a":{"b":{"d":2}}}`},
	{`{"":1,"/":2}`, `{"":null,"~":3}`, `{"/":2,"~":3}`},
	{`{"a":1,"b":2,"c":3}`, `{"b":0,"a":null}`, `{"b":0,"c":3}`},
}

// TestMergePatch applies merges to the model and, where the document is a mapping before and after, to JSON and YAML.
func TestMergePatch(t *testing.T) {
	for _, tc := range append(slices.Clone(rfc7386Cases), mergeCases...) {
		for _, form := range []string{"model", "json", "yaml"} {
			if form != "model" && (tc[0][0] != '{' || tc[2][0] != '{') {
				continue
			}
			got, err := runCase(t, form, operationCase{reason: tc[1], doc: tc[0], op: bundle.OpMerge, value: tc[1]}, false)
			if err != nil {
				t.Errorf("merge of %s into %s, %s: %v", tc[1], tc[0], form, err)
			} else if got != tc[2] {
				t.Errorf("merge of %s into %s, %s: got %s, want %s", tc[1], tc[0], form, got, tc[2])
			}
		}
	}
}

// createCases are adds with create: true.
var createCases = map[string]operationCase{
	"list":           {"an empty list before -", `{"a":1}`, "add", "/write_files/-", `{"path":"/x"}`, `{"a":1,"write_files":[{"path":"/x"}]}`, ""},
	"list is there":  {"which then is appended to", `{"write_files":[1]}`, "add", "/write_files/-", `2`, `{"write_files":[1,2]}`, ""},
	"mappings":       {"else mappings, as many as it takes", `{"a":1}`, "add", "/b/c/d", `2`, `{"a":1,"b":{"c":{"d":2}}}`, ""},
	"partly there":   {"only what is missing", `{"b":{"x":1}}`, "add", "/b/c/-", `2`, `{"b":{"x":1,"c":[2]}}`, ""},
	"in an item":     {"below what is there", `{"b":[{"x":1}]}`, "add", "/b/0/c/-", `2`, `{"b":[{"x":1,"c":[2]}]}`, ""},
	"null":           {"nothing below a key is null in YAML", `{"a":null}`, "add", "/a/-", `2`, `{"a":[2]}`, ""},
	"null 2":         {"on the way as well", `{"a":{"b":null}}`, "add", "/a/b/c", `2`, `{"a":{"b":{"c":2}}}`, ""},
	"nothing to do":  {"a single step needs no parent", `{}`, "add", "/a", `1`, `{"a":1}`, ""},
	"whole document": {"nor does none", `{"a":1}`, "add", "", `{"b":1}`, `{"b":1}`, ""},
	"index":          {"a list or a mapping?", `{}`, "add", "/a/0", `1`, "", "cannot tell whether \"0\" is the index of a list or a key: write -"},
	"index in it":    {"of a list that is there it is clear", `{"a":[1]}`, "add", "/a/0", `0`, `{"a":[0,1]}`, ""},
	"not an index":   {"no list has a key", `{"a":[]}`, "add", "/a/b", `0`, "", "not an index"},
	"dash twice":     {"- is nothing to pass", `{}`, "add", "/a/-/b", `0`, "", "only add, move and copy"},
	"past the end":   {"items are not made up", `{"a":[]}`, "add", "/a/0/b", `0`, "", "behind the end"},
	"scalar":         {"what is there is not replaced", `{"a":"x"}`, "add", "/a/b", `0`, "", "in a string"},
	"mapping for -":  {"a mapping is no list, - is a key", `{"a":{}}`, "add", "/a/-", `0`, `{"a":{"-":0}}`, ""},
}

func TestCreate(t *testing.T) {
	for name, tc := range createCases {
		t.Run(name, func(t *testing.T) {
			checkCase(t, tc, true)
		})
	}
}

// TestAdvice pins what is said about a place that is missing.
func TestAdvice(t *testing.T) {
	const doc = `{"a":null}`
	for _, tc := range []operationCase{
		{"the way out", doc, "add", "/write_files/-", `1`, "", `there is no key "write_files" (add makes only the last step of its path; with create: true also what is missing on the way: an empty list before -, else a mapping)`},
		{"below null as well", doc, "add", "/a/-", `1`, "", `there is no "-" in null: only mappings and lists hold values (add makes only`},
		{"replace", doc, "replace", "/b", `1`, "", `there is no key "b" (add sets a key whether it is there or not)`},
		{"merge", doc, "merge", "/b", `{}`, "", `there is no key "b" (merge needs a path that is there: take a shorter one, and put the rest of it into the value)`},
		{"remove", doc, "remove", "/b", ``, "", `remove "/b": there is no key "b"`},
		{"test", doc, "test", "/b", `1`, "", `test "/b": there is no key "b"`},
	} {
		checkCase(t, tc, false)
		if _, err := runCase(t, "model", tc, false); err != nil && (tc.op == "remove" || tc.op == "test") && !strings.HasSuffix(err.Error(), tc.err) {
			t.Errorf("%s: %q says more than %q", tc.reason, err, tc.err)
		}
	}
}

// TestAgainstJSONPatch asks json-patch about whole documents wherever it is known to be right.
func TestAgainstJSONPatch(t *testing.T) {
	for name, tc := range rfc6902Cases {
		o := operation(bundle.UserData, tc.op, tc.path, tc.value)
		op, _ := json.Marshal(map[string]any{"op": o.Op, "path": o.Path, "from": o.From, "value": json.RawMessage(orNull(string(o.Value)))})
		patch, err := jsonpatch.DecodePatch([]byte("[" + string(op) + "]"))
		if err != nil {
			t.Fatal(err)
		}
		theirs, theirErr := patch.Apply([]byte(tc.doc))
		ours, ourErr := runCase(t, "model", tc, false)
		if (theirErr == nil) != (ourErr == nil) || theirErr == nil && !jsonpatch.Equal(theirs, []byte(ours)) {
			t.Errorf("%s: json-patch says %s, %v; we say %s, %v", name, theirs, theirErr, ours, ourErr)
		}
	}
}

func orNull(s string) string { return or(s, "null") }

// operation makes an operation of a case; the value of move and copy is their source.
func operation(target bundle.Target, op bundle.Op, path, value string) Operation {
	o := Operation{Target: target, Op: op, Path: path}
	switch {
	case op == bundle.OpMove || op == bundle.OpCopy:
		o.From = value
	case value != "":
		o.Value = json.RawMessage(value)
	}
	return o
}

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
