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

// noCloudData has members out of order, white space, HTML characters and a member of a newer KubeVirt.
const noCloudData = `{ "DataSource":"noCloud", "NoCloudMetaData":{"instance-type":"u1","instance-id":"5a9f.vms","x-new":[1.50]},
 "ConfigDriveMetaData":null,"UserData":"#cloud-config\na: <b> & \u00e9\n","NetworkData":"","DevicesData":null,
 "Newer": {"UserData": "x"} ,"VolumeName":"cidata"}
`

const configDriveData = `{"DataSource":"configDrive","NoCloudMetaData":null,"ConfigDriveMetaData":{"instance_id":"i","hostname":"h","devices":[],"public_keys":{"0":"ssh-rsa A"}},"UserData":"#!/bin/sh\n","NetworkData":"","DevicesData":null,"VolumeName":"v"}`

func TestEncode(t *testing.T) {
	add := func(target bundle.Target, path, value string) Operation {
		return Operation{Target: target, Op: bundle.OpAdd, Path: path, Value: json.RawMessage(value)}
	}
	cases := map[string]struct {
		reason string
		in     string
		ops    []Operation
		want   [2]string // the part of the input that is replaced, and its replacement; empty: nothing
	}{
		"nothing":        {"the very bytes come back", noCloudData, nil, [2]string{}},
		"userData":       {"only that value changes, without HTML escapes", noCloudData, []Operation{add("userData", "/b", `"<x>"`)}, [2]string{`"#cloud-config\na: <b> & \u00e9\n"`, `"#cloud-config\na: <b> & é\nb: \"<x>\"\n"`}},
		"networkData":    {"an empty one becomes YAML", noCloudData, []Operation{add("networkData", "/version", `2`)}, [2]string{`"NetworkData":""`, `"NetworkData":"version: 2\n"`}},
		"metaData":       {"unknown keys in it stay, with their digits", noCloudData, []Operation{add("metaData", "/local-hostname", `"h"`)}, [2]string{`"x-new":[1.50]}`, `"x-new":[1.50],"local-hostname":"h"}`}},
		"there and back": {"a value that is restored is no change", noCloudData, []Operation{add("userData", "/b", `1`), {Target: "userData", Op: "remove", Path: "/b"}}, [2]string{}},
		"configDrive":    {"its network data is a JSON file", configDriveData, []Operation{add("networkData", "/links", `[]`)}, [2]string{`"NetworkData":""`, `"NetworkData":"{\n  \"links\": []\n}\n"`}},
		"configDrive 2":  {"and its metadata has other names", configDriveData, []Operation{add("metaData", "/public_keys/1", `"ssh-rsa B"`)}, [2]string{`"0":"ssh-rsa A"`, `"0":"ssh-rsa A","1":"ssh-rsa B"`}},
		"empty userData": {"KubeVirt must not see it", `{"NoCloudMetaData":{"instance-id":"i"},"UserData":""}`, nil, [2]string{`""`, `"#cloud-config\n"`}},
		"null userData":  {"null is empty", `{"UserData": null }`, nil, [2]string{`null`, `"#cloud-config\n"`}},
		"no userData":    {"a member that is missing is added", `{"VolumeName":"v" }`, nil, [2]string{` }`, ` ,"UserData":"#cloud-config\n"}`}},
		"no members":     {"even the first", `{}`, []Operation{add("networkData", "/a", `1`)}, [2]string{`{`, `{"UserData":"#cloud-config\n","NetworkData":"a: 1\n"`}},
		"edited empty":   {"an edit goes below the header", `{"UserData":""}`, []Operation{add("userData", "/a", `1`)}, [2]string{`""`, `"#cloud-config\na: 1\n"`}},
		"blank userData": {"is not empty to KubeVirt", `{"UserData":" \n"}`, nil, [2]string{}},
		"edited blank":   {"but it is to us", `{"UserData":" \n"}`, []Operation{add("userData", "/a", `1`)}, [2]string{`" \n"`, `"#cloud-config\na: 1\n"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range tc.ops {
				if changed, err := d.Apply(&o); err != nil || !changed {
					t.Fatalf("%s: changed %v, error %v", tc.reason, changed, err)
				}
			}
			got, err := d.Encode()
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(tc.in, tc.want[0], tc.want[1], 1)
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if !json.Valid(got) {
				t.Errorf("%s: not JSON", tc.reason)
			}
		})
	}
}

func TestParseRefusals(t *testing.T) {
	cases := map[string]struct{ reason, in, err string }{
		"empty":        {"nothing is no JSON", ``, "not JSON"},
		"two":          {"one value", `{} {}`, "not JSON"},
		"list":         {"an object", `[]`, "want a JSON object, not a list"},
		"null":         {"null is none", `null`, "want a JSON object, not null"},
		"duplicate":    {"at the top", `{"UserData":"a","UserData":"b"}`, `member "UserData" stands twice`},
		"duplicate 2":  {"and below", `{"NoCloudMetaData":{"a":1,"a":2}}`, `member "a" stands twice`},
		"case":         {"Go would take it for UserData", `{"userdata":"a"}`, "must be spelled UserData"},
		"not text":     {"user data is a string", `{"UserData":{}}`, "UserData: want a string"},
		"not text 2":   {"network data, too", `{"NetworkData":1}`, "NetworkData: want a string"},
		"not object":   {"metadata is an object", `{"NoCloudMetaData":[]}`, "NoCloudMetaData: want a JSON object, not a list"},
		"not UTF-8":    {"JSON is UTF-8", "{\"UserData\":\"\xff\"}", "not UTF-8"},
		"another kind": {"a VMI in its place would be patched in vain", `{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstance"}`, `none of its members is one of CloudInitData, such as UserData: the first is "apiVersion"`},
		"deep":         {"depth is limited", `{"Newer":` + string(deepJSON(MaxDepth+1)) + `}`, "more than 64 levels"},
		"many":         {"so is the number of values", `{"Newer":` + string(manyJSON(MaxNodes)) + `}`, "more than 20000 values"},
		"big":          {"so is the size", `{"UserData":"` + strings.Repeat("a", MaxBytes) + `"}`, "over the limit of 524288 bytes (512 KiB)"},
		"control byte": {"JSON escapes these", "{\"UserData\":\"\x01\"}", "not JSON"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.err)
			}
		})
	}
}

