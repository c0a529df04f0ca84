// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var hash = strings.Repeat("0123456789abcdef", 4)

func ourEntry() HookSidecar {
	return HookSidecar{
		Image:           "registry.example/domainpatch/shim:v1",
		ImagePullPolicy: "IfNotPresent",
		Args:            []string{"--version", "v1alpha3", BundleArg, HookPathOnDefineDomain, SHA256Arg, hash, "--hooks", "OnDefineDomain"},
		ConfigMap:       &HookSidecarConfigMap{Name: BundleConfigMapPrefix + hash[:BundleIDLength], Key: BundleKey, HookPath: HookPathOnDefineDomain},
	}
}

var ourJSON = `{"image":"registry.example/domainpatch/shim:v1","imagePullPolicy":"IfNotPresent",` +
	`"args":["--version","v1alpha3","--bundle","/usr/bin/onDefineDomain","--sha256","` + hash + `","--hooks","OnDefineDomain"],` +
	`"configMap":{"name":"domainpatch-` + hash[:32] + `","key":"bundle.json","hookPath":"/usr/bin/onDefineDomain"}}`

// Entries of others, spelled as nobody would.
const (
	first  = `{ "zeta" : 1e999, "image":"a<b", "alpha":{"n":0.10,"n2":9007199254740993} ,"args": [ ] }`
	second = "{\n  \"command\": [\"\\u002fbin/x\"],\t\"ConfigMap\":null}"
)

var keepCases = map[string]struct {
	reason string
	in     string
	change func(t *testing.T, l *HookSidecars)
	want   string
}{
	"Untouched": {
		reason: "without a change the text is the same to the byte, white space included",
		in:     " [ " + first + " ,\n" + second + "]\n",
		want:   " [ " + first + " ,\n" + second + "]\n",
	},
	"AbsentUntouched": {
		reason: "an absent annotation stays absent",
	},
	"EmptyList": {
		reason: "a list without entries is one",
		in:     "[ ]",
		change: func(t *testing.T, l *HookSidecars) { mustDo(t, l.Append(ourEntry())) },
		want:   "[" + ourJSON + "]",
	},
	"AppendToAbsent": {
		reason: "the first entry makes the list",
		change: func(t *testing.T, l *HookSidecars) { mustDo(t, l.Append(ourEntry())) },
		want:   "[" + ourJSON + "]",
	},
	"Append": {
		reason: "entries of others keep their bytes and stay before ours",
		in:     "[" + first + ",\n " + second + " ]",
		change: func(t *testing.T, l *HookSidecars) { mustDo(t, l.Append(ourEntry())) },
		want:   "[" + first + "," + second + "," + ourJSON + "]",
	},
	"Replace": {
		reason: "an entry is replaced in its place",
		in:     "[" + first + `,{"image":"old"},` + second + "]",
		change: func(t *testing.T, l *HookSidecars) { mustDo(t, l.Replace(1, ourEntry())) },
		want:   "[" + first + "," + ourJSON + "," + second + "]",
	},
	"Remove": {
		reason: "an entry is removed, the others stay",
		in:     "[" + first + `,{"image":"old"},` + second + "]",
		change: func(_ *testing.T, l *HookSidecars) { l.Remove(1) },
		want:   "[" + first + "," + second + "]",
	},
	"RemoveLast": {
		reason: "a list whose last entry goes is empty, not absent",
		in:     `[{"image":"old"}]`,
		change: func(_ *testing.T, l *HookSidecars) { l.Remove(0) },
		want:   "[]",
	},
}

