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

func TestValidate(t *testing.T) {
	null := json.RawMessage("null")
	cases := map[string]struct {
		reason string
		op     Operation
		want   map[string]string // field to a part of the message
	}{
		"ok":            {"an ordinary operation", Operation{bundle.UserData, bundle.OpAdd, "/a/-", "", json.RawMessage(`{"a":[1]}`), false}, nil},
		"null":          {"null is a value", Operation{bundle.UserData, bundle.OpTest, "/a", "", null, false}, nil},
		"root":          {"merge may leave the path out", Operation{bundle.NetworkData, bundle.OpMerge, "", "", null, false}, nil},
		"remove":        {"remove takes a path alone", Operation{bundle.MetaData, bundle.OpRemove, "/a", "", nil, false}, nil},
		"escapes":       {"~0 and ~1 are the escapes", Operation{bundle.UserData, bundle.OpRemove, "/~0~1~01", "", nil, false}, nil},
		"empty tokens":  {"a key may be empty", Operation{bundle.UserData, bundle.OpRemove, "//", "", nil, false}, nil},
		"target":        {"targets are spelled exactly", Operation{"userdata", bundle.OpRemove, "/a", "", nil, false}, map[string]string{"target": "userData, networkData or metaData"}},
		"set":           {"set is a domain operation", Operation{bundle.UserData, bundle.OpSet, "/a", "", nil, false}, map[string]string{"op": "unknown operation"}},
		"empty op":      {"there is no default", Operation{bundle.UserData, "", "/a", "", nil, false}, map[string]string{"op": "unknown operation"}},
		"move":          {"move takes two paths", Operation{bundle.UserData, bundle.OpMove, "/a", "/b", nil, false}, nil},
		"copy":          {"the source of a copy is checked", Operation{bundle.UserData, bundle.OpCopy, "/a", "b", nil, false}, map[string]string{"from": "must be empty or begin with /"}},
		"no source":     {"without a source there is nothing to move", Operation{bundle.UserData, bundle.OpMove, "/a", "", nil, false}, map[string]string{"from": "required with move"}},
		"no source 2":   {"or to copy", Operation{bundle.UserData, bundle.OpCopy, "/a", "", nil, false}, map[string]string{"from": "required with copy"}},
		"own child":     {"nothing moves into itself", Operation{bundle.UserData, bundle.OpMove, "/a/b/c", "/a/b", nil, false}, map[string]string{"from": "cannot be moved into its own child"}},
		"own sibling":   {"a name that begins alike is no child", Operation{bundle.UserData, bundle.OpMove, "/ab", "/a", nil, false}, nil},
		"copy inside":   {"but it may be copied there", Operation{bundle.UserData, bundle.OpCopy, "/a/b", "/a", nil, false}, nil},
		"move value":    {"move takes no value", Operation{bundle.UserData, bundle.OpMove, "/a", "/b", null, false}, map[string]string{"value": "not allowed with move"}},
		"create":        {"add may create", Operation{bundle.UserData, bundle.OpAdd, "/a/b", "", null, true}, nil},
		"create 2":      {"merge creates by itself", Operation{bundle.UserData, bundle.OpMerge, "/a", "", null, true}, map[string]string{"create": "not allowed with merge: only add"}},
		"no slash":      {"a pointer begins with a slash", Operation{bundle.UserData, bundle.OpAdd, "a", "", null, false}, map[string]string{"path": "must be empty or begin with /"}},
		"fragment":      {"the URI form is another one", Operation{bundle.UserData, bundle.OpAdd, "#/a", "", null, false}, map[string]string{"path": "must be empty or begin with /"}},
		"tilde 2":       {"~2 is no escape", Operation{bundle.UserData, bundle.OpAdd, "/a~2", "", null, false}, map[string]string{"path": "~ must be followed"}},
		"tilde end":     {"a ~ alone is none either", Operation{bundle.UserData, bundle.OpAdd, "/a~", "", null, false}, map[string]string{"path": "~ must be followed"}},
		"double tilde":  {"~~0 is not an escaped ~0", Operation{bundle.UserData, bundle.OpAdd, "/~~0", "", null, false}, map[string]string{"path": "~ must be followed"}},
		"long":          {"paths have a limit", Operation{bundle.UserData, bundle.OpAdd, "/" + strings.Repeat("a", MaxPath), "", null, false}, map[string]string{"path": "over the limit of 1024 bytes"}},
		"remove all":    {"a document cannot go", Operation{bundle.UserData, bundle.OpRemove, "", "", nil, false}, map[string]string{"path": "whole document"}},
		"from":          {"from is for move and copy", Operation{bundle.UserData, bundle.OpAdd, "/a", "/b", null, false}, map[string]string{"from": "not allowed with add"}},
		"no value":      {"add needs one", Operation{bundle.UserData, bundle.OpAdd, "/a", "", nil, false}, map[string]string{"value": "required with add"}},
		"no test value": {"test needs one", Operation{bundle.UserData, bundle.OpTest, "/a", "", nil, false}, map[string]string{"value": "required with test"}},
		"value":         {"remove takes none", Operation{bundle.UserData, bundle.OpRemove, "/a", "", null, false}, map[string]string{"value": "not allowed with remove"}},
		"empty value":   {"no bytes are no JSON", Operation{bundle.UserData, bundle.OpAdd, "/a", "", json.RawMessage{}, false}, map[string]string{"value": "not JSON"}},
		"two values":    {"one JSON value", Operation{bundle.UserData, bundle.OpAdd, "/a", "", json.RawMessage("1 2"), false}, map[string]string{"value": "not JSON"}},
		"duplicate":     {"a member stands once", Operation{bundle.UserData, bundle.OpAdd, "/a", "", json.RawMessage(`{"a":1,"a":2}`), false}, map[string]string{"value": `"a" stands twice`}},
		"deep":          {"depth is limited", Operation{bundle.UserData, bundle.OpAdd, "/a", "", deepJSON(MaxDepth + 2), false}, map[string]string{"value": "more than 64 levels"}},
		"many":          {"so is the number of values", Operation{bundle.UserData, bundle.OpAdd, "/a", "", manyJSON(MaxNodes), false}, map[string]string{"value": "more than 20000 values"}},
		"big":           {"so is the size", Operation{bundle.UserData, bundle.OpAdd, "/a", "", json.RawMessage(`"` + strings.Repeat("a", MaxValue) + `"`), false}, map[string]string{"value": "over the limit of 262144 bytes (256 KiB)"}},
		"all at once":   {"every field is reported", Operation{"x", "y", "z", "w", null, false}, map[string]string{"target": "unknown", "op": "unknown", "path": "must", "from": "not allowed", "value": "not allowed"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, p := range tc.op.Validate() {
				got[p.Field] = p.Err.Error()
			}
			for field, part := range tc.want {
				if !strings.Contains(got[field], part) {
					t.Errorf("%s: problem of %s is %q, want one with %q", tc.reason, field, got[field], part)
				}
			}
			if len(got) != len(tc.want) {
				t.Errorf("%s: got %v", tc.reason, got)
			}
		})
	}
}

