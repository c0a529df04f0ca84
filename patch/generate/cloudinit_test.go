// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"encoding/json"
	"strings"
	"testing"
)

// seed is CloudInitData with some user data.
func seed(t *testing.T, userData string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"DataSource": "noCloud", "NoCloudMetaData": map[string]string{"instance-id": "a.b"}, "UserData": userData, "VolumeName": "seed",
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCloudInits pins the rules. The function itself compares what they make.
func TestCloudInits(t *testing.T) {
	for name, tc := range map[string]struct {
		reason, before, after string
		want                  string // op, path and value of each rule
	}{
		"member":           {"nothing else", "a: 1\nb: 2\n", "a: 1\nb: 3\n", "replace /b 3"},
		"appended":         {"behind what another VM has", "l: [a]\n", "l: [a, b, c]\n", `add /l/- "b"|add /l/- "c"`},
		"new list":         {"it may be there on another VM", "a: 1\n", "a: 1\nl: [x, {y: 1}]\n", `add create /l/- "x"|add /l/- {"y":1}`},
		"inserted":         {"order counts", "l: [a, b]\n", "l: [a, x, b]\n", `add /l/1 "x" #`},
		"removed":          {"from the end", "l: [a, b, c, d]\n", "l: [a, d]\n", "remove /l/2 #|remove /l/1 #"},
		"item changes":     {"only what differs", "l: [{n: 1, m: 2}, b]\n", "l: [{n: 1, m: 3}, b]\n", "replace /l/0/m 3 #"},
		"below an item":    {"as much by number", "l: [{n: 1, o: 4}]\n", "l: [{n: 1, m: [a]}]\n", `remove /l/0/o #|add create /l/0/m/- "a" #`},
		"number for name":  {"no list", "c: {'00': a, 1: {d: b}}\n", "c: {'00': x, 1: {d: y}}\n", `replace /c/00 "x"|replace /c/1/d "y"`},
		"list of lists":    {"the outer one", "l: [[a]]\n", "l: [[a, b]]\n", `add /l/0/- "b" #`},
		"removed and more": {"from the begin", "l: [a, b, c]\n", "l: [x, c, d]\n", `replace /l/0 "x" #|remove /l/1 #|add /l/- "d"`},
		"null":             {"clients drop a null of value", "a: 1\n", "a: 1\nb: {c: null}\n", `add /b yaml {"c":null}`},
		"escapes":          {"RFC 6901, and no variable", "a: 1\n", "a: 1\n'x/y~z': $(echo)\n", `add /x~1y~0z "$$(echo)"`},
		"mapping for text": {"another kind", "a: b\n", "a: {c: d}\n", `replace /a {"c":"d"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := CloudInits(t.Context(), seed(t, "#cloud-config\n"+tc.before), seed(t, "#cloud-config\n"+tc.after), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range c.Rules {
				text := string(r.Op)
				if r.Create {
					text += " create"
				}
				text += " " + r.Path
				if r.Value != nil {
					text += " " + string(r.Value)
				}
				if r.YAML != "" {
					text += " yaml " + r.YAML
				}
				if r.Comment != "" {
					text += " #"
				}
				got = append(got, text)
			}
			if strings.Join(got, "|") != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, strings.Join(got, "|"), tc.want)
			}
		})
	}
}

// TestCloudInitsRefused pins what is said where there are no rules.
func TestCloudInitsRefused(t *testing.T) {
	config := seed(t, "#cloud-config\na: 1\n")
	for name, tc := range map[string]struct {
		reason        string
		before, after []byte
		want          string
	}{
		"equal":    {"nothing to do", config, config, "nothing differs"},
		"comments": {"rules act on what cloud-init reads", config, seed(t, "#cloud-config\n# x\na: 1\n"), "nothing differs that a patch can express: userData differs in comments"},
		"script":   {"no JSON model", seed(t, "#!/bin/sh\n"), config, "the cloud-init data before: userData: the user data is a script"},
		"other":    {"no rule reaches it", config, []byte(strings.Replace(string(config), "noCloud", "configDrive", 1)), `the member "DataSource" of the cloud-init data differs`},
		"no JSON":  {"hostile input", config, []byte("{"), "the cloud-init data after: "},
		"key":      {"a variable has no place in a key", config, seed(t, "#cloud-config\na: 1\nb: {'$(x)': 1}\n"), "no rules were found that make this difference"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := CloudInits(t.Context(), tc.before, tc.after, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, %v, want %q", tc.reason, c, err, tc.want)
			}
		})
	}
}

// TestSuggest pins the comments on values that are the VMI's as well.
func TestSuggest(t *testing.T) {
	vmi := []byte(`{"metadata":{"name":"web","labels":{"on":"true"},"annotations":{"example.com/vendor":"A & B"}}}`)
	after := strings.Replace(devices(disks), "<name>x</name>", "<name>A &amp; B</name><title>web</title>", 1)
	d, err := Domains(t.Context(), []byte(devices(disks)), []byte(after), vmi)
	if err != nil {
		t.Fatal(err)
	}
	Suggest(d.Rules, vmi)
	want := []string{"vmi.metadata.annotations['example.com/vendor']", "vmi.metadata.name"}
	for i, r := range d.Rules {
		if !strings.Contains(r.Comment, want[i]) {
			t.Errorf("rule %d, %s: comment %q, want %s", i, r.Path, r.Comment, want[i])
		}
	}
}
