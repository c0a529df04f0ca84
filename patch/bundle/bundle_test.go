// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"encoding/json"
	"errors"
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

func TestRoundTrip(t *testing.T) {
	encoded, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), decoded); diff != "" {
		t.Errorf("the bundle changed on its way (-want +got):\n%s", diff)
	}
	again, err := Encode(decoded)
	if err != nil || string(again) != string(encoded) {
		t.Errorf("the encoding is not canonical: %v\n%s\n%s", err, encoded, again)
	}
	if !strings.Contains(string(encoded), "'é' != '>'") {
		t.Errorf("characters are escaped that need not be: %s", encoded)
	}
	// The hash names ConfigMaps in clusters: a change of the format must change FormatVersion, too.
	if got, want := Sum(encoded), "7bf75cb8fc8792948e75db26776ca28d1ea7643324565822acb8fee53f3ffe71"; got != want {
		t.Errorf("the encoding of the sample changed: SHA-256 %s, was %s", got, want)
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
		"empty":           {"", "cannot decode bundle"},
		"not JSON":        {"#!/bin/sh", "cannot decode bundle"},
		"null":            {"null", "formatVersion is missing"},
		"unknown field":   {replace(`"failurePolicy"`, `"failurePolice"`), "unknown field"},
		"other spelling":  {replace(`"failurePolicy"`, `"FailurePolicy"`), "not in canonical form"},
		"repeated field":  {replace(`"name":"acme"`, `"name":"x","name":"acme"`), "not in canonical form"},
		"white space":     {string(good) + "\n", "not in canonical form"},
		"trailing object": {string(good) + "{}", "cannot decode bundle"},
		"wrong type":      {replace(`"acme"`, `7`), "cannot decode bundle"},
		"newer format":    {replace(`"formatVersion":1`, `"formatVersion":2`), "unsupported format version"},
		"too large":       {replace("acme", strings.Repeat("a", MaxBytes)), "over the limit of 524288"},
		"too many":        {`{"formatVersion":1,"patches":[` + strings.Repeat("{},", MaxPatches) + "{}]}", "over the limit of 64 per VM"},
		"too many rules":  {`{"formatVersion":1,"patches":[{"kind":"","name":"","failurePolicy":"","domain":[` + strings.Repeat(`{"op":""},`, MaxRules) + `{"op":""}]}]}`, "over the limit of 64 per patch"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
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
