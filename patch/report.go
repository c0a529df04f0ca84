// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

// Outcome says what became of a patch or a rule in one call.
type Outcome string

const (
	// Applied means that the rule or the patch ran; it may still have changed nothing.
	Applied Outcome = "Applied"
	// Skipped means that a condition left it out.
	Skipped Outcome = "Skipped"
	// Ignored means that the patch failed and its failurePolicy is Ignore: none of its rules took effect.
	Ignored Outcome = "Ignored"
	// Failed means that the patch failed and with it the call.
	Failed Outcome = "Failed"
)

// Report says what a call did, patch by patch and rule by rule. It is also what a
// repeated call needs to know of the first one (see Program.Domain).
type Report struct {
	Patches []PatchReport `json:"patches"`
}

// PatchReport is the part of a report on one patch.
type PatchReport struct {
	Patch   string       `json:"patch"` // "DomainPatch vms/acme-smbios"
	Outcome Outcome      `json:"outcome"`
	Reason  string       `json:"reason,omitempty"`
	Rules   []RuleReport `json:"rules,omitempty"`

	variables map[string]any // their values, for the repeated calls
}

// RuleReport is the part of a report on one rule.
type RuleReport struct {
	Field   string  `json:"field"` // "spec.domain[2]"
	Name    string  `json:"name,omitempty"`
	Op      string  `json:"op"`
	Outcome Outcome `json:"outcome"`
	Matched int     `json:"matched"`          // nodes that the path selected, those that set created among them
	Changed int     `json:"changed"`          // of these, how many the rule changed
	Reason  string  `json:"reason,omitempty"` // why it was skipped, or what a first call would have refused

	Overrides []Override `json:"overrides,omitempty"` // by the names of the patches
}

// Override says that a rule changed or removed what another patch wrote in the same call.
type Override struct {
	Patch string `json:"patch"` // whose edit it was: "DomainPatch vms/acme-smbios"
	Place string `json:"place"` // where, the first one: "/domain/devices/disk[2]/driver/@cache", "userData /hostname"
	Nodes int    `json:"nodes"` // in how many places
}

// Changed counts the nodes that all rules together changed.
func (r *Report) Changed() int {
	n := 0
	for _, p := range r.Patches {
		if p.Outcome != Applied {
			continue
		}
		for _, rule := range p.Rules {
			n += rule.Changed
		}
	}
	return n
}
