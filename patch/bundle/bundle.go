// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package bundle is the wire format between the controller, which renders the
// patches that apply to a VM, and the shim, which applies them.
//
// A bundle has exactly one encoding, its canonical JSON, and Decode accepts no
// other: unknown fields, repeated fields, another spelling of a field name,
// white space and trailing bytes are all refused. Equal content therefore has
// equal bytes and one SHA-256, by which the bundle's ConfigMap is named.
//
// The package neither compiles nor applies anything: package patch does.
package bundle

import "encoding/json"

// FormatVersion is the version of the format that this package writes, and the
// only one that it reads. It grows with every change of what a bundle means.
const FormatVersion = 1

// Limits of a bundle.
const (
	// MaxBytes is the largest encoded bundle, in bytes. A ConfigMap holds 1 MiB.
	MaxBytes = 512 << 10
	// MaxPatches is how many patches may apply to one VM.
	MaxPatches = 64
	// MaxRules is how many rules one patch may hold, domain and cloud-init rules together.
	MaxRules = 64
	// MaxPolicies is how many policies may hold for one VM, and MaxAllowed how many paths one of
	// them may allow.
	MaxPolicies = 64
	MaxAllowed  = 256
	// MaxPatchExpressionBytes and MaxExpressionBytes are how long the CEL expressions of one
	// patch and of a bundle may be together: compiled they take some 30 times as much memory.
	MaxPatchExpressionBytes = 32 << 10
	MaxExpressionBytes      = 128 << 10
)

// Bundle is everything that applies to one VM, in the order in which it applies.
type Bundle struct {
	FormatVersion int     `json:"formatVersion"`
	Patches       []Patch `json:"patches"`
	// Policies limit the patches of kind DomainPatch: where there is any, these patches may
	// change what one of the policies allows, and nothing else. They stand in the order of
	// their names, and in bundles with such a patch alone: other bundles have no use for them.
	Policies []Policy `json:"policies,omitempty"`
}

// Policy is one DomainPatchPolicy as far as the engine is concerned: its reasons are for
// those who read the policy.
type Policy struct {
	Name string `json:"name"`
	// Allow are the paths of what patches may change; none allows nothing.
	Allow []string `json:"allow,omitempty"`
}

// ID names the policy for a person: "DomainPatchPolicy default".
func (p *Policy) ID() string { return KindDomainPatchPolicy + " " + p.Name }

// Kinds of patches and policies.
const (
	KindDomainPatch        = "DomainPatch"
	KindClusterDomainPatch = "ClusterDomainPatch"
	KindDomainPatchPolicy  = "DomainPatchPolicy"
)

// FailurePolicy says what becomes of the VM when a patch fails.
type FailurePolicy string

const (
	// Fail stops the VM start.
	Fail FailurePolicy = "Fail"
	// Ignore lets the VM start without this patch.
	Ignore FailurePolicy = "Ignore"
)

// Patch is one DomainPatch or ClusterDomainPatch as far as the engine is concerned.
type Patch struct {
	Kind            string           `json:"kind"`
	Namespace       string           `json:"namespace,omitempty"`
	Name            string           `json:"name"`
	FailurePolicy   FailurePolicy    `json:"failurePolicy"`
	MatchConditions []MatchCondition `json:"matchConditions,omitempty"`
	Variables       []Variable       `json:"variables,omitempty"`
	Domain          []DomainRule     `json:"domain,omitempty"`
	CloudInit       []CloudInitRule  `json:"cloudInit,omitempty"`
}

// ID names the patch for a person: "DomainPatch vms/acme-smbios".
func (p *Patch) ID() string {
	if p.Namespace == "" {
		return p.Kind + " " + p.Name
	}
	return p.Kind + " " + p.Namespace + "/" + p.Name
}

// ExpressionBytes is how long the patch's CEL expressions are together.
func (p *Patch) ExpressionBytes() int {
	n := 0
	for _, m := range p.MatchConditions {
		n += len(m.Expression)
	}
	for _, v := range p.Variables {
		n += len(v.Expression) + len(v.Pattern)
	}
	for _, r := range p.Domain {
		n += len(r.Expression) + len(r.When)
	}
	for _, r := range p.CloudInit {
		n += len(r.Expression) + len(r.When)
	}
	return n
}

// MatchCondition is a CEL bool on the VMI; the patch applies where all hold.
type MatchCondition struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
}

// Variable is a CEL value that later expressions read as variables.NAME.
type Variable struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
	// Pattern is an RE2 expression that the whole of the value, which then must be text, has to match.
	Pattern string `json:"pattern,omitempty"`
}

// Op is the operation of a rule.
type Op string

// Operations. Set exists for domain rules only, Move and Copy for cloud-init rules only.
const (
	OpSet     Op = "set"
	OpAdd     Op = "add"
	OpReplace Op = "replace"
	OpMerge   Op = "merge"
	OpRemove  Op = "remove"
	OpTest    Op = "test"
	OpMove    Op = "move"
	OpCopy    Op = "copy"
)

// Position says where an added element goes, relative to the selected element.
type Position string

// Positions; the empty one means PositionLast.
const (
	PositionLast   Position = "last"
	PositionFirst  Position = "first"
	PositionBefore Position = "before"
	PositionAfter  Position = "after"
)

// Expect says how many nodes a path must select.
type Expect string

// Expectations; the empty one means ExpectAny for remove and ExpectSome for the rest.
const (
	ExpectSome Expect = "Some"
	ExpectOne  Expect = "One"
	ExpectAny  Expect = "Any"
)

// DomainRule is one edit of the domain XML.
type DomainRule struct {
	Name       string   `json:"name,omitempty"`
	Op         Op       `json:"op"`
	Path       string   `json:"path,omitempty"`
	Value      *string  `json:"value,omitempty"`
	Expression string   `json:"expression,omitempty"`
	XML        string   `json:"xml,omitempty"`
	Position   Position `json:"position,omitempty"`
	Key        string   `json:"key,omitempty"`
	Expect     Expect   `json:"expect,omitempty"`
	When       string   `json:"when,omitempty"`
}

// Target is the part of the cloud-init data that a rule edits.
type Target string

// Targets.
const (
	UserData    Target = "userData"
	NetworkData Target = "networkData"
	MetaData    Target = "metaData"
)

// CloudInitRule is one edit of the cloud-init data.
type CloudInitRule struct {
	Name   string `json:"name,omitempty"`
	Target Target `json:"target"`
	Op     Op     `json:"op"`
	// Path and From are JSON Pointers (RFC 6901).
	Path string `json:"path,omitempty"`
	From string `json:"from,omitempty"`
	// Value is any JSON; nil when absent, the four bytes "null" for a JSON null.
	Value      json.RawMessage `json:"value,omitempty"`
	YAML       string          `json:"yaml,omitempty"`
	Expression string          `json:"expression,omitempty"`
	When       string          `json:"when,omitempty"`
	// Create lets add make what its path lacks on the way to its last token.
	Create bool `json:"create,omitempty"`
}