func TestDocumentRefusals(t *testing.T) {
	header := "#cloud-config\n"
	cases := map[string]struct {
		reason, doc, err string
		target           bundle.Target
	}{
		"script":        {"named, with advice", "#!/bin/sh\n", "is a script, and only a #cloud-config, alone or in MIME multi-part, can be edited: turn it into runcmd", "userData"},
		"include":       {"", "#include\nhttp://x\n", "is an include file, and only a #cloud-config, alone or in MIME multi-part, can be edited: put what it includes into a #cloud-config", "userData"},
		"include-once":  {"", "#include-once\nhttp://x\n", "is an include file, and only a #cloud-config, alone or in MIME multi-part, can be edited: put what it includes into a #cloud-config", "userData"},
		"boothook":      {"", "#cloud-boothook\n#!/bin/sh\n", "is a boothook, and only a #cloud-config, alone or in MIME multi-part, can be edited: turn it into bootcmd of a #cloud-config", "userData"},
		"jinja":         {"even if a #cloud-config follows", "## template: jinja\n#cloud-config\n", "is a jinja template, and only a #cloud-config, alone or in MIME multi-part, can be edited: write the values out in a #cloud-config", "userData"},
		"archive":       {"begins like #cloud-config", "#cloud-config-archive\n- a\n", "is a cloud-config archive, and only a #cloud-config, alone or in MIME multi-part, can be edited: turn it into one #cloud-config", "userData"},
		"jsonp":         {"so does this", "#cloud-config-jsonp\n[]\n", "is a JSON patch of cloud-init's own (jsonp), and only a #cloud-config, alone or in MIME multi-part, can be edited: write its operations as rules on a #cloud-config", "userData"},
		"part handler":  {"", "#part-handler\n", "is a part handler, and only a #cloud-config, alone or in MIME multi-part, can be edited: turn it into a #cloud-config", "userData"},
		"upstart":       {"", "#upstart-job\n", "is an upstart job, and only a #cloud-config, alone or in MIME multi-part, can be edited: turn it into write_files of a #cloud-config", "userData"},
		"MIME inside":   {"cloud-init looks at 4096 bytes, whatever they begin with", header + "# mime-version: 1\na: 1\n", "which makes it a MIME message to cloud-init, but not in a header at its beginning", "userData"},
		"MIME for some": {"cloud-init wants the version", "Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\n", "give it the header MIME-Version: 1.0", "userData"},
		"gzip":          {"as JSON leaves it", "\x1f\ufffd\x08\x00abc", "is gzip data, and only a #cloud-config, alone or in MIME multi-part, can be edited: KubeVirt hands user data to hooks as JSON text, which destroys gzip; give it uncompressed", "userData"},
		"gzip 2":        {"as other readers leave it", "\x1f\u008b\x08\x00abc", "is gzip data, and only", "userData"},
		"mark":          {"cloud-init does not know it, and no editor shows it", "\ufeff#cloud-config\na: 1\n", "is text behind a byte order mark, and only a #cloud-config, alone or in MIME multi-part, can be edited: save it without the mark", "userData"},
		"binary":        {"", "\x7fELF\x02\x01", "is binary, and only a #cloud-config, alone or in MIME multi-part, can be edited: give a #cloud-config", "userData"},
		"no header":     {"cloud-init ignores it", "password: geheim\n", "is of a kind that cloud-init does not know, and only a #cloud-config, alone or in MIME multi-part, can be edited: begin it with #cloud-config if it is one", "userData"},
		"late header":   {"old versions of cloud-init ignore it", "\n#cloud-config\na: 1\n", "lower case at its very first byte", "userData"},
		"upper case":    {"likewise", "#Cloud-Config\na: 1\n", "lower case at its very first byte", "userData"},
		"list":          {"cloud-init wants a mapping", header + "- a\n", "is a list, and cloud-init wants a mapping", "userData"},
		"text":          {"as old network data is", "auto eth0\n", "is a string, and cloud-init wants a mapping", "networkData"},
		"documents":     {"cloud-init reads one", header + "a: 1\n---\nb: 2\n", "several YAML documents", "userData"},
		"documents 2":   {"even if the second is empty", header + "a: 1\n---\n", "several YAML documents", "userData"},
		"duplicate":     {"with its line", header + "a: 1\nb:\n  c: 1\n  c: 2\n", `line 5: key "c" stands twice`, "userData"},
		"meaning":       {"one key for Python", header + "yes: 1\ntrue: 2\n", `line 3: key "true" stands twice`, "userData"},
		"meaning 2":     {"likewise", header + "1: 1\n0x1: 2\n", `line 3: key "0x1" stands twice`, "userData"},
		"text twice":    {"one name in the model", header + "1: 1\n\"1\": 2\n", `line 3: key "1" stands twice`, "userData"},
		"json":          {"JSON, too", `{"a":1,"a":2}`, `member "a" stands twice`, "networkData"},
		"complex key":   {"JSON has none", header + "? [a]\n: 1\n", "line 2: a key that is a list", "userData"},
		"tag":           {"cloud-init cannot load it", header + "a: !vault x\n", `line 2: cloud-init cannot read this scalar with the tag "!vault"`, "userData"},
		"set":           {"", header + "a: !!set {b}\n", `tag "!!set" on a collection`, "userData"},
		"value":         {"", header + "a: =\n", "line 2: cloud-init cannot read a plain = here; quote it", "userData"},
		"anchors":       {"PyYAML refuses it", header + "a: &x 1\nb: &x 2\n", `anchor "x" stands twice`, "userData"},
		"unknown":       {"", header + "a: *x\n", "unknown anchor 'x'", "userData"},
		"self":          {"an alias inside its anchor", header + "a: &x [*x]\n", "more than 64 levels", "userData"},
		"merge scalar":  {"", header + "a: {<<: 1}\n", "needs mappings, not a number", "userData"},
		"deep":          {"", header + "a: " + string(deepJSON(MaxDepth+1)) + "\n", "more than 64 levels", "userData"},
		"very deep":     {"", header + "a: " + strings.Repeat("[", 20000), "exceeded max depth", "userData"},
		"many":          {"", header + "a: " + string(manyJSON(MaxNodes)) + "\n", "more than 20000 values", "userData"},
		"bomb":          {"aliases count as what they stand for", header + bomb(), "more than 20000 values (the limit, with aliases written out)", "userData"},
		"text bomb":     {"so does their text", header + "a: &a " + strings.Repeat("x", 100000) + "\nb: [" + strings.Repeat("*a,", 20) + "]\n", "more than 1048576 bytes with aliases written out", "userData"},
		"key bomb":      {"so do keys", header + "a: &a " + strings.Repeat("x", 100000) + "\nb: [" + strings.Repeat("{*a : 1},", 20) + "]\n", "more than 1048576 bytes with aliases written out", "userData"},
		"not YAML":      {"with its line", header + "a: 1\n b: 2\n", `not YAML: line 3: "mapping values are not allowed`, "userData"},
		"tab":           {"with what to do", header + "a:\n\t- b\n", `not YAML: line 3: "found character that cannot start any token": indent with spaces, `, "userData"},
		"later tab":     {"yaml.v3 calls it another name", header + "a: b\n\tc: d\n", `indentation": indent with spaces, YAML takes no tabs`, "userData"},
		"long number":   {"", header + "a: " + strings.Repeat("1", 300) + "\n", "over the limit of 256", "userData"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			member := memberUserData
			if tc.target == bundle.NetworkData {
				member = memberNetworkData
			}
			d := dataWith(t, member, tc.doc)
			changed, err := d.Apply(&Operation{Target: tc.target, Op: bundle.OpMerge, Value: json.RawMessage(`{"zz":1}`)})
			if err == nil || changed || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(), string(tc.target)+": ") {
				t.Errorf("%s: changed %v, error %v, want one with %q", tc.reason, changed, err, tc.err)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error quotes the user data: %v", err)
			}
			if out, _ := d.Encode(); tc.target == bundle.UserData && string(out) != string(d.envelope.input) {
				t.Errorf("the failed operation left a trace: %s", out)
			}
		})
	}
}

