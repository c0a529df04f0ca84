// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

func TestCompileDomainRuleRefuses(t *testing.T) {
	cases := map[string]struct {
		rule bundle.DomainRule
		want string
	}{
		"unknown op":                {bundle.DomainRule{Op: "frob", Path: "/domain"}, `spec.domain[0].op: "frob" is none of set, add, replace, merge, remove, test`},
		"move":                      {bundle.DomainRule{Op: bundle.OpMove, Path: "/domain"}, `"move" is none of`},
		"no path":                   {bundle.DomainRule{Op: bundle.OpRemove}, "spec.domain[0].path: op remove needs a path"},
		"bad path":                  {set("//disk[", "x"), `spec.domain[0].path: "//disk[": unexpected end of the path`},
		"substitution, path":        {set("//disk[target/@dev='$(x)']/@a", "x"), `spec.domain[0].path: "//disk[target/@dev='$(x)']/@a": $(x): no variable of that name is defined in spec.variables`},
		"substitution, xml":         {add("/domain/devices", "<disk><target dev='$(x)'/></disk>"), "spec.domain[0].xml: the attribute dev of <target>: $(x): no variable of that name"},
		"condition for set":         {set("count(//disk)=1", "x"), `spec.domain[0].path: "count(//disk)=1": unexpected "count" at byte 0: a path starts with / or //`},
		"condition, value":          {bundle.DomainRule{Op: bundle.OpTest, Path: "count(//disk)=1", Value: ptr("x")}, "spec.domain[0].value: the path is a condition, so there is no text to compare with a value"},
		"condition, expect":         {bundle.DomainRule{Op: bundle.OpTest, Path: "not(//disk)", Expect: bundle.ExpectOne}, "spec.domain[0].expect: the path is a condition, so there are no nodes to count"},
		"condition, no name":        {bundle.DomainRule{Op: bundle.OpTest, Path: "//disk/@type='$(x)'"}, `spec.domain[0].path: "//disk/@type='$(x)'": $(x): no variable of that name`},
		"alias by set":              {set("//disk[1]/alias/@name", "net0"), `spec.domain[0].value: the alias "net0" must start with ua-: libvirt drops others`},
		"no value":                  {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a"}, "spec.domain[0].value: op set needs a value or an expression"},
		"two values":                {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Value: ptr("x"), Expression: "'x'"}, "either value or expression, not both"},
		"xml for set":               {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Value: ptr("x"), XML: "<a/>"}, "spec.domain[0].xml: op set takes no xml"},
		"value for remove":          {bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/@a", Value: ptr("x")}, "spec.domain[0].value: op remove takes no value"},
		"value for add":             {bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain", Value: ptr("x")}, "spec.domain[0].value: op add takes no value"},
		"no xml":                    {bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain"}, "spec.domain[0].xml: op add needs xml"},
		"bad xml":                   {add("/domain/devices", "<disk>"), `spec.domain[0].xml: line 1, column 7: the element "disk" is not closed`},
		"doctype":                   {add("/domain/devices", "<!DOCTYPE x><disk/>"), "DOCTYPE"},
		"undeclared prefix":         {add("/domain/devices", "<x:disk/>"), `the prefix of the element "x:disk" is not declared`},
		"alias":                     {add("/domain/devices", "<disk><target dev='a'/><alias name='x'/></disk>"), `<disk>: the alias "x" must start with ua-`},
		"device without key":        {add("/domain/devices", "<disk/>"), "spec.domain[0].xml: <disk> below <devices> needs target/@dev"},
		"device, name":              {add("/domain/devices", "<shmem/>"), "spec.domain[0].xml: <shmem> below <devices> needs @name, by which a repeated call finds it again"},
		"two of one key":            {add("/domain/cpu", "<feature name='a' policy='require'/><feature name='a' policy='disable'/>"), "spec.domain[0].xml: the fragment has two <feature> that agree on @name"},
		"two singles":               {add("/domain/features", "<acpi/><acpi/>"), "the fragment has two <acpi> that libvirt allows once per parent"},
		"xmlns":                     {set("/domain/devices/@xmlns", "u"), "xmlns is no attribute"},
		"xmlns, predicate":          {set("/domain/foo[@xmlns='u']/@a", "u"), "xmlns is no attribute"},
		"test, expression":          {bundle.DomainRule{Op: bundle.OpTest, Path: "/domain", Expression: "'x'"}, "spec.domain[0].expression: op test takes no expression"},
		"format":                    {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "'%s'.format([1])"}, "format() is not supported"},
		"device, before":            {bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain/devices/disk", XML: "<shmem/>", Position: bundle.PositionBefore}, "<shmem> below <devices> needs @name"},
		"key, not carried":          {keyed(add("/domain/devices", "<video/>"), "model/@type"), "spec.domain[0].key: <video> in the xml does not carry model/@type"},
		"key, unknown place":        {keyed(add("//video/..", "<video/>"), "model/@type"), "spec.domain[0].key: <video> in the xml does not carry model/@type"},
		"key, dropped":              {keyed(add("/domain/devices", "<video><driver name='x'/></video>"), "driver/@name"), "spec.domain[0].key: KubeVirt drops driver/@name between two calls of the hook, so the element would be added twice: take another key"},
		"key, dropped alias":        {keyed(add("/domain/devices", "<video><alias name='ua-v'/></video>"), "alias/@name"), "KubeVirt drops alias/@name"},
		"key, dropped text":         {keyed(add("/domain/devices", "<rng><backend/><x>1</x></rng>"), "x"), "KubeVirt drops x between"},
		"key, syntax":               {keyed(add("/domain/devices", "<video/>"), "model[1]/@type"), `spec.domain[0].key: model[1]/@type: "model[1]" is no plain name: a key is a relative path such as target/@dev, @type or name`},
		"key, absolute":             {keyed(add("/domain/devices", "<video/>"), "/model/@type"), `"" is no plain name`},
		"key, parent":               {keyed(add("/domain/devices", "<video/>"), "../@type"), `".." is no plain name`},
		"key, no name":              {keyed(add("/domain/devices", "<video/>"), "model/@"), `"" is no plain name`},
		"key, attribute on the way": {keyed(add("/domain/devices", "<video/>"), "@model/type"), `"@model" is no plain name`},
		"key, long":                 {keyed(add("/domain/devices", "<video/>"), "a/b/c/d/@e"), "spec.domain[0].key: a/b/c/d/@e has 5 steps, over the limit of 4"},
		"key for replace":           {keyed(replace("//video", "<video/>"), "@x"), "spec.domain[0].key: op replace takes no key"},
		"key, two":                  {keyed(add("/domain/devices", "<video><model type='a' heads='1'/></video><video><model type='a' heads='2'/></video>"), "model/@type"), "spec.domain[0].xml: the fragment has two <video> that agree on model/@type"},
		"replace, nothing":          {bundle.DomainRule{Op: bundle.OpReplace, Path: "//video"}, "spec.domain[0].value: op replace needs xml, a value or an expression"},
		"replace, both":             {bundle.DomainRule{Op: bundle.OpReplace, Path: "//video", XML: "<video/>", Value: ptr("x")}, "spec.domain[0].xml: op replace takes either xml or a text, not both"},
		"replace, two texts":        {bundle.DomainRule{Op: bundle.OpReplace, Path: "//video", Value: ptr("x"), Expression: "'x'"}, "spec.domain[0].expression: op replace takes either value or expression, not both"},
		"replace, attribute":        {replace("//video/@x", "<video/>"), "spec.domain[0].xml: //video/@x selects no element: xml takes the place of elements alone"},
		"replace, text":             {replace("//video/text()", "<video/>"), "selects no element"},
		"replace, no path":          {replace("", "<video/>"), "spec.domain[0].path: op replace needs a path"},
		"replace, position":         {bundle.DomainRule{Op: bundle.OpReplace, Path: "//video", XML: "<video/>", Position: bundle.PositionFirst}, "op replace takes no position"},
		"replace, alias":            {replace("//video", "<video><alias name='video0'/></video>"), `<video>: the alias "video0" must start with ua-`},
		"merge, nothing":            {bundle.DomainRule{Op: bundle.OpMerge}, "spec.domain[0].xml: op merge needs xml: the partial element to merge"},
		"merge, value":              {bundle.DomainRule{Op: bundle.OpMerge, XML: "<domain/>", Value: ptr("x")}, "spec.domain[0].value: op merge takes no value"},
		"merge, position":           {bundle.DomainRule{Op: bundle.OpMerge, XML: "<domain/>", Position: bundle.PositionFirst}, "op merge takes no position"},
		"merge, two":                {merge("", "<domain/><domain/>"), "spec.domain[0].xml: the xml has 2 elements at its top"},
		"merge, other name":         {merge("", "<devices/>"), "spec.domain[0].xml: /domain selects <domain>, and the xml is a <devices>: merge takes a partial element of the same name"},
		"merge, dots":               {merge("", "<domain>\n ...\n <os><type>hvm</type></os></domain>"), `spec.domain[0].xml: <domain> holds the text "..." beside elements: leave it out`},
		"merge, two of one":         {merge("", "<domain><cpu><feature name='x'/><feature name='x'/></cpu></domain>"), "spec.domain[0].xml: <cpu>: the fragment has two <feature> that agree on @name"},
		"merge, repeated":           {merge("", "<domain><devices><video/><video/></devices></domain>"), "spec.domain[0].xml: <devices> has several <video>, and nothing tells them apart: give the rule a key, merge each by a path that selects it alone, or use add for what is new"},
		"merge, alias":              {merge("", "<domain><devices><disk><alias name='x'/></disk></devices></domain>"), `<disk>: the alias "x" must start with ua-`},
		"position for set":          {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Value: ptr("x"), Position: bundle.PositionFirst}, "spec.domain[0].position: op set takes no position"},
		"bad position":              {bundle.DomainRule{Op: bundle.OpAdd, Path: "/domain", XML: "<cpu/>", Position: "middle"}, `"middle" is none of last, first, before, after`},
		"bad expect":                {bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/@a", Expect: "Two"}, `"Two" is none of Some, One, Any`},
		"bad value":                 {set("/domain/@a", "\x00"), "spec.domain[0].value: XML cannot hold"},
		"CEL syntax":                {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "vmi."}, "spec.domain[0].expression: 1:5: "},
		"value, long":               {set("/domain/title", strings.Repeat("x", 300_000)), "spec.domain[0].value: the value has 300000 bytes, over the limit of 262144"},
		"qemu, other namespace":     {add("/domain", "<qemu:commandline xmlns:qemu='urn:wrong'/>"), "the prefix qemu belongs to http://libvirt.org/schemas/domain/qemu/1.0 alone"},
		"CEL null":                  {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "current == null ? 'a' : null"}, "spec.domain[0].expression: 1:17: found no matching overload for '_?_:_' applied to '(bool, string, null)': write dyn(null) for null in a conditional"},
		"CEL name":                  {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "1 +\n  frob"}, "spec.domain[0].expression: 2:3: undeclared reference to 'frob'"},
		"CEL type":                  {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "[1]"}, "the expression gives list(int) instead of string, int, double or bool"},
		"CEL path":                  {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "xpath('disk')[0]"}, `xpath("disk"): unexpected "disk"`},
		"CEL variable":              {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "variables.x"}, "variables.x is not defined before its use"},
		"hidden name":               {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "@document"}, "spec.domain[0].expression: 1:1"},
		"when, current":             {bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/@a", When: "current == 'x'"}, "spec.domain[0].when: 1:1: undeclared reference to 'current': only the expression of a domain rule sees the present value"},
		"when, type":                {bundle.DomainRule{Op: bundle.OpRemove, Path: "/domain/@a", When: "'x'"}, "spec.domain[0].when: the expression gives string instead of bool"},
		"long expression":           {bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: "'" + strings.Repeat("x", 5000) + "'"}, "over the limit of 4096"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := patch.Compile(rules(tc.rule))
			if err == nil || p != nil {
				t.Fatalf("accepted: %+v", tc.rule)
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "DomainPatch ns/p: spec.") {
				t.Errorf("got %v\nwant DomainPatch ns/p: … %s", err, tc.want)
			}
		})
	}
}

