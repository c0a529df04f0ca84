// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"strings"
	"testing"

	"github.com/google/cel-go/common/types"
)

func TestExpand(t *testing.T) {
	in := &input{variables: map[string]any{
		"name": types.String("a<b>'\"$(n)"), "n": types.Int(8), "yes": types.True, "none": types.NullValue,
		"list": types.NewStringList(types.DefaultTypeAdapter, []string{"x"}), "maybe": types.OptionalOf(types.String("there")), "absent": types.OptionalNone,
	}}
	cases := map[string]struct{ text, want, err string }{
		"nothing to expand":        {text: "a $ b $$ c )", want: "a $ b $$ c )"},
		"alone":                    {text: "$(n)", want: "8"},
		"amid text, twice":         {text: "x$(n)y$(n)z", want: "x8y8z"},
		"a value is not expanded":  {text: "$(name)", want: "a<b>'\"$(n)"},
		"bool":                     {text: "$(yes)", want: "true"},
		"present optional":         {text: "$(maybe)", want: "there"},
		"escaped":                  {text: "$$(n)", want: "$(n)"},
		"escaped behind a value":   {text: "$(n)$$(n)", want: "8$(n)"},
		"dollars before an escape": {text: "$$$(n)", want: "$$(n)"},
		"null":                     {text: "$(none)", err: "the variable is null"},
		"empty optional":           {text: "$(absent)", err: "the variable is null"},
		"list":                     {text: "$(list)", err: "$(list) gives list instead of text"},
		"unknown":                  {text: "$(nobody)", err: "$(nobody): the variable has no value"},
		"not closed":               {text: "ab$(n", err: "$( at byte 2 "},
		"not a name":               {text: "$(n)$(a b)", err: "$( at byte 4 "},
		"empty name":               {text: "$()", err: "$( at byte 0 "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := in.expand(tc.text)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("expand(%q) = %q, %v; want an error with %q", tc.text, got, err, tc.err)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("expand(%q) = %q, %v; want %q", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestCheckTemplate(t *testing.T) {
	for text, want := range map[string]string{"$(a)$$(b)": "", "$(b)": "$(b): no variable of that name", "$(a": "at byte 0"} {
		err := checkTemplate(text, []string{"a"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("checkTemplate(%q) = %v, want an error with %q", text, err, want)
		}
	}
}