func TestHookSidecarsKeepForeignEntries(t *testing.T) {
	for name, tc := range keepCases {
		t.Run(name, func(t *testing.T) {
			l, err := ParseHookSidecars(tc.in)
			if err != nil {
				t.Fatalf("\n%s\nParseHookSidecars(): %v", tc.reason, err)
			}
			if tc.change != nil {
				tc.change(t, &l)
			}
			got, err := l.Encode()
			if err != nil {
				t.Fatalf("\n%s\nEncode(): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nEncode(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHookSidecarsCopiesAreIndependent(t *testing.T) {
	const want = `[{"image":"a"},{"image":"b"}]`
	cases := map[string]func(*HookSidecars){
		"Append":  func(l *HookSidecars) { mustDo(t, l.Append(ourEntry())) },
		"Replace": func(l *HookSidecars) { mustDo(t, l.Replace(0, ourEntry())) },
		"Remove":  func(l *HookSidecars) { l.Remove(0) },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			original, err := ParseHookSidecars(`[{"image":"a"},{"image":"b"},{"image":"c"}]`)
			mustDo(t, err)
			original.Remove(2) // leaves room behind, and encodes from the entries
			changed := original
			change(&changed)
			if got, _ := original.Encode(); got != want {
				t.Errorf("%s on a copy changed the original: %s, want %s", name, got, want)
			}
			if got, _ := changed.Encode(); got == want {
				t.Errorf("%s changed nothing: %s", name, got)
			}
		})
	}
}

func TestParseHookSidecarsRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     string
		want   string
	}{
		"NotJSON":        {reason: "what is not JSON has no entries", in: `[{]`, want: "not JSON: invalid character"},
		"Trailing":       {reason: "bytes after the list are not JSON", in: `[] []`, want: "not JSON: invalid character '['"},
		"WhiteSpace":     {reason: "white space is not an absent annotation", in: ` `, want: "not JSON: unexpected end"},
		"Object":         {reason: "one entry is no list", in: `{"image":"a"}`, want: "not a JSON array of objects"},
		"Null":           {reason: "null is no list", in: `null`, want: "not a JSON array of objects"},
		"String":         {reason: "a text is no list", in: `"[]"`, want: "not a JSON array of objects"},
		"NullEntry":      {reason: "null is no entry", in: `[{},null]`, want: "[1]: not a JSON object"},
		"ArrayEntry":     {reason: "a list is no entry", in: `[[]]`, want: "[0]: not a JSON object"},
		"Duplicate":      {reason: "readers differ in which value they take", in: `[{},{"args":[],"args":["-x"]}]`, want: `[1]: field "args" occurs twice`},
		"EscapedName":    {reason: "the same name spelled in two ways is the same", in: `[{"args":[],"\u0061rgs":[]}]`, want: `[0]: field "args" occurs twice`},
		"NestedInObject": {reason: "duplicates hide in objects", in: `[{"configMap":{"name":"a","key":{},"name":"b"}}]`, want: `[0]: field "name" occurs twice`},
		"NestedInArray":  {reason: "duplicates hide in arrays", in: `[{"x":[1,[{"a":1,"a":2}]]}]`, want: `[0]: field "a" occurs twice`},
		"TooDeep":        {reason: "the depth is bounded", in: strings.Repeat("[", 20000), want: "exceeded max depth"},
		"TooLong":        {reason: "the size is bounded", in: `["` + strings.Repeat("a", MaxHookSidecarsBytes) + `"]`, want: "262148 bytes are more than the limit of 262144"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseHookSidecars(tc.in)
			if err == nil {
				t.Fatalf("\n%s\nParseHookSidecars(): no error, want %q", tc.reason, tc.want)
			}
			for _, want := range []string{"annotation hooks.kubevirt.io/hookSidecars: ", tc.want, "; correct or remove the annotation"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("\n%s\nParseHookSidecars(): %q lacks %q", tc.reason, err, want)
				}
			}
		})
	}
}

func TestParseHookSidecarsAcceptsRepeatsElsewhere(t *testing.T) {
	const in = `[{"a":{"a":1},"b":["a","a",{"a":1},{"a":1}]},{"a":"a"}]`
	if _, err := ParseHookSidecars(in); err != nil {
		t.Errorf("ParseHookSidecars(%s): %v, want no error: no object has a field twice", in, err)
	}
}

func TestEncodeRefusesLongText(t *testing.T) {
	in := `[{"x":"` + strings.Repeat("a", MaxHookSidecarsBytes-100) + `"}]`
	l, err := ParseHookSidecars(in)
	mustDo(t, err)
	mustDo(t, l.Append(ourEntry()))
	if _, err := l.Encode(); err == nil || !strings.Contains(err.Error(), "more than the limit of 262144") {
		t.Errorf("Encode(): %v, want an error that names the limit", err)
	}
}