// bomb is 9 to the power of 6 values behind 200 bytes.
func bomb() string {
	s := "a0: &a0 x\n"
	for i, names := 1, "0123456"; i < len(names); i++ {
		alias := "*a" + names[i-1:i]
		s += "a" + names[i:i+1] + ": &a" + names[i:i+1] + " [" + strings.TrimSuffix(strings.Repeat(alias+",", 9), ",") + "]\n"
	}
	return s
}

func TestResultRefusals(t *testing.T) {
	cases := map[string]struct {
		reason, doc string
		op          bundle.Op
		path, value string
		err         string
	}{
		"many": {"the result has the limits of a document", "#cloud-config\na: " + string(manyJSON(MaxNodes/2)) + "\n", "add", "/b", string(manyJSON(MaxNodes / 2)), "more than 20000 values"},
		"deep": {"in depth as well", "#cloud-config\na: " + string(deepJSON(40)) + "\n", "add", "/a/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/-", string(deepJSON(40)), "more than 64 levels"},
		"list": {"cloud-init wants a mapping", "#cloud-config\na: 1\n", "replace", "", `[]`, "cloud-init wants a mapping"},
		"MIME": {"an edit must not make it something else", "#cloud-config\na: 1\n", "add", "/b", `"Mime-Version: 1.0"`, "which makes it a MIME message to cloud-init"},
		"null": {"a document cannot become null", "#cloud-config\na: 1\n", "replace", "", `null`, "would become null, and cloud-init wants a mapping"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := dataWith(t, memberUserData, tc.doc)
			_, err := d.Apply(&Operation{Target: bundle.UserData, Op: tc.op, Path: tc.path, Value: json.RawMessage(tc.value)})
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.err)
			}
		})
	}
}

