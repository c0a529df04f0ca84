// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

const (
	bombTime   = 2 * time.Second // a generous bound: each takes some 0.2 s at most
	bombMemory = 128 << 20       // bytes allocated in all
)

// bounded fails the test where f takes longer or allocates more than a bomb may.
func bounded(t *testing.T, f func() error) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if took > bombTime {
		t.Errorf("took %v, more than %v", took, bombTime)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > bombMemory {
		t.Errorf("allocated %d MiB, more than %d", n>>20, bombMemory>>20)
	}
	return err
}

// matchingOf is what a VMI without fields gives on one matchCondition.
func matchingOf(expression string) error {
	p := onePatch("p", set("/domain/name", "x"))
	p.MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: expression}}
	program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}})
	if err != nil {
		return err
	}
	_, err = program.Matching(context.Background(), []byte(`{"metadata":{"labels":{"a":"b"}}}`))
	return err
}

// nested is a list of lists, each of which holds the one before ten times.
func nested(levels int) string {
	e := "[0]"
	for i := range levels {
		e += fmt.Sprintf(".map(x%d,[%s])", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("x%d,", i), 10), ","))
	}
	return e
}

// long is a list with a text of 160,000 bytes.
const long = `['aaaaaaaaaaaaaaaaaaaa'.replace('a','aaaaaaaaaaaaaaaaaaaa').replace('a','aaaaaaaaaaaaaaaaaaaa').replace('a','aaaaaaaaaaaaaaaaaaaa')]`

