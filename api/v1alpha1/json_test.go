// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	kjson "sigs.k8s.io/json"
)

func TestJSONTellsNullFromAbsent(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     string
		want   JSON
	}{
		"Absent": {reason: "an absent field stays absent", in: `{"target":"userData","op":"add"}`},
		"Null": {
			reason: "an explicit null is a value",
			in:     `{"target":"userData","op":"add","value":null}`,
			want:   JSON{Raw: []byte("null")},
		},
		"Object": {
			reason: "key order and the spelling of numbers stay",
			in:     `{"target":"userData","op":"add","value":{"b":1.50,"a":[1e3,9007199254740993]}}`,
			want:   JSON{Raw: []byte(`{"b":1.50,"a":[1e3,9007199254740993]}`)},
		},
	}
	decoders := map[string]func([]byte, any) error{
		"encoding/json":    json.Unmarshal,
		"sigs.k8s.io/json": kjson.UnmarshalCaseSensitivePreserveInts,
	}
	for name, tc := range cases {
		for decoder, decode := range decoders {
			t.Run(name+"/"+decoder, func(t *testing.T) {
				var rule CloudInitRule
				mustDo(t, decode([]byte(tc.in), &rule))
				if diff := cmp.Diff(tc.want, rule.Value); diff != "" {
					t.Errorf("\n%s\nUnmarshal(): -want, +got:\n%s", tc.reason, diff)
				}
				got, err := json.Marshal(rule.DeepCopy())
				mustDo(t, err)
				if diff := cmp.Diff(tc.in, string(got)); diff != "" {
					t.Errorf("\n%s\nMarshal(): -want, +got:\n%s", tc.reason, diff)
				}
			})
		}
	}
}

func TestJSONKeepsItsOwnCopy(t *testing.T) {
	text := []byte("[1]")
	var value JSON
	mustDo(t, value.UnmarshalJSON(text))
	text[1] = '2'
	if string(value.Raw) != "[1]" {
		t.Errorf("UnmarshalJSON() kept the caller's bytes: now %s", value.Raw)
	}
}
