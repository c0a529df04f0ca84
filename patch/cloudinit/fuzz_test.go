// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/test/patience"
)

// slow is how long one operation may take, on a machine that others share.
const slow = time.Second

// FuzzCloudInit does one operation on one document. Whatever the input, nothing may panic or take long; a failure and an
// operation that changes nothing leave the bytes alone; a result must be CloudInitData that parses again, reads as
// the model that the operation makes, holds the new value in its place, and is the input outside the target.
func FuzzCloudInit(f *testing.F) {
	for _, doc := range []string{sample, "", "#cloud-config", "#cloud-config\n{\"a\": [1, {\"b\": null}]}\n", "#cloud-config\r\na:\r\n- b # c\r\n- |+\r\n  d\r\n\r\n", "#cloud-config\na: |\n  b",
		"#cloud-config\na: &x {k: 1}\nb: *x\nc: {<<: *x, d: 2001-12-14}\n", "#cloud-config\n- - - a\n", "#!/bin/sh\n", "#cloud-config\n" + bomb(), multipart, message(encoded("a:\n- b\n", 76))} {
		f.Add(doc, "add", "/zz", "", `{"no":["1:30",1e3,null],"x":"a\nb\n"}`, false)
		f.Add(doc, "add", "/a/-", "", `"# x"`, true)
		f.Add(doc, "remove", "/a/0", "", ``, false)
		f.Add(doc, "replace", "/users/0/name", "", `"0644"`, false)
		f.Add(doc, "merge", "", "", `{"a":null,"users":[],"b":{"k":null,"l":[null]}}`, false)
		f.Add(doc, "test", "", "", `{}`, false)
		f.Add(doc, "move", "/zz", "/a", ``, false)
		f.Add(doc, "move", "/users/-", "/users/0", ``, false)
		f.Add(doc, "copy", "/a/-", "/write_files", ``, false)
	}
	f.Fuzz(func(t *testing.T, doc, op, path, from, value string, create bool) {
		for _, target := range []bundle.Target{bundle.UserData, bundle.NetworkData} {
			o := Operation{Target: target, Op: bundle.Op(op), Path: path, From: from, Create: create}
			if value != "" {
				o.Value = json.RawMessage(value)
			}
			in, _ := json.Marshal(map[string]string{memberUserData: doc, memberNetworkData: doc})
			d, err := Parse(in)
			if err != nil {
				return
			}
			fresh, _ := d.Encode()
			patience.Within(t, slow, func() { _, _ = d.Clone().Apply(&o) })
			changed, err := d.Apply(&o)
			out, encodeErr := d.Encode()
			if encodeErr != nil || (err != nil || !changed) && string(out) != string(fresh) {
				t.Fatalf("no change (error %v), but the bytes differ (error %v): %q", err, encodeErr, out)
			}
			if changed {
				checkOther(t, fresh, out, target)
				checkResult(t, d, out, o)
			}
		}
	})
}

// checkOther compares the member that the operation had nothing to do with.
func checkOther(t *testing.T, fresh, out []byte, target bundle.Target) {
	t.Helper()
	other := memberUserData
	if target == bundle.UserData {
		other = memberNetworkData
	}
	before, err := parseEnvelope(fresh)
	after, afterErr := parseEnvelope(out)
	if err != nil || afterErr != nil {
		t.Fatalf("the result is no CloudInitData: %v, %v", err, afterErr)
	}
	if string(before.get(other)) != string(after.get(other)) {
		t.Fatalf("an operation on %s changed %s: %s", target, other, after.get(other))
	}
}

// FuzzMIME edits messages. Outside the part that is edited no byte may change, and the parts must stay those that they were.
func FuzzMIME(f *testing.F) {
	for _, doc := range []string{multipart, strings.ReplaceAll(multipart, "\n", "\r\n"), message(plainPart), message(plainPart, plainPart), message("Content-Type: text/cloud-config\n"),
		message(encoded("a: 1\n", 7), "Content-Type: text/x-shellscript\n\n#!/bin/sh"), message("\n#cloud-config\na: |\n  b"),
		message("Content-Type: text/cloud-config\nContent-Transfer-Encoding: quoted-printable\n\na: =C3=A4=\n  b\nc: 1"),
		message("Content-Type: multipart/mixed; boundary=y\n\n--y\n\n--y--"), "MIME-Version: 1.0\n\nx"} {
		f.Add(doc, `"x"`)
		f.Add(doc, `{"a":["b\nc\n--x\n",1.5,null]}`)
		f.Add(doc, `"ä"`)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		before, err := parseMIME(text)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		in, _ := json.Marshal(map[string]string{memberUserData: text})
		d, err := Parse(in)
		if err != nil {
			return
		}
		o := Operation{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/zz/-", Value: json.RawMessage(value), Create: true}
		if changed, err := d.Apply(&o); err != nil || !changed {
			return
		}
		if !strings.HasPrefix(d.user.text, before.frame.before) || !strings.HasSuffix(d.user.text, before.frame.after) {
			t.Fatalf("bytes outside the part changed: %q became %q", text, d.user.text)
		}
		old, err := splitMIME(text)
		now, nowErr := splitMIME(d.user.text)
		if err != nil || nowErr != nil || len(old) != len(now) {
			t.Fatalf("%d parts became %d (errors %v, %v): %q", len(old), len(now), err, nowErr, d.user.text)
		}
		out, _ := d.Encode()
		checkResult(t, d, out, o)
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
	edited, err := whole.read()
	if err != nil {
		t.Fatal(err)
	}
	test := Operation{Target: o.Target, Op: bundle.OpTest, Value: edited.model.appendJSON(nil)}
	if len(test.Value) <= MaxValue {
		if _, err := again.Apply(&test); err != nil {
			t.Fatalf("the result reads otherwise: %v: %q", err, out)
		}
	}
	tokens, _ := parsePointer(o.Path)
	if o.Op != bundle.OpAdd && o.Op != bundle.OpReplace || o.Create || len(tokens) > 0 && tokens[len(tokens)-1] == "-" {
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