// TestRuleForm stands for A.11 and A.13 of RFC 6902: a member that stands twice is refused, and so is, other than there, an
// unknown one, which may be a misspelt one.
func TestRuleForm(t *testing.T) {
	const head, tail = `{"formatVersion":1,"patches":[{"kind":"DomainPatch","name":"p","failurePolicy":"Fail","cloudInit":[`, `]}]}`
	for rule, want := range map[string]string{
		`{"target":"userData","op":"add","path":"/baz","value":"qux"}`:                 "",
		`{"target":"userData","op":"add","path":"/baz","value":"qux","create":true}`:   "",
		`{"target":"userData","op":"add","path":"/baz","value":"qux","xyz":123}`:       `unknown field "xyz"`,
		`{"target":"userData","op":"add","path":"/baz","value":"qux","op":"remove"}`:   "not in canonical form",
		`{"target":"userData","op":"move","path":"/baz","from":"/a","from":"/qux"}`:    "not in canonical form",
		`{"target":"userData","op":"add","path":"/baz","value":{"a":1,"a":2},"OP":""}`: "not in canonical form",
	} {
		_, err := bundle.Decode([]byte(head + rule + tail))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", rule, err, want)
		}
	}
}

func TestPointerRoundTrip(t *testing.T) {
	for _, s := range []string{"", "/", "/a", "/a/b", "/~0/~1", "/~01", "//x/", "/ä/-/0"} {
		tokens, err := parsePointer(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if got := Pointer(tokens...); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
	got, _ := parsePointer("/~01/a~1b")
	if diff := cmp.Diff([]string{"~1", "a/b"}, got); diff != "" {
		t.Error(diff)
	}
}

// deepJSON nests n lists.
func deepJSON(n int) json.RawMessage {
	return json.RawMessage(strings.Repeat("[", n) + strings.Repeat("]", n))
}

// manyJSON is a list of n values.
func manyJSON(n int) json.RawMessage {
	return json.RawMessage("[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]")
}
