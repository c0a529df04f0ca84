// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

func sample() *Bundle {
	return &Bundle{FormatVersion: FormatVersion, Patches: []Patch{{
		Kind: KindDomainPatch, Namespace: "vms", Name: "acme", FailurePolicy: Fail,
		MatchConditions: []MatchCondition{{Name: "c", Expression: "vmi.a < 1 && 'é' != '>'"}},
		Variables:       []Variable{{Name: "v", Expression: "1", Pattern: "[a-z]"}},
		Domain:          []DomainRule{{Op: OpSet, Path: "/domain/@a", Value: ptr("")}, {Op: OpAdd, Path: "/domain", XML: "<a/>"}},
		CloudInit:       []CloudInitRule{{Target: UserData, Op: OpAdd, Path: "/x", Value: json.RawMessage(`{"z":1,"a":null}`)}, {Target: MetaData, Op: OpAdd, Path: "/y", Value: json.RawMessage("null")}},
	}}}
}

// governed is the sample with policies.
func governed() *Bundle {
	b := sample()
	b.Policies = []Policy{{Name: "all"}, {Name: "default", Allow: []string{"/domain/clock", "//disk/@a"}}}
	return b
}

func TestRoundTrip(t *testing.T) {
	// The hash names ConfigMaps in clusters: a change of the format must change FormatVersion, too.
	for name, tc := range map[string]struct {
		bundle *Bundle
		sum    string
	}{
		"patches":  {sample(), "7bf75cb8fc8792948e75db26776ca28d1ea7643324565822acb8fee53f3ffe71"},
		"policies": {governed(), "b4dd0ee281c9ab324332e200f0e0f1e6f88db8f233aec59199dc5d103f7ae380"},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := Encode(tc.bundle)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := Decode(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.bundle, decoded); diff != "" {
				t.Errorf("the bundle changed on its way (-want +got):\n%s", diff)
			}
			again, err := Encode(decoded)
			if err != nil || string(again) != string(encoded) {
				t.Errorf("the encoding is not canonical: %v\n%s\n%s", err, encoded, again)
			}
			if !strings.Contains(string(encoded), "'é' != '>'") {
				t.Errorf("characters are escaped that need not be: %s", encoded)
			}
			if got := Sum(encoded); got != tc.sum {
				t.Errorf("the encoding changed: SHA-256 %s, was %s", got, tc.sum)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string {
		out := strings.Replace(string(good), old, new, 1)
		if out == string(good) {
			t.Fatalf("%q is not in the bundle", old)
		}
		return out
	}
	cases := map[string]struct{ in, want string }{
		"empty":                {"", "cannot decode bundle"},
		"not JSON":             {"#!/bin/sh", "cannot decode bundle"},
		"null":                 {"null", "formatVersion is missing"},
		"unknown field":        {replace(`"failurePolicy"`, `"failurePolice"`), "unknown field"},
		"other spelling":       {replace(`"failurePolicy"`, `"FailurePolicy"`), "as the operator wrote it"},
		"repeated field":       {replace(`"name":"acme"`, `"name":"x","name":"acme"`), "not in canonical form"},
		"white space":          {string(good) + "\n", "not in canonical form"},
		"trailing object":      {string(good) + "{}", "cannot decode bundle"},
		"wrong type":           {replace(`"acme"`, `7`), "patches.name must not be of the JSON type number"},
		"list":                 {"[]", "a JSON object is expected, not array"},
		"newer format":         {replace(`"formatVersion":1`, `"formatVersion":2`), "unsupported format version"},
		"too large":            {replace("acme", strings.Repeat("a", MaxBytes)), "over the limit of 524288"},
		"too many":             {`{"formatVersion":1,"patches":[` + strings.Repeat("{},", MaxPatches) + "{}]}", "over the limit of 64 per VM"},
		"unknown policy field": {replace(`"patches"`, `"policies":[{"name":"a","deny":[]}],"patches"`), "unknown field"},
		"too many rules":       {`{"formatVersion":1,"patches":[{"kind":"","name":"","failurePolicy":"","domain":[` + strings.Repeat(`{"op":""},`, MaxRules) + `{"op":""}]}]}`, "over the limit of 64 per patch"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "Go ") {
				t.Errorf("a user does not know Go: %v", err)
			}
		})
	}
	if _, err := Decode([]byte(`{"formatVersion":2,"news":true}`)); !errors.Is(err, ErrFormatVersion) {
		t.Errorf("a newer format is not called newer: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	b := sample()
	b.Patches[0].CloudInit[0].Value = json.RawMessage("{")
	if _, err := Encode(b); err == nil {
		t.Error("a value that is not JSON was encoded")
	}
	b = sample()
	b.Patches[0].Domain[0].Value = ptr(strings.Repeat("x", MaxBytes))
	if _, err := Encode(b); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("a bundle over the limit: %v", err)
	}
}

func TestPolicies(t *testing.T) {
	cluster := func(b *Bundle) { b.Patches[0].Kind, b.Patches[0].Namespace = KindClusterDomainPatch, "" }
	cases := map[string]struct {
		reason string
		change func(*Bundle)
		want   string
	}{
		"Sorted":     {"the order of names is the canonical one", func(*Bundle) {}, ""},
		"Unsorted":   {"equal content has equal bytes", func(b *Bundle) { b.Policies[0].Name = "zzz" }, `policies[1]: "default" does not stand behind "zzz"`},
		"Twice":      {"names tell policies apart", func(b *Bundle) { b.Policies[0].Name = "default" }, `policies[1]: "default" does not stand behind`},
		"NoPatch":    {"a bundle that they cannot limit must not depend on them", cluster, "no DomainPatch"},
		"NoPolicies": {"nothing limits", func(b *Bundle) { cluster(b); b.Policies = nil }, ""},
		"Most":       {"at the limit", func(b *Bundle) { b.Policies = policies(MaxPolicies, MaxAllowed) }, ""},
		"TooMany":    {"limits name what is over them", func(b *Bundle) { b.Policies = policies(MaxPolicies+1, 1) }, "65 policies, over the limit of 64"},
		"TooLong": {"limits name what is over them", func(b *Bundle) { b.Policies = policies(1, MaxAllowed+1) },
			"DomainPatchPolicy p00: spec.allow has 257 paths, over the limit of 256"},
		"TooLarge": {"the limit is one for all", func(b *Bundle) { b.Policies[1].Allow[0] = strings.Repeat("x", MaxBytes) }, "over the limit of 524288"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := governed()
			tc.change(b)
			_, encodeErr := Encode(b)
			text, err := marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			_, decodeErr := Decode(text)
			for verb, err := range map[string]error{"Encode": encodeErr, "Decode": decodeErr} {
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v, want an error with %q: %s", verb, err, tc.want, tc.reason)
				}
			}
		})
	}
}