func TestGrowth(t *testing.T) {
	const limit = "over the limit of 262144 bytes (256 KiB)"
	fill, _ := json.Marshal(strings.Repeat("a", MaxGrowth-1000))
	more, _ := json.Marshal(strings.Repeat("b", 1000))
	for target, paths := range map[bundle.Target][2]string{
		bundle.UserData: {"/a", "/b"}, bundle.NetworkData: {"/a", "/b"}, bundle.MetaData: {"/local-hostname", "/instance-type"},
	} {
		d := dataWith(t, memberUserData, "#cloud-config\nx: "+strings.Repeat("x", 2000)+"\n")
		if _, err := d.Apply(&Operation{Target: target, Op: bundle.OpAdd, Path: paths[0], Value: fill}); err != nil {
			t.Fatalf("%s has room for 256 KiB: %v", target, err)
		}
		before, _ := d.Encode()
		_, err := d.Apply(&Operation{Target: target, Op: bundle.OpAdd, Path: paths[1], Value: more})
		if err == nil || !strings.Contains(err.Error(), limit) {
			t.Errorf("%s: got error %v, want one with %q", target, err, limit)
		}
		if after, _ := d.Encode(); string(after) != string(before) {
			t.Errorf("%s: the failed operation left a trace", target)
		}
	}
}

