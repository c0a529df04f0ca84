// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import "strings"

type refusal struct {
	reason string
	spec   string
	want   string // part of the API server's message
	name   string // of the object, if it matters
}

// refusals are objects that the CRD refuses: at least one per rule and enum.
func refusals() map[string]refusal {
	all := map[string]refusal{}
	for _, some := range []map[string]refusal{patchRefusals, domainRefusals, cloudInitRefusals} {
		for name, r := range some {
			all[name] = r
		}
	}
	return all
}

var patchRefusals = map[string]refusal{
	"LongName": {
		"the name is the name of a label", `spec: {}`,
		`metadata: Invalid value: the name must have at most 63 characters`, strings.Repeat("n", 64),
	},
	"NoSpec":              {"a patch has a spec", `{}`, `spec: Required value`, ""},
	"UnknownField":        {"a misspelt field must not be dropped", `spec: {domains: []}`, `unknown field "spec.domains"`, ""},
	"FailurePolicy":       {"an enum", `spec: {failurePolicy: fail}`, `spec.failurePolicy: Unsupported value: "fail": supported values: "Fail", "Ignore"`, ""},
	"RepeatedCondition":   {"names tell conditions apart", `spec: {matchConditions: [{name: a, expression: x}, {name: a, expression: "y"}]}`, `spec.matchConditions[1]: Duplicate value`, ""},
	"ConditionName":       {"a DNS label", `spec: {matchConditions: [{name: A, expression: x}]}`, `spec.matchConditions[0].name: Invalid value: "A"`, ""},
	"EmptyConditionName":  {"a DNS label", `spec: {matchConditions: [{name: "", expression: x}]}`, `spec.matchConditions[0].name: Invalid value: ""`, ""},
	"EmptyCondition":      {"no expression gives nothing", `spec: {matchConditions: [{name: a, expression: ""}]}`, `spec.matchConditions[0].expression: Invalid value`, ""},
	"RepeatedVariable":    {"names tell variables apart", `spec: {variables: [{name: a, expression: x}, {name: a, expression: "y"}]}`, `spec.variables[1]: Duplicate value`, ""},
	"VariableName":        {"CEL reads variables.NAME", `spec: {variables: [{name: a-b, expression: x}]}`, `spec.variables[0].name: Invalid value: "a-b"`, ""},
	"VariableNameDigit":   {"CEL reads variables.NAME", `spec: {variables: [{name: 1a, expression: x}]}`, `spec.variables[0].name: Invalid value: "1a"`, ""},
	"EmptyPattern":        {"an empty pattern looks like none", `spec: {variables: [{name: a, expression: x, pattern: ""}]}`, `spec.variables[0].pattern: Invalid value`, ""},
	"TooManyRules":        {"the limit is one for both kinds", rules(33, 32), `spec: Invalid value: a patch holds at most 64 rules`, ""},
	"TooManyDomainRules":  {"a list is bounded", rules(65, 0), `spec.domain: Too many: 65: must have at most 64 items`, ""},
	"TooManyCloudRules":   {"a list is bounded", rules(0, 65), `spec.cloudInit: Too many: 65: must have at most 64 items`, ""},
	"RepeatedDomainRule":  {"reports name rules", `spec: {domain: [{name: a, op: remove, path: /a}, {op: remove, path: /b}, {name: a, op: remove, path: /c}]}`, `spec.domain: Invalid value: rule names must be unique in the patch`, ""},
	"RepeatedCloudRule":   {"reports name rules", `spec: {cloudInit: [{name: a, target: userData, op: remove, path: /a}, {name: a, target: userData, op: remove, path: /b}]}`, `spec.cloudInit: Invalid value: rule names must be unique in the patch`, ""},
	"RepeatedAmongBoth":   {"reports name rules", `spec: {domain: [{name: a, op: remove, path: /a}], cloudInit: [{name: a, target: userData, op: remove, path: /a}]}`, `spec.cloudInit: Invalid value: rule names must be unique in the patch, domain and cloudInit rules together`, ""},
	"OrderBeyondInt32":    {"order is an int32", `spec: {order: 2147483648}`, `spec.order`, ""},
	"SelectorWithoutKeys": {"a selector is Kubernetes'", `spec: {selector: {labels: {}}}`, `unknown field "spec.selector.labels"`, ""},
}

