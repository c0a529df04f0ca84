// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// DomainRule is one edit of the domain XML.
//
// Which of value, expression and xml a rule takes depends on its op: set takes one
// of value and expression; add and merge take xml; replace takes one of the three;
// test may take value; remove takes none.
//
// +kubebuilder:validation:XValidation:rule="self.op == 'merge' || has(self.path)",message="path is required, but for op merge",reason=FieldValueRequired,fieldPath=".path"
// +kubebuilder:validation:XValidation:rule="self.op != 'set' || has(self.value) != has(self.expression)",message="op set takes exactly one of value and expression"
// +kubebuilder:validation:XValidation:rule="!(self.op in ['add', 'merge']) || has(self.xml)",message="op add and op merge take xml",reason=FieldValueRequired,fieldPath=".xml"
// +kubebuilder:validation:XValidation:rule="self.op != 'replace' || [has(self.value), has(self.expression), has(self.xml)].exists_one(given, given)",message="op replace takes exactly one of value, expression and xml"
// +kubebuilder:validation:XValidation:rule="!has(self.value) || self.op in ['set', 'replace', 'test']",message="value is for op set, replace and test only",reason=FieldValueForbidden,fieldPath=".value"
// +kubebuilder:validation:XValidation:rule="!has(self.expression) || self.op in ['set', 'replace']",message="expression is for op set and replace only",reason=FieldValueForbidden,fieldPath=".expression"
// +kubebuilder:validation:XValidation:rule="!has(self.xml) || self.op in ['add', 'merge', 'replace']",message="xml is for op add, merge and replace only",reason=FieldValueForbidden,fieldPath=".xml"
// +kubebuilder:validation:XValidation:rule="!has(self.position) || self.op == 'add'",message="position is for op add only",reason=FieldValueForbidden,fieldPath=".position"
// +kubebuilder:validation:XValidation:rule="!has(self.key) || self.op in ['add', 'merge']",message="key is for op add and merge only",reason=FieldValueForbidden,fieldPath=".key"
type DomainRule struct {
	// name identifies the rule in errors and reports: a DNS label, unique in the patch.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// op is the operation.
	//
	// set makes every selected node hold the text, and creates trailing steps of the path
	// that do not exist. add puts the xml at every selected place, once. replace puts the
	// xml in place of every selected element, or the text in place of the text of what
	// exists. merge merges the partial element xml into the selected element and removes
	// nothing. remove removes every selected element, attribute or text. test fails the
	// patch unless the path selects something (with value: unless a selected node's text
	// equals it), or, where the path is a boolean expression, unless it is true.
	Op DomainOp `json:"op"`

	// path is an absolute XPath 1.0 location path in the supported dialect. Required, but
	// for op merge, where it is /domain by default. At most 1024 bytes; the API server
	// counts characters, and admission bytes.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path,omitempty"`

	// value is literal text. It is always escaped, never parsed as XML; an empty text is a
	// text, too. At most 65536 characters.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Value *string `json:"value,omitempty"`

	// expression is CEL that gives the text: a string, int, double or bool. null or an
	// empty optional skips the rule. It reads vmi, variables, xpath() and current, the
	// present text of the node or null. At most 4096 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression,omitempty"`

	// xml is a literal fragment of one or more elements. Prefixes must be declared in it,
	// or be qemu. $(NAME) in text and attribute values stands for a variable. At most
	// 65536 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	XML string `json:"xml,omitempty"`

	// position says where op add puts the xml: last (the default) or first among the
	// children of the selected element, or before or after it as its sibling.
	//
	// +optional
	Position Position `json:"position,omitempty"`

	// key is a relative path, such as target/@dev, whose value tells whether two elements
	// of one name are the same, for op add and merge. Without it libvirt's identities
	// count. At most 1024 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Key string `json:"key,omitempty"`

	// expect says how many nodes the path must select: Some (at least one; the default),
	// One, or Any (the default of op remove). Another count is a failure of the patch.
	//
	// +optional
	Expect Expect `json:"expect,omitempty"`

	// when is CEL that gives a bool, evaluated once per rule; false skips the rule. It
	// reads vmi, variables and xpath(). At most 4096 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	When string `json:"when,omitempty"`
}

// DomainOp is the operation of a domain rule.
//
// +kubebuilder:validation:Enum=set;add;replace;merge;remove;test
type DomainOp string

// Operations of domain rules; see DomainRule.Op.
const (
	DomainOpSet     DomainOp = "set"
	DomainOpAdd     DomainOp = "add"
	DomainOpReplace DomainOp = "replace"
	DomainOpMerge   DomainOp = "merge"
	DomainOpRemove  DomainOp = "remove"
	DomainOpTest    DomainOp = "test"
)

// Position says where op add puts a fragment.
//
// +kubebuilder:validation:Enum=last;first;before;after
type Position string