func TestMetaData(t *testing.T) {
	const noCloudKeys = "instance-type, instance-id, local-hostname, public-keys"
	cases := map[string]struct {
		reason, in  string
		op          bundle.Op
		path, value string
		err         string
	}{
		"string":      {"a known key", noCloudData, "replace", "/instance-id", `"other"`, ""},
		"keys":        {"a mapping of strings", noCloudData, "add", "/public-keys", `{"0":"ssh-rsa A"}`, ""},
		"remove":      {"a known key may go", noCloudData, "remove", "/instance-type", ``, ""},
		"test":        {"any key may be tested", noCloudData, "test", "/x-new/0", `1.5`, ""},
		"unknown":     {"KubeVirt would drop it", noCloudData, "add", "/hostname", `"h"`, `has no key "hostname"; it knows ` + noCloudKeys},
		"other names": {"NoCloud's names are not ConfigDrive's", configDriveData, "add", "/instance-type", `"u1"`, "it knows instance_type, instance_id, local_hostname, hostname, uuid, devices, public_keys"},
		"unknown 2":   {"nor may an unknown key change", noCloudData, "replace", "/x-new/0", `2`, `has no key "x-new"`},
		"unknown 3":   {"nor go", noCloudData, "remove", "/x-new", ``, `has no key "x-new"`},
		"number":      {"KubeVirt could not decode it", noCloudData, "replace", "/instance-id", `1`, `key "instance-id": want a string, not a number`},
		"null":        {"null is no string", noCloudData, "add", "/local-hostname", `null`, "want a string, not null"},
		"key number":  {"nor a key", configDriveData, "add", "/public_keys/1", `1`, `key "1" below it: want a string`},
		"key list":    {"nor a mapping", noCloudData, "add", "/public-keys", `["ssh-rsa A"]`, "want a mapping of strings, not a list"},
		"devices":     {"KubeVirt overwrites them", configDriveData, "add", "/devices/-", `{"type":"nic"}`, "KubeVirt writes it anew after the hook"},
		"all":         {"it stays an object", noCloudData, "replace", "", `[]`, "must stay an object"},
		"none":        {"there is nothing to edit", `{"NoCloudMetaData":null}`, "merge", "", `{}`, "neither NoCloudMetaData nor ConfigDriveMetaData is set"},
		"both":        {"it is not clear which", `{"NoCloudMetaData":{},"ConfigDriveMetaData":{}}`, "merge", "", `{}`, "both NoCloudMetaData and ConfigDriveMetaData are set"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			o := Operation{Target: bundle.MetaData, Op: tc.op, Path: tc.path}
			if tc.value != "" {
				o.Value = json.RawMessage(tc.value)
			}
			before := d.meta.model
			changed, err := d.Apply(&o)
			switch {
			case tc.err == "" && (err != nil || changed != (tc.op != bundle.OpTest)):
				t.Errorf("%s: changed %v, error %v", tc.reason, changed, err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.err)
			case tc.err != "" && d.meta.model != before:
				t.Errorf("%s: the failed operation left a trace", tc.reason)
			}
		})
	}
}