var domainRefusals = map[string]refusal{
	"Op":                {"an enum", `spec: {domain: [{op: move, path: /a}]}`, `spec.domain[0].op: Unsupported value: "move": supported values: "set", "add", "replace", "merge", "remove", "test"`, ""},
	"NoOp":              {"a rule has an operation", `spec: {domain: [{path: /a}]}`, `spec.domain[0].op: Required value`, ""},
	"Position":          {"an enum", `spec: {domain: [{op: add, path: /a, xml: <x/>, position: Last}]}`, `spec.domain[0].position: Unsupported value: "Last": supported values: "last", "first", "before", "after"`, ""},
	"Expect":            {"an enum", `spec: {domain: [{op: remove, path: /a, expect: one}]}`, `spec.domain[0].expect: Unsupported value: "one": supported values: "Some", "One", "Any"`, ""},
	"RuleName":          {"a DNS label", `spec: {domain: [{name: a.b, op: remove, path: /a}]}`, `spec.domain[0].name: Invalid value: "a.b"`, ""},
	"EmptyRuleName":     {"an empty name looks like none", `spec: {domain: [{name: "", op: remove, path: /a}]}`, `spec.domain[0].name: Invalid value`, ""},
	"NoPath":            {"a rule has a place", `spec: {domain: [{op: remove}]}`, `spec.domain[0].path: Required value: path is required, but for op merge`, ""},
	"EmptyPath":         {"an empty path looks like none", `spec: {domain: [{op: merge, path: "", xml: <x/>}]}`, `spec.domain[0].path: Invalid value`, ""},
	"SetNothing":        {"set needs a text", `spec: {domain: [{op: set, path: /a}]}`, `spec.domain[0]: Invalid value: op set takes exactly one of value and expression`, ""},
	"SetBoth":           {"set takes one text", `spec: {domain: [{op: set, path: /a, value: x, expression: x}]}`, `spec.domain[0]: Invalid value: op set takes exactly one of value and expression`, ""},
	"SetXML":            {"a text is no markup", `spec: {domain: [{op: set, path: /a, value: x, xml: <x/>}]}`, `spec.domain[0].xml: Forbidden: xml is for op add, merge and replace only`, ""},
	"AddNothing":        {"add needs an element", `spec: {domain: [{op: add, path: /a}]}`, `spec.domain[0].xml: Required value: op add and op merge take xml`, ""},
	"AddValue":          {"add takes an element", `spec: {domain: [{op: add, path: /a, xml: <x/>, value: x}]}`, `spec.domain[0].value: Forbidden: value is for op set, replace and test only`, ""},
	"MergeNothing":      {"merge needs an element", `spec: {domain: [{op: merge}]}`, `spec.domain[0].xml: Required value: op add and op merge take xml`, ""},
	"MergeExpression":   {"merge takes an element", `spec: {domain: [{op: merge, xml: <x/>, expression: x}]}`, `spec.domain[0].expression: Forbidden: expression is for op set and replace only`, ""},
	"ReplaceNothing":    {"replace needs something", `spec: {domain: [{op: replace, path: /a}]}`, `spec.domain[0]: Invalid value: op replace takes exactly one of value, expression and xml`, ""},
	"ReplaceTwo":        {"replace takes one thing", `spec: {domain: [{op: replace, path: /a, value: x, xml: <x/>}]}`, `spec.domain[0]: Invalid value: op replace takes exactly one of value, expression and xml`, ""},
	"RemoveValue":       {"remove takes no text", `spec: {domain: [{op: remove, path: /a, value: x}]}`, `spec.domain[0].value: Forbidden: value is for op set, replace and test only`, ""},
	"RemoveExpression":  {"remove takes no text", `spec: {domain: [{op: remove, path: /a, expression: x}]}`, `spec.domain[0].expression: Forbidden: expression is for op set and replace only`, ""},
	"RemoveXML":         {"remove takes no element", `spec: {domain: [{op: remove, path: /a, xml: <x/>}]}`, `spec.domain[0].xml: Forbidden: xml is for op add, merge and replace only`, ""},
	"TestExpression":    {"test compares with a literal", `spec: {domain: [{op: test, path: /a, expression: x}]}`, `spec.domain[0].expression: Forbidden: expression is for op set and replace only`, ""},
	"TestXML":           {"test compares texts", `spec: {domain: [{op: test, path: /a, xml: <x/>}]}`, `spec.domain[0].xml: Forbidden: xml is for op add, merge and replace only`, ""},
	"PositionOfMerge":   {"only add has a position", `spec: {domain: [{op: merge, xml: <x/>, position: last}]}`, `spec.domain[0].position: Forbidden: position is for op add only`, ""},
	"KeyOfReplace":      {"only twins have a key", `spec: {domain: [{op: replace, path: /a, xml: <x/>, key: "@a"}]}`, `spec.domain[0].key: Forbidden: key is for op add and merge only`, ""},
	"EmptyXML":          {"an empty fragment has no element", `spec: {domain: [{op: add, path: /a, xml: ""}]}`, `spec.domain[0].xml: Invalid value`, ""},
	"EmptyKey":          {"an empty key looks like none", `spec: {domain: [{op: add, path: /a, xml: <x/>, key: ""}]}`, `spec.domain[0].key: Invalid value`, ""},
	"EmptyExpression":   {"an empty expression looks like none", `spec: {domain: [{op: set, path: /a, expression: ""}]}`, `spec.domain[0].expression: Invalid value`, ""},
	"EmptyWhen":         {"an empty condition looks like none", `spec: {domain: [{op: remove, path: /a, when: ""}]}`, `spec.domain[0].when: Invalid value`, ""},
	"ValueOfOtherType":  {"a text is a string", `spec: {domain: [{op: set, path: /a, value: 1}]}`, `spec.domain[0].value: Invalid value: "integer"`, ""},
	"CloudInitInDomain": {"cloud-init has fields of its own", `spec: {domain: [{op: remove, path: /a, target: userData}]}`, `unknown field "spec.domain[0].target"`, ""},
}

