// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"testing"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// FuzzApply does one operation on one document. Whatever the input, nothing may panic; a failure and an operation
// that changes nothing leave the bytes alone; a result must be CloudInitData that parses again, reads as
// the model that the operation makes, and holds the new value in its place.
func FuzzApply(f *testing.F) {
	for _, doc := range []string{sample, "", "#cloud-config", "#cloud-config\n{\"a\": [1, {\"b\": null}]}\n", "#cloud-config\r\na:\r\n- b # c\r\n- |+\r\n  d\r\n\r\n",
		"#cloud-config\na: &x {k: 1}\nb: *x\nc: {<<: *x, d: 2001-12-14}\n", "#cloud-config\n- - - a\n", "#!/bin/sh\n", "#cloud-config\n" + bomb()} {
		f.Add(doc, "add", "/zz", `{"no":["1:30",1e3,null],"x":"a\nb\n"}`)
		f.Add(doc, "add", "/a/-", `"# x"`)
		f.Add(doc, "remove", "/a/0", ``)
		f.Add(doc, "replace", "/users/0/name", `"0644"`)
		f.Add(doc, "merge", "", `{"a":null,"users":[],"b":{"k":null,"l":[null]}}`)
		f.Add(doc, "test", "", `{}`)
	}
	f.Fuzz(func(t *testing.T, doc, op, path, value string) {
		for _, target := range []bundle.Target{bundle.UserData, bundle.NetworkData} {
			o := Operation{Target: target, Op: bundle.Op(op), Path: path}
			if value != "" {
				o.Value = json.RawMessage(value)
			}
			in, _ := json.Marshal(map[string]string{memberUserData: doc, memberNetworkData: doc})
			d, err := Parse(in)
			if err != nil {
				return
			}
			fresh, _ := d.Encode()
			changed, err := d.Apply(&o)
			out, encodeErr := d.Encode()
			if encodeErr != nil || (err != nil || !changed) && string(out) != string(fresh) {
				t.Fatalf("no change (error %v), but the bytes differ (error %v): %q", err, encodeErr, out)
			}
			if changed {
				checkResult(t, d, out, o)
			}
		}
	})
}

// checkResult parses edited data anew and asks it for what the operation put there.
func checkResult(t *testing.T, d *Data, out []byte, o Operation) {
	t.Helper()
	again, err := Parse(out)
	if err != nil {
		t.Fatalf("the result does not parse: %v: %q", err, out)
	}
	whole := &d.user
	if o.Target == bundle.NetworkData {
		whole = &d.network
	}
	test := Operation{Target: o.Target, Op: bundle.OpTest, Value: whole.doc.model.appendJSON(nil)}
	if len(test.Value) <= MaxValue {
		if _, err := again.Apply(&test); err != nil {
			t.Fatalf("the result reads otherwise: %v: %q", err, out)
		}
	}
	tokens, _ := parsePointer(o.Path)
	if o.Op != bundle.OpAdd && o.Op != bundle.OpReplace || len(tokens) > 0 && tokens[len(tokens)-1] == "-" {
		return
	}
	test = Operation{Target: o.Target, Op: bundle.OpTest, Path: o.Path, Value: o.Value}
	if _, err := again.Apply(&test); err != nil {
		t.Fatalf("the new value is not there: %v: %q", err, out)
	}
}

// FuzzParse reads foreign JSON: what parses comes back as it was, but for empty user data.
func FuzzParse(f *testing.F) {
	f.Add(noCloudData)
	f.Add(configDriveData)
	f.Add(`{"UserData":null,"x":[{}],"NetworkData":"\ud83d\ude00"}`)
	f.Fuzz(func(t *testing.T, in string) {
		d, err := Parse([]byte(in))
		if err != nil {
			return
		}
		out, err := d.Encode()
		if err != nil || !json.Valid(out) || d.user.given != "" && string(out) != in {
			t.Fatalf("%q came back as %q (error %v)", in, out, err)
		}
	})
}
