// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// hostileTexts are values of a variable that would be syntax if they were put in before parsing.
var hostileTexts = map[string]string{
	"line break":    "a\nruncmd:\n- reboot",
	"only a break":  "\n",
	"double quote":  `a", "b": "c`,
	"single quote":  "a', b: 'c",
	"backslash":     `a\nb\`,
	"colon":         "a: b",
	"dash":          "- a",
	"brace":         "{a: b}",
	"bracket":       "[a, b]",
	"comment":       "a # b",
	"only comment":  "# b",
	"alias":         "*x",
	"anchor":        "&x a",
	"tag":           "!!python/object:x",
	"document":      "a\n---\nb: c\n...\n",
	"merge key":     "<<",
	"boolean":       "no",
	"octal":         "0644",
	"sexagesimal":   "1:30",
	"null":          "~",
	"nothing":       "",
	"date":          "2001-12-14",
	"a reference":   "$(other)",
	"directive":     "%YAML 1.1",
	"header":        "#cloud-config\na: b",
	"carriage":      "a\r\nb: c\rd",
	"line seps":     "a\u2028b\u0085c: d",
	"control":       "a\tb\x01c",
	"html":          "<a href='x'>&amp;",
	"other scripts": "ä日本😀",
}

// TestCloudInitTemplates puts hostile texts into strings of values and looks for them where the strings are.
func TestCloudInitTemplates(t *testing.T) {
	for name, text := range hostileTexts {
		for _, target := range []bundle.Target{bundle.UserData, bundle.NetworkData} { // YAML and JSON
			t.Run(name+" in "+string(target), func(t *testing.T) {
				literal, _ := json.Marshal(text) // a JSON string is a CEL string
				b := rules()
				b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: string(literal)}}
				b.Patches[0].CloudInit = []bundle.CloudInitRule{
					{Target: target, Op: bundle.OpAdd, Path: "/alone", Value: json.RawMessage(`"$(v)"`)},
					{Target: target, Op: bundle.OpMerge, YAML: "amid: {list: ['<$(v)|$$(v)>', 1e3, 0644]}"},
					{Target: target, Op: bundle.OpTest, Path: "/alone", Value: json.RawMessage(`"$(v)"`)},
				}
				data := `{"NoCloudMetaData":{"instance-id":"i"},"UserData":"#cloud-config\nhostname: h # keep\n","NetworkData":"{\"hostname\": \"h\"}"}`
				out, _, err := compile(t, b).CloudInit(context.Background(), []byte(data), []byte(vmi))
				if err != nil {
					t.Fatal(err)
				}
				var documents map[string]any
				if err := json.Unmarshal(out, &documents); err != nil {
					t.Fatal(err)
				}
				document := documents[strings.ToUpper(string(target[:1]))+string(target[1:])].(string)
				var got any
				if err := yaml.Unmarshal([]byte(document), &got); err != nil {
					t.Fatalf("%v:\n%s", err, document)
				}
				want := map[string]any{"hostname": "h", "alone": text, "amid": map[string]any{"list": []any{"<" + text + "|$(v)>", "1e3", 420}}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s\nin:\n%s", diff, document)
				}
			})
		}
	}
}

// TestCloudInitTemplateErrors is about what only the call can find.
func TestCloudInitTemplateErrors(t *testing.T) {
	big := strings.Repeat("x", 4000)
	for name, tc := range map[string]struct{ expression, value, want string }{
		"null":          {"dyn(null)", `{"a":["$(v)"]}`, "spec.cloudInit[0]: value: $(v): the variable is null"},
		"list":          {"['a']", `"$(v)"`, "spec.cloudInit[0]: value: $(v) gives list instead of text"},
		"long text":     {"'" + big + "'", `"` + strings.Repeat("$(v)", 70) + `"`, "the text would have more than 262144 bytes with the values of its variables"},
		"many texts":    {"'" + big + "'", `["` + strings.Repeat(`$(v)","`, 70) + `"]`, "its strings have more than 262144 bytes"},
		"nothing wrong": {"1 + 1", `"$(v)"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := rules()
			b.Patches[0].Variables = []bundle.Variable{{Name: "v", Expression: tc.expression}}
			b.Patches[0].CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Value: json.RawMessage(tc.value)}}
			_, _, err := compile(t, b).CloudInit(context.Background(), []byte(`{"NoCloudMetaData":{"instance-id":"i"},"UserData":""}`), []byte(vmi))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