var cloudInitRefusals = map[string]refusal{
	"CloudInitOp":         {"an enum", `spec: {cloudInit: [{target: userData, op: set, path: /a, value: 1}]}`, `spec.cloudInit[0].op: Unsupported value: "set": supported values: "add", "remove", "replace", "move", "copy", "test", "merge"`, ""},
	"CloudInitNoOp":       {"a rule has an operation", `spec: {cloudInit: [{target: userData, path: /a}]}`, `spec.cloudInit[0].op: Required value`, ""},
	"CloudInitTarget":     {"an enum", `spec: {cloudInit: [{target: vendorData, op: remove, path: /a}]}`, `spec.cloudInit[0].target: Unsupported value: "vendorData": supported values: "userData", "networkData", "metaData"`, ""},
	"CloudInitNoTarget":   {"a rule has a target", `spec: {cloudInit: [{op: remove, path: /a}]}`, `spec.cloudInit[0].target: Required value`, ""},
	"CloudInitRuleName":   {"a DNS label", `spec: {cloudInit: [{name: -a, target: userData, op: remove, path: /a}]}`, `spec.cloudInit[0].name: Invalid value: "-a"`, ""},
	"CloudInitNoPath":     {"forgetting the path must not replace everything", `spec: {cloudInit: [{target: userData, op: replace, value: 1}]}`, `spec.cloudInit[0].path: Required value: path is required, but for op merge`, ""},
	"CloudInitPath":       {"a JSON Pointer begins with a slash", `spec: {cloudInit: [{target: userData, op: remove, path: a}]}`, `spec.cloudInit[0].path: Invalid value: "a"`, ""},
	"CloudInitPathEscape": {"a JSON Pointer escapes with ~0 and ~1", `spec: {cloudInit: [{target: userData, op: remove, path: /a~2}]}`, `spec.cloudInit[0].path: Invalid value: "/a~2"`, ""},
	"CloudInitFrom":       {"a JSON Pointer begins with a slash", `spec: {cloudInit: [{target: userData, op: move, path: /a, from: b}]}`, `spec.cloudInit[0].from: Invalid value: "b"`, ""},
	"MoveFromNowhere":     {"move needs a source", `spec: {cloudInit: [{target: userData, op: move, path: /a}]}`, `spec.cloudInit[0].from: Required value: op move and op copy take from`, ""},
	"CopyFromNowhere":     {"copy needs a source", `spec: {cloudInit: [{target: userData, op: copy, path: /a}]}`, `spec.cloudInit[0].from: Required value: op move and op copy take from`, ""},
	"AddFrom":             {"add has no source", `spec: {cloudInit: [{target: userData, op: add, path: /a, value: 1, from: /b}]}`, `spec.cloudInit[0].from: Forbidden: from is for op move and copy only`, ""},
	"AddValueAndYAML":     {"add takes one value", `spec: {cloudInit: [{target: userData, op: add, path: /a, value: 1, yaml: a}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression`, ""},
	"TestValueAndCEL":     {"test takes one value", `spec: {cloudInit: [{target: userData, op: test, path: /a, value: {a: b}, expression: a}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression`, ""},
	"MergeYAMLAndCEL":     {"merge takes one value", `spec: {cloudInit: [{target: userData, op: merge, yaml: a, expression: a}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression`, ""},
	"ReplaceWithAll":      {"replace takes one value", `spec: {cloudInit: [{target: userData, op: replace, path: /a, value: [1], yaml: a, expression: a}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression`, ""},
	"CloudRemoveValue":    {"remove takes no value", `spec: {cloudInit: [{target: userData, op: remove, path: /a, value: x}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression, the others none`, ""},
	"CloudMoveYAML":       {"move takes no value", `spec: {cloudInit: [{target: userData, op: move, path: /a, from: /b, yaml: x}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression, the others none`, ""},
	"CloudCopyCEL":        {"copy takes no value", `spec: {cloudInit: [{target: userData, op: copy, path: /a, from: /b, expression: x}]}`, `spec.cloudInit[0]: Invalid value: op add, replace, test and merge take exactly one of value, yaml and expression, the others none`, ""},
	"CloudInitEmptyYAML":  {"an empty text looks like none", `spec: {cloudInit: [{target: userData, op: merge, yaml: ""}]}`, `spec.cloudInit[0].yaml: Invalid value`, ""},
	"CloudInitEmptyCEL":   {"an empty expression looks like none", `spec: {cloudInit: [{target: userData, op: merge, expression: ""}]}`, `spec.cloudInit[0].expression: Invalid value`, ""},
	"CloudInitEmptyWhen":  {"an empty condition looks like none", `spec: {cloudInit: [{target: userData, op: merge, yaml: a, when: ""}]}`, `spec.cloudInit[0].when: Invalid value`, ""},
	"CloudInitXML":        {"domain rules have fields of their own", `spec: {cloudInit: [{target: userData, op: merge, yaml: a, xml: <x/>}]}`, `unknown field "spec.cloudInit[0].xml"`, ""},
}