// Positions; the empty one means PositionLast.
const (
	// PositionLast is the last child of the selected element.
	PositionLast Position = "last"
	// PositionFirst is the first child of the selected element.
	PositionFirst Position = "first"
	// PositionBefore is the sibling before the selected element.
	PositionBefore Position = "before"
	// PositionAfter is the sibling after the selected element.
	PositionAfter Position = "after"
)

// Expect says how many nodes a path must select.
//
// +kubebuilder:validation:Enum=Some;One;Any
type Expect string

// Expectations; the empty one means ExpectAny for op remove and ExpectSome for the rest.
const (
	// ExpectSome is at least one node.
	ExpectSome Expect = "Some"
	// ExpectOne is exactly one node.
	ExpectOne Expect = "One"
	// ExpectAny is any number of nodes, none included.
	ExpectAny Expect = "Any"
)

// A note on the last rule below. The schema of value has no type, so CEL cannot name
// it: has(self.value) does not compile. Through dyn() it sees whether value is there,
// but the API server shows CEL a field that is null as one that is absent. So the rule
// refuses too many of the three fields, and a rule that holds none of them, or a null
// beside another, is left to admission and to the compiler.

// CloudInitRule is one edit of the cloud-init data, on the parsed form of its target.
//
// add, replace, test and merge take exactly one of value, yaml and expression; remove
// takes none; move and copy take from instead.
//
// +kubebuilder:validation:XValidation:rule="self.op == 'merge' || has(self.path)",message="path is required, but for op merge; the path of the whole document is the empty text",reason=FieldValueRequired,fieldPath=".path"
// +kubebuilder:validation:XValidation:rule="!(self.op in ['move', 'copy']) || has(self.from)",message="op move and op copy take from",reason=FieldValueRequired,fieldPath=".from"
// +kubebuilder:validation:XValidation:rule="!has(self.from) || self.op in ['move', 'copy']",message="from is for op move and copy only",reason=FieldValueForbidden,fieldPath=".from"
// +kubebuilder:validation:XValidation:rule="[has(dyn(self).value), has(self.yaml), has(self.expression)].filter(given, given).size() <= (self.op in ['add', 'replace', 'test', 'merge'] ? 1 : 0)",message="op add, replace, test and merge take exactly one of value, yaml and expression, the others none"
type CloudInitRule struct {
	// name identifies the rule in errors and reports: a DNS label, unique in the patch.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// target is the part of the cloud-init data that the rule edits. metaData is the
	// metadata of NoCloud or ConfigDrive, whichever the VM has.
	Target CloudInitTarget `json:"target"`

	// op is the operation: add, remove, replace, move, copy or test of JSON Patch (RFC
	// 6902), or merge (RFC 7386).
	Op CloudInitOp `json:"op"`

	// path is a JSON Pointer (RFC 6901): empty for the whole document, else beginning with
	// a slash. Required, but for op merge, where it is the whole document by default. At
	// most 1024 bytes; the API server counts characters, and admission bytes.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(/([^~]|~[01])*)?$`
	Path string `json:"path,omitempty"`

	// from is the JSON Pointer that op move and copy read. At most 1024 bytes.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(/([^~]|~[01])*)?$`
	From string `json:"from,omitempty"`

	// value is any JSON, null included. Clients that apply drop an explicit null before
	// it is sent: give yaml there. $(NAME) in its strings stands for a variable.
	//
	// +optional
	// +nullable
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value JSON `json:"value,omitzero"`

	// yaml is the value as YAML text. At most 65536 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	YAML string `json:"yaml,omitempty"`

	// expression is CEL that gives the value, of any type. It reads vmi and variables. At
	// most 4096 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression,omitempty"`

	// when is CEL that gives a bool, evaluated once per rule; false skips the rule. It
	// reads vmi and variables. At most 4096 characters.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	When string `json:"when,omitempty"`

	// create lets op add make what is missing on the way to the last step of path: an empty
	// list where "-" follows, else an empty mapping. A null counts as missing.
	//
	// +optional
	Create bool `json:"create,omitempty"`
}

// CloudInitTarget is the part of the cloud-init data that a rule edits.
//
// +kubebuilder:validation:Enum=userData;networkData;metaData
type CloudInitTarget string

// Targets of cloud-init rules.
const (
	CloudInitTargetUserData    CloudInitTarget = "userData"
	CloudInitTargetNetworkData CloudInitTarget = "networkData"
	CloudInitTargetMetaData    CloudInitTarget = "metaData"
)

// CloudInitOp is the operation of a cloud-init rule.
//
// +kubebuilder:validation:Enum=add;remove;replace;move;copy;test;merge
type CloudInitOp string

// Operations of cloud-init rules; see CloudInitRule.Op.
const (
	CloudInitOpAdd     CloudInitOp = "add"
	CloudInitOpRemove  CloudInitOp = "remove"
	CloudInitOpReplace CloudInitOp = "replace"
	CloudInitOpMove    CloudInitOp = "move"
	CloudInitOpCopy    CloudInitOp = "copy"
	CloudInitOpTest    CloudInitOp = "test"
	CloudInitOpMerge   CloudInitOp = "merge"
)
