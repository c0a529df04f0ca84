// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
)

// TestBoundedFunctionsAsInCEL compares what we replace with what it replaces.
func TestBoundedFunctionsAsInCEL(t *testing.T) {
	theirs, err := cel.NewEnv(ext.Strings(ext.StringsVersion(4)), ext.Lists())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := theirs.Extend(boundedFunctions()...)
	if err != nil {
		t.Fatal(err)
	}
	var expressions []string
	for _, text := range []string{"", "a", "abcabc", "äöüäöü", "日本語日本語", "aaaa"} {
		for _, part := range []string{"", "a", "bc", "öü", "本", "aa", "abcabcabc", "x"} {
			expressions = append(expressions, fmt.Sprintf("'%s'.indexOf('%s')", text, part), fmt.Sprintf("'%s'.lastIndexOf('%s')", text, part))
			for offset := -1; offset < 8; offset++ {
				expressions = append(expressions, fmt.Sprintf("'%s'.indexOf('%s', %d)", text, part, offset), fmt.Sprintf("'%s'.lastIndexOf('%s', %d)", text, part, offset))
			}
		}
	}
	for _, list := range []string{"[]", "[1]", "[1, 1, 2, 1]", "[1, 1.0, 1u, 'a', true, null, null]", "[[1], [1], {'a': 1}, {'a': 1.0}, [2]]"} {
		expressions = append(expressions, list+".map(x, dyn(x)).distinct()", list+".map(x, dyn(x)).distinct() == []")
	}
	for _, e := range expressions {
		if got, want := outcome(ours, e), outcome(theirs, e); got != want {
			t.Errorf("%s gives %s, and %s in CEL", e, got, want)
		}
	}
}

// outcome is the value of an expression, or that there is none.
func outcome(env *cel.Env, expression string) string {
	checked, issues := env.Compile(expression)
	if issues.Err() != nil {
		return "no expression"
	}
	program, err := env.Program(checked)
	if err != nil {
		return "no program"
	}
	value, _, err := program.Eval(map[string]any{})
	if err != nil {
		return "error"
	}
	return fmt.Sprint(value)
}

// TestPatternSize compares sizes with what Go compiles.
func TestPatternSize(t *testing.T) {
	for _, text := range []string{
		"a", "abc", "[A-Za-z0-9 .,-]{1,64}", "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "[a-z]{1,253}", "(?i)serial-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
		"(a|b|cd)*", "(?:a?a?){50}", "a{5,}", "(?:(?:ab|cd){3}){10}", "^$", "", ".*",
	} {
		parsed, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		got, compiled := patternSize(parsed), len(program.Inst)
		if got > maxPatternSize {
			t.Errorf("%s is over the limit", text)
		}
		if got+4 < compiled*9/10 || got > 2*compiled {
			t.Errorf("%s counts %d instructions, and compiles to %d", text, got, compiled)
		}
	}
	for _, text := range []string{"a{0,1000}b{0,1000}", strings.Repeat("a", 2001), "(?:" + strings.Repeat("a?", 500) + "){999}", "[a-z]{1000}[a-z]{1000}a", "(?:abc){700}"} {
		parsed, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if n := patternSize(parsed); n <= maxPatternSize {
			t.Errorf("%.40s counts %d instructions alone", text, n)
		}
	}
}