func keyed(rule bundle.DomainRule, key string) bundle.DomainRule {
	rule.Key = key
	return rule
}

func replace(path, xml string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpReplace, Path: path, XML: xml}
}

func merge(path, xml string) bundle.DomainRule {
	return bundle.DomainRule{Op: bundle.OpMerge, Path: path, XML: xml}
}

func TestCompilePatchRefuses(t *testing.T) {
	cases := map[string]struct {
		edit func(*bundle.Patch)
		want string
	}{
		"kind":           {func(p *bundle.Patch) { p.Kind = "Pod" }, `kind: "Pod" is neither`},
		"policy":         {func(p *bundle.Patch) { p.FailurePolicy = "" }, `spec.failurePolicy: "" is neither Fail nor Ignore`},
		"no rules":       {func(p *bundle.Patch) { p.Domain = nil }, "spec: the patch has no rules"},
		"too many rules": {func(p *bundle.Patch) { p.Domain = make([]bundle.DomainRule, 65) }, "spec: the patch has 65 rules, over the limit of 64"},
		"rule names": {func(p *bundle.Patch) {
			p.Domain[0].Name = "n"
			p.CloudInit = []bundle.CloudInitRule{{Name: "n", Target: bundle.UserData, Op: bundle.OpRemove, Path: "/x"}}
		}, `spec.cloudInit[0].name: the name "n" stands twice`},
		"condition": {func(p *bundle.Patch) {
			p.MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "variables.x"}}
		}, "spec.matchConditions[0].expression: 1:1: undeclared reference to 'variables': variables are computed after the matchConditions"},
		"condition, type": {func(p *bundle.Patch) { p.MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "1"}} }, "gives int instead of bool"},
		"condition names": {func(p *bundle.Patch) {
			p.MatchConditions = []bundle.MatchCondition{{Name: "c", Expression: "true"}, {Name: "c", Expression: "true"}}
		}, `spec.matchConditions[1].name: the name "c" stands twice`},
		"variable name": {func(p *bundle.Patch) { p.Variables = []bundle.Variable{{Name: "a-b", Expression: "1"}} }, `spec.variables[0].name: "a-b" is not a CEL identifier`},
		"variable order": {func(p *bundle.Patch) {
			p.Variables = []bundle.Variable{{Name: "a", Expression: "variables.b"}, {Name: "b", Expression: "1"}}
		}, "spec.variables[0].expression: variables.b is not defined before its use"},
		"variable, xpath": {func(p *bundle.Patch) { p.Variables = []bundle.Variable{{Name: "a", Expression: "xpath('//a')"}} }, "spec.variables[0].expression: 1:6: undeclared reference to 'xpath': only the expressions of domain rules see the domain"},
		"variable, metadata": {func(p *bundle.Patch) {
			p.Variables = []bundle.Variable{{Name: "a", Expression: "metadata.name"}}
		}, "spec.variables[0].expression: 1:1: undeclared reference to 'metadata': write vmi.metadata"},
		"variable, bare": {func(p *bundle.Patch) {
			p.Variables = []bundle.Variable{{Name: "a", Expression: "'x'"}, {Name: "b", Expression: "a + 'y'"}}
		}, "spec.variables[1].expression: 1:1: undeclared reference to 'a': write variables.a"},
		"pattern": {func(p *bundle.Patch) { p.Variables = []bundle.Variable{{Name: "a", Expression: "'x'", Pattern: "("}} }, "spec.variables[0].pattern: error parsing regexp"},
		"pattern escapes": {func(p *bundle.Patch) {
			p.Variables = []bundle.Variable{{Name: "a", Expression: "'x'", Pattern: "a)|(?:b"}}
		}, "spec.variables[0].pattern: error parsing regexp"},
		"cloud-init target": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: "vendorData", Op: bundle.OpRemove, Path: "/x"}}
		}, "spec.cloudInit[0].target"},
		"cloud-init op": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpSet, Path: "/x", Value: json.RawMessage("1")}}
		}, "spec.cloudInit[0].op"},
		"cloud-init move": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpMove, From: "/x", Path: "/x/y"}}
		}, `spec.cloudInit[0].from: "/x" cannot be moved into its own child`},
		"cloud-init create": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpRemove, Path: "/x", Create: true}}
		}, "spec.cloudInit[0].create: not allowed with remove"},
		"cloud-init pointer": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpRemove, Path: "x"}}
		}, "spec.cloudInit[0].path"},
		"cloud-init value": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x"}}
		}, "spec.cloudInit[0].value"},
		"cloud-init values": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", YAML: "a", Expression: "1"}}
		}, "spec.cloudInit[0]: give one of value, yaml and expression"},
		"cloud-init yaml": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", YAML: "a: ["}}
		}, "spec.cloudInit[0].yaml"},
		"cloud-init substitution": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Value: json.RawMessage(`"$(name)"`)}}
		}, "spec.cloudInit[0].value: $(name): no variable of that name"},
		"cloud-init substitution, escaped": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Value: json.RawMessage(`["\u0024(name"]`)}}
		}, "spec.cloudInit[0].value: $( at byte 0"},
		"cloud-init substitution, yaml": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", YAML: "a: [{b: x$(name)}]"}}
		}, "spec.cloudInit[0].yaml: $(name): no variable of that name"},
		"cloud-init substitution, key": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpMerge, Value: json.RawMessage(`{"a":{"$(name)":1}}`)}}
		}, "spec.cloudInit[0].value: $(NAME) stands for a variable in the strings of a value only"},
		"cloud-init substitution, path": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpRemove, Path: "/$(name)"}}
		}, "spec.cloudInit[0].path: $(NAME) stands for a variable in the strings of a value only"},
		"cloud-init substitution, from": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpCopy, Path: "/a", From: "/$(name)"}}
		}, "spec.cloudInit[0].from: $(NAME) stands for a variable in the strings of a value only"},
		"cloud-init xpath": {func(p *bundle.Patch) {
			p.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Expression: "xpath('//a')"}}
		}, "spec.cloudInit[0].expression: 1:6: undeclared reference to 'xpath': only the expressions of domain rules see the domain"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := rules(set("/domain/@a", "x"))
			tc.edit(&b.Patches[0])
			if _, err := patch.Compile(b); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant an error with %q", err, tc.want)
			}
		})
	}
}