// TestExpressionBombs runs expressions that would take hours or gigabytes.
func TestExpressionBombs(t *testing.T) {
	const cost, values = "actual cost limit exceeded", "more than 10000 values"
	for name, test := range map[string]struct{ expression, want string }{
		"equal":               {nested(12) + ".exists(z, z == z)", values},
		"equal below":         {nested(3) + ".exists(z, lists.range(1900).all(i, lists.range(1900).all(j, z == z)))", cost},
		"unequal":             {nested(12) + ".exists(z, z != z)", values},
		"in":                  {nested(12) + ".exists(z, z in [z])", values},
		"in below":            {nested(3) + ".exists(z, lists.range(1900).all(i, lists.range(1900).all(j, z in [z])))", cost},
		"map":                 {"[{}]" + strings.Repeat(".map(x, {'a': dyn(x), 'b': x, 'c': x, 'd': x, 'e': x, 'f': x, 'g': x, 'h': x})", 12) + ".exists(z, z == z)", values},
		"key in an error":     {nested(12) + ".exists(z, {'a': 1}[dyn(z)] == 1)", values},
		"optional element":    {nested(12) + ".exists(z, [?dyn(z)].size() == 1)", values},
		"absorbed":            {nested(12) + ".exists(z, z == z) || true", values},
		"sum of lists":        {nested(3) + strings.Repeat(".map(x, x + x)", 12) + ".exists(z, z == z)", values},
		"sum of nested lists": {nested(3) + ".exists(z, [lists.range(1900).map(i, z)].exists(l, l == l))", cost},
		"accumulated":         {nested(3) + ".exists(z, lists.range(1900).map(i, z) == lists.range(1900).map(i, z))", cost},
		"literals":            {nested(3) + ".exists(z, lists.range(1000).all(i, [z, z, z, z, z, z, z].size() > 0))", cost},
		"literals alone":      {"[0]" + strings.Repeat(".exists(x, [[x, x, x, x, x, x, x, x, x, x]]", 12) + ".exists(x, x == x)" + strings.Repeat(")", 12), values},
		"sums":                {nested(3) + ".exists(z, lists.range(900).all(i, (z + z).size() > 0))", cost},
		"sum of what is long": {nested(3) + ".exists(z, lists.range(100).map(i, z) + lists.range(100).map(i, z) == [])", values},
		"read once each":      {long + ".exists(b, lists.range(100).all(i, b.size() > 0))", cost},
		"weight of a map":     {nested(3) + ".exists(z, lists.range(1900).all(i, lists.range(1900).all(j, {'a': z, 'b': z, 'c': [z, z, z]}.size() > 0)))", cost},
		"key of all":          {nested(3) + ".exists(z, {'a': 1}[dyn(lists.range(300).map(i, z))] == 1)", "invalid qualifier type"},
		"text in an error":    {long + ".exists(b, {'a': 1}[b] == 1)", "no such key: aaa"},
		"distinct":            {nested(2) + ".exists(z, lists.range(150).map(i, z + [[i]]).distinct().size() > 1)", "distinct: the list of 150 elements"},
		"texts of a list":     {long + ".exists(b, lists.range(1900).map(i, b.replace('a','b',1)).size() > 1)", cost},
		"texts of lists":      {long + ".exists(b, lists.range(1900).map(i, [b.replace('a','b',1), b.replace('a','c',1)]).size() > 1)", cost},
		"texts put together":  {long + ".exists(b, lists.range(1900).map(i, b + 'a').size() > 1)", cost},
		"texts of a ternary":  {long + ".exists(b, lists.range(1900).map(i, (i > 3 || i < 1 ? b : b + 'x').replace('a','b',1)).size() > 1)", cost},
		"texts after or":      {long + ".exists(b, lists.range(1900).map(i, (i < 1 || b == '' ? b : b).replace('a', i > 1 || i < 1 ? 'b' : 'c',1)).size() > 1)", cost},
		"texts of optionals":  {long + ".exists(b, lists.range(1900).map(i, optional.of(b).or(optional.of(b)).value().replace('a','b',1)).size() > 1)", cost},
		"upper case":          {long + ".exists(b, lists.range(1900).map(i, b.upperAscii()).size() > 1)", cost},
		"quoted":              {long + ".exists(b, lists.range(1900).map(i, strings.quote(b)).size() > 1)", cost},
		"split":               {long + ".exists(b, lists.range(1900).map(i, b.split('b')).size() > 1)", cost},
		"bytes":               {long + ".exists(b, lists.range(1900).map(i, bytes(b)).size() > 1)", cost},
		"read":                {long + ".exists(b, lists.range(1900).all(i, lists.range(1900).all(j, !b.contains('x'))))", cost},
		"replaced":            {long + ".exists(b, lists.range(250).all(i, b" + strings.Repeat(".replace('a','b').replace('b','a')", 14) + ".size() > 1))", cost},
		"searched":            {long + ".exists(b, b.indexOf(b.substring(80000) + 'b') < 0 && b.lastIndexOf('b' + b.substring(80000)) < 0)", ""},
		"searched from":       {long + ".exists(b, b.indexOf(b.substring(80000) + 'b', 1) < 0 && b.lastIndexOf('b' + b.substring(80000), 159000) < 0)", ""},
		"sorted":              {long + ".exists(b, lists.range(1900).map(i, b).sort().size() > 1)", cost},
		"regular expression":  {"'a'.matches('(?:" + strings.Repeat("a?", 1000) + "){999}')", "takes more than 2000 instructions"},
		"its nested repeats":  {"'a'.matches('(?:(?:abcdefghij){30}){30}')", "takes more than 2000 instructions"},
		"regular expressions": {distinctMatches(12), "take more than 10000 instructions together"},
		"long match":          {long + ".exists(b, b.matches('(?:a?a?){90}b'))", "is too long for a regular expression"},
		"matches":             {"lists.range(1900).all(i, lists.range(1900).all(j, '" + strings.Repeat("a", 2000) + "'.matches('(?:a?a?){90}b') || true))", cost},
		"computed pattern":    {"'a'.matches('a' + 'b')", "matches() takes a regular expression in quotes"},
		"function matches":    {"matches('a', '(?:a{0,999}){3}')", "invalid repeat count"},
	} {
		t.Run(name, func(t *testing.T) {
			err := bounded(t, func() error { return matchingOf(test.expression) })
			switch {
			case err != nil && len(err.Error()) > 2048:
				t.Errorf("an error of %d bytes", len(err.Error()))
			case test.want == "" && err != nil:
				t.Errorf("got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %.300v, want %s", err, test.want)
			}
		})
	}
}

// distinctMatches is a condition of n regular expressions of some thousand instructions each.
func distinctMatches(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("'a'.matches('a{%d}')", 980+i))
	}
	return strings.Join(all, " || ")
}