// policies makes n policies of so many paths each.
func policies(n, allowed int) []Policy {
	all := make([]Policy, n)
	for i := range all {
		all[i] = Policy{Name: fmt.Sprintf("p%02d", i), Allow: slices.Repeat([]string{"/a"}, allowed)}
	}
	return all
}

func TestEncodeBoundsExpressions(t *testing.T) {
	b := sample()
	for range 5 {
		p := Patch{Kind: KindDomainPatch, Name: "p", FailurePolicy: Fail}
		p.Variables = []Variable{{Name: "v", Expression: strings.Repeat("1", MaxPatchExpressionBytes)}}
		b.Patches = append(b.Patches, p)
	}
	if _, err := Encode(b); err == nil || !strings.Contains(err.Error(), "over the limit of 131072") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, seed := range []string{"", "null", "[]", `{"formatVersion":1,"patches":null}`, `{"formatVersion":2,"patches":[]}`,
		`{"formatVersion":1,"formatVersion":1,"patches":[]}`, `{"formatVersion":1,"Patches":[]}`, strings.Repeat("[", 20_000)} {
		f.Add([]byte(seed))
	}
	if good, err = Encode(governed()); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Decode(data)
		if err != nil {
			return
		}
		if again, err := Encode(b); err != nil || string(again) != string(data) {
			t.Errorf("decoded, but does not encode to itself: %v", err)
		}
	})
}