func TestEntry(t *testing.T) {
	l, err := ParseHookSidecars(`[` + ourJSON + `,
		{"IMAGE":"i","pvc":{"name":"n","volumePath":"/v","sharedComputePath":"/s","more":1},"unknown":{}},
		{"image":5}]`)
	mustDo(t, err)
	want := []HookSidecar{ourEntry(), {Image: "i", PVC: &HookSidecarPVC{Name: "n", VolumePath: "/v", SharedComputePath: "/s"}}}
	for i, want := range want {
		got, err := l.Entry(i)
		mustDo(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Entry(%d): -want, +got:\n%s", i, diff)
		}
	}
	if _, err := l.Entry(2); err == nil || !strings.Contains(err.Error(), "annotation hooks.kubevirt.io/hookSidecars: [2]: ") {
		t.Errorf("Entry(2): %v, want an error that names annotation and index", err)
	}
	if got := l.Len(); got != 3 {
		t.Errorf("Len(): %d, want 3", got)
	}
}

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*HookSidecar)
		want   []string
	}{
		"Good":     {reason: "what the controller writes is good", change: func(*HookSidecar) {}},
		"NoPolicy": {reason: "the pull policy may be left to Kubernetes", change: func(e *HookSidecar) { e.ImagePullPolicy = "" }},
		"CloudInitPath": {
			reason: "both documented paths are good",
			change: func(e *HookSidecar) { e.ConfigMap.HookPath = HookPathPreCloudInitIso },
		},
		"PVC": {
			reason: "a volume needs not be shared",
			change: func(e *HookSidecar) { e.PVC = &HookSidecarPVC{Name: "n", VolumePath: "/v"} },
		},
		"NoImage": {reason: "KubeVirt would run its own shim", change: func(e *HookSidecar) { e.Image = "" }, want: []string{"image: "}},
		"Policy": {
			reason: "the policies are Kubernetes'",
			change: func(e *HookSidecar) { e.ImagePullPolicy = "always" },
			want:   []string{`imagePullPolicy: "always" is none of Always, IfNotPresent and Never`},
		},
		"ConfigMap": {
			reason: "all that is wrong comes at once",
			change: func(e *HookSidecar) { e.ConfigMap = &HookSidecarConfigMap{HookPath: "/bin/sh"} },
			want:   []string{"configMap.name: ", "configMap.key: ", `configMap.hookPath: "/bin/sh" is neither`},
		},
		"EmptyPVC": {
			reason: "a volume needs a name and a place",
			change: func(e *HookSidecar) { e.PVC = &HookSidecarPVC{SharedComputePath: "/s"} },
			want:   []string{"pvc.name: ", "pvc.volumePath: "},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			entry := ourEntry()
			tc.change(&entry)
			err := entry.Validate()
			if (err == nil) != (len(tc.want) == 0) {
				t.Fatalf("\n%s\nValidate(): %v, want errors %q", tc.reason, err, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("\n%s\nValidate(): %q lacks %q", tc.reason, err, want)
				}
			}
			l := HookSidecars{}
			if appended := l.Append(entry); (appended == nil) != (err == nil) || (l.Len() == 1) != (err == nil) {
				t.Errorf("\n%s\nAppend(): %v, length %d, but Validate(): %v", tc.reason, appended, l.Len(), err)
			}
		})
	}
}

func TestBundleSHA256(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*HookSidecar)
		want   string
		wantOK bool
	}{
		"Ours":          {reason: "what the controller writes is ours", change: func(*HookSidecar) {}, want: hash, wantOK: true},
		"OtherImage":    {reason: "an upgrade changes the image", change: func(e *HookSidecar) { e.Image = "other" }, want: hash, wantOK: true},
		"NoConfigMap":   {reason: "a bundle comes from a ConfigMap", change: func(e *HookSidecar) { e.ConfigMap = nil }},
		"ConfigMapName": {reason: "ours are named like bundles", change: func(e *HookSidecar) { e.ConfigMap.Name = "my-domainpatch-x" }},
		"NoBundle":      {reason: "the shim needs the bundle", change: func(e *HookSidecar) { e.Args = []string{SHA256Arg, hash} }},
		"NoHash":        {reason: "the shim needs the hash", change: func(e *HookSidecar) { e.Args = []string{BundleArg, "x"} }},
		"NoValue": {
			reason: "a damaged entry is still ours, and equals no hash",
			change: func(e *HookSidecar) { e.Args = []string{BundleArg, "x", SHA256Arg} },
			wantOK: true,
		},
		"Twice": {
			reason: "the last one counts, as for the shim's flags",
			change: func(e *HookSidecar) { e.Args = append(e.Args, SHA256Arg, "other") },
			want:   "other",
			wantOK: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			entry := ourEntry()
			tc.change(&entry)
			if got, ok := entry.BundleSHA256(); got != tc.want || ok != tc.wantOK {
				t.Errorf("\n%s\nBundleSHA256(): %q, %t, want %q, %t", tc.reason, got, ok, tc.want, tc.wantOK)
			}
		})
	}
}

func FuzzHookSidecars(f *testing.F) {
	for _, seed := range []string{"", "[]", " [{} , {\"a\":[1,{\"b\":null}]}]", `[{"a":1,"a":2}]`, "null", "[" + ourJSON + "]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := ParseHookSidecars(in)
		if err != nil {
			return
		}
		if got, err := l.Encode(); err != nil || got != in {
			t.Errorf("Encode() of the untouched list: %q, %v", got, err)
		}
		n := l.Len()
		mustDo(t, l.Append(ourEntry()))
		text, err := l.Encode()
		if err != nil {
			return // too long with our entry
		}
		again, err := ParseHookSidecars(text)
		mustDo(t, err)
		if again.Len() != n+1 {
			t.Errorf("%d entries after Append, want %d", again.Len(), n+1)
		}
	})
}