// TestPatternBombs compiles patterns of variables that would take hundreds of megabytes.
func TestPatternBombs(t *testing.T) {
	for name, test := range map[string]struct{ pattern, want string }{
		"large":    {"(?:" + strings.Repeat("a?", 505) + "){999}", "takes more than 2000 instructions"},
		"many":     {"(?:a?){600}", "take more than 10000 instructions together"},
		"long":     {strings.Repeat("a", 1025), "the pattern has 1025 bytes"},
		"unclosed": {"a)|(?:b", "unexpected )"},
	} {
		t.Run(name, func(t *testing.T) {
			p := onePatch("p", set("/domain/name", "x"))
			for i := range 16 {
				p.Variables = append(p.Variables, bundle.Variable{Name: fmt.Sprintf("v%d", i), Expression: "'a'", Pattern: test.pattern})
			}
			err := bounded(t, func() error {
				_, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}})
				return err
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestPatternTooLong matches a long text with a pattern that takes long.
func TestPatternTooLong(t *testing.T) {
	p := onePatch("p", set("/domain/name", "x"))
	p.Variables = []bundle.Variable{{Name: "v", Expression: long + "[0]", Pattern: "(?:a?a?){90}b"}}
	program := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}})
	err := bounded(t, func() error {
		_, _, err := program.Domain(context.Background(), []byte("<domain><name>n</name></domain>"), nil, nil)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "a text of 160000 bytes is too long for a regular expression of") {
		t.Errorf("got %v", err)
	}
}

// TestPatchCost lets every evaluation stay below its limit, and all of them not.
func TestPatchCost(t *testing.T) {
	dear := long + ".exists(b, lists.range(9).all(i, b.replace('a','b',1) != b)) ? 'x' : 'y'"
	p := onePatch("p", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/devices/a/@x", Expression: dear})
	document := "<domain><name>n</name><devices>" + strings.Repeat("<a x='1'/>", 200) + "</devices></domain>"
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}}
	err := bounded(t, func() error {
		_, _, err := compile(t, b).Domain(context.Background(), []byte(document), nil, nil)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "the expressions of the patch cost more than 500000 units together") {
		t.Errorf("got %v", err)
	}
}

// TestVariablesOfOnePatch keeps no more than the cost of a patch allows.
func TestVariablesOfOnePatch(t *testing.T) {
	p := onePatch("p", set("/domain/name", "x"))
	for i := range 60 {
		p.Variables = append(p.Variables, bundle.Variable{Name: fmt.Sprintf("v%d", i), Expression: long + ".map(b, lists.range(3).map(i, b.replace('a','b',1)))"})
	}
	program := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}})
	err := bounded(t, func() error {
		_, _, err := program.Domain(context.Background(), []byte("<domain><name>n</name></domain>"), nil, nil)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "cost more than 500000 units together") {
		t.Errorf("got %v", err)
	}
}

// TestExpressionsAfterTheEnd looks at the context before every evaluation: these expressions
// have no comprehension that would.
func TestExpressionsAfterTheEnd(t *testing.T) {
	p := onePatch("p", set("/domain/name", "x"))
	p.MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "true"}}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := errors.New("the end")
	cancel(ended)
	_, err := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}}).Matching(ctx, nil)
	if !errors.Is(err, ended) {
		t.Errorf("got %v, want %v", err, ended)
	}
}

// TestXPathTexts selects the texts of the same elements again and again.
func TestXPathTexts(t *testing.T) {
	document := "<domain><name>n</name><title>t</title><metadata>" + strings.Repeat("<a>", 40) + strings.Repeat("long text", 2000) + strings.Repeat("</a>", 40) + "</metadata></domain>"
	for name, test := range map[string]struct{ expression, want string }{
		"once":  {"xpath('//a').size() > 1 ? 'x' : 'y'", "the text would have more than 262144 bytes"},
		"read":  {"lists.range(900).all(i, xpath('/domain').size() > 0) ? 'x' : 'y'", "actual cost limit exceeded"},
		"often": {"lists.range(1900).map(i, xpath('/domain')).size() > 1 ? 'x' : 'y'", "actual cost limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			p := onePatch("p", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/title", Expression: test.expression})
			program := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}})
			err := bounded(t, func() error {
				_, _, err := program.Domain(context.Background(), []byte(document), nil, nil)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestSamePatternAgain: a regular expression counts as often as it stands in a patch, and for each patch alone.
func TestSamePatternAgain(t *testing.T) {
	patches := func(n, conditions int) *bundle.Bundle {
		b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
		for i := range n {
			p := onePatch(fmt.Sprintf("p%d", i), set("/domain/name", "x"))
			for c := range conditions {
				p.MatchConditions = append(p.MatchConditions, bundle.MatchCondition{Name: fmt.Sprintf("c%d", c), Expression: distinctMatches(1)})
			}
			b.Patches = append(b.Patches, p)
		}
		return b
	}
	if _, err := patch.Compile(patches(2, 5)); err != nil {
		t.Errorf("10 in two patches: %v", err)
	}
	const want = "take more than 10000 instructions together"
	if _, err := patch.Compile(patches(1, 6)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("6 in a patch: %v, want %s", err, want)
	}
}