// TestCompileLeavesUnknownParents: where the path does not tell the parent, the rule is
// judged when it is applied.
func TestCompileLeavesUnknownParents(t *testing.T) {
	for _, rule := range []bundle.DomainRule{
		add("//interface", "<boot order='1'/>"),
		add("/domain//interface", "<rom enabled='no'/>"),
		add("/domain/*/disk[1]", "<boot order='1'/>"),
		{Op: bundle.OpAdd, Path: "/domain/devices/disk/..", XML: "<clock/>", Position: bundle.PositionBefore},
	} {
		if _, err := patch.Compile(rules(rule)); err != nil {
			t.Errorf("%s: %v", rule.Path, err)
		}
	}
}

// TestCompileReportsAllErrors: one run shows everything, in the order of the text.
func TestCompileReportsAllErrors(t *testing.T) {
	b := rules(set("disk", "x"), bundle.DomainRule{Name: "second", Op: bundle.OpRemove, Path: "//a[", When: "1"})
	b.Patches = append(b.Patches, onePatch("q", bundle.DomainRule{Op: "frob"}))
	_, err := patch.Compile(b)
	var got []string
	for _, e := range patch.Errors(err) {
		got = append(got, e.Patch+" "+e.Field+" "+e.Rule)
	}
	want := []string{
		"DomainPatch ns/p spec.domain[0].path ",
		"DomainPatch ns/p spec.domain[1].path second",
		"DomainPatch ns/p spec.domain[1].when second",
		"DomainPatch ns/q spec.domain[0].op ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCompileSameExpressionAgain: an expression that an earlier patch has, too, is checked for its own place.
func TestCompileSameExpressionAgain(t *testing.T) {
	p, q := onePatch("p", set("/domain/@a", "x")), onePatch("q", set("/domain/@a", "x"))
	rule := bundle.CloudInitRule{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/x", Expression: "variables.v + variables.v"}
	p.Variables = []bundle.Variable{{Name: "v", Expression: "'x'"}}
	p.CloudInit = []bundle.CloudInitRule{rule, rule}
	if _, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p}}); err != nil {
		t.Errorf("twice in a patch: %v", err)
	}
	q.CloudInit = []bundle.CloudInitRule{rule, {Target: bundle.UserData, Op: bundle.OpRemove, Path: "/x", When: "'x'"}}
	_, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p, q}})
	var got []string
	for _, e := range patch.Errors(err) {
		got = append(got, e.Error())
	}
	want := []string{
		"DomainPatch ns/q: spec.cloudInit[0].expression: variables.v is not defined before its use",
		"DomainPatch ns/q: spec.cloudInit[1].when: the expression gives string instead of bool",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCompileKeepsExpressionsOnce: a bundle of the largest size has 4000 rules, and the shim 64 MB for it and for the calls.
func TestCompileKeepsExpressionsOnce(t *testing.T) {
	live := func(expression func(i int) string) int64 {
		b := rules()
		for i := range 60 {
			b.Patches[0].Domain = append(b.Patches[0].Domain, bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/@a", Expression: expression(i)})
		}
		before := liveHeap()
		p, err := patch.Compile(b)
		if err != nil {
			t.Fatal(err)
		}
		after := liveHeap()
		runtime.KeepAlive(p)
		return int64(after) - int64(before) //nolint:gosec // no heap is that large
	}
	live(strconv.Itoa) // what CEL makes once
	same, other := live(func(int) string { return "'1000' + vmi.metadata.name" }), live(func(i int) string { return fmt.Sprintf("'%d' + vmi.metadata.name", 1000+i) })
	t.Logf("60 expressions take %d KiB, the same one %d KiB", other>>10, same>>10)
	if same > other*3/4 {
		t.Error("want less than three quarters of it")
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