func TestClone(t *testing.T) {
	d := dataWith(t, memberUserData, "#cloud-config\na: 1\n")
	before, _ := d.Encode()
	c := d.Clone()
	for _, o := range []Operation{
		{Target: bundle.UserData, Op: bundle.OpReplace, Path: "/a", Value: json.RawMessage(`2`)},
		{Target: bundle.NetworkData, Op: bundle.OpAdd, Path: "/a", Value: json.RawMessage(`2`)},
		{Target: bundle.MetaData, Op: bundle.OpReplace, Path: "/instance-id", Value: json.RawMessage(`"j"`)},
	} {
		if changed, err := c.Apply(&o); err != nil || !changed {
			t.Fatalf("changed %v, error %v", changed, err)
		}
	}
	if after, _ := d.Encode(); string(after) != string(before) {
		t.Errorf("an operation on the clone changed the original: %s", after)
	}
	if out, _ := c.Encode(); string(out) == string(before) {
		t.Error("the clone did not change")
	}
}

func TestApplyChecksTheOperation(t *testing.T) {
	d := dataWith(t, memberUserData, "#cloud-config\na: 1\n")
	_, err := d.Apply(&Operation{Target: bundle.UserData, Op: bundle.OpMove, Path: "/a/b", From: "/a"})
	if err == nil || !strings.Contains(err.Error(), "from: \"/a\" cannot be moved into its own child") {
		t.Errorf("got error %v", err)
	}
}

func TestParseYAML(t *testing.T) {
	cases := map[string]struct{ reason, block, want, err string }{
		"readings":   {"as cloud-init reads them", "a: no\nb: [0644, 1:30, y]\nc: 2001-12-14\n", `{"a":false,"b":[420,90,"y"],"c":"2001-12-14"}`, ""},
		"keys":       {"by their text", "on: 1\n0644: 2\n~: 3\n1.50: 4\n=: 5\n", `{"on":1,"0644":2,"~":3,"1.50":4,"=":5}`, ""},
		"scalar":     {"a block need not be a mapping", "|\n a\n b\n", `"a\nb\n"`, ""},
		"null":       {"said explicitly", "null", `null`, ""},
		"aliases":    {"are written out", "a: &x [1]\nb: *x\n", `{"a":[1],"b":[1]}`, ""},
		"merge keys": {"the first source wins, the mapping itself over all", "x: &x {a: 1, b: 1, c: 1}\ny: &y {b: 2, c: 2}\nz: {c: 3, <<: [*y, *x]}\n", `{"x":{"a":1,"b":1,"c":1},"y":{"b":2,"c":2},"z":{"a":1,"b":2,"c":3}}`, ""},
		"empty":      {"is more likely a mistake", "# nothing\n", "", "write null"},
		"two":        {"one document", "a: 1\n---\nb: 1\n", "", "several YAML documents"},
		"binary":     {"JSON cannot hold it", "a: !!binary aGk=\n", "", "which JSON cannot hold"},
		"infinity":   {"nor this", "a: [.inf]\n", "", "which JSON cannot hold"},
		"duplicate":  {"keys stand once", "a: 1\na: 2\n", "", `line 2: key "a" stands twice`},
		"bomb":       {"aliases are limited", bomb(), "", "more than 20000 values"},
		"big":        {"the block is limited", "a: " + strings.Repeat("x", MaxValue), "", "over the limit of 262144 bytes (256 KiB)"},
		"not YAML":   {"with the line", "a: 1\nb: 2: 3\n", "", "line 2"},
		"tab":        {"with what to do", "a:\n\tb: 1\n", "", "indent with spaces"},
		"percent":    {"the same words of yaml.v3", "a: %x\n", "", "put a text in quotes that begins with %, @"},
		"handle":     {"the same words of yaml.v3", "a: @x\n", "", "put a text in quotes that begins with %, @"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseYAML(tc.block)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s: got %s and error %v, want an error with %q", tc.reason, got, err, tc.err)
				}
				return
			}
			if err != nil || string(got) != tc.want {
				t.Errorf("%s: got %s and error %v, want %s", tc.reason, got, err, tc.want)
			}
		})
	}
}
