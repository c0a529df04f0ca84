// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"strings"
)

// Code is a kind of finding. Its ID never changes its meaning.
type Code struct {
	ID       string // "DP104"
	Name     string // "position-in-list"
	Severity Severity
	Why      string // one sentence: what is found, and why it is wrong
	Fix      string // one sentence: what to do
}

// docs is where codes are explained.
const docs = "https://github.com/domainpatch/domainpatch/blob/main/docs/lint.md#"

// URL is where the code is explained.
func (c *Code) URL() string { return docs + strings.ToLower(c.ID) }

// What a cluster refuses, by ID.
var (
	Unreadable = &Code{
		ID: "DP001", Name: "unreadable", Severity: Error,
		Why: "The file is no YAML or JSON, or no object of DomainPatch as this version knows it.",
		Fix: "Correct what the message names; kubectl explain domainpatch.spec lists the fields that there are.",
	}
	Refused = &Code{
		ID: "DP002", Name: "refused-by-api-server", Severity: Error,
		Why: "The API server refuses the object: a field is missing, too long, or not for that op.",
		Fix: "Correct the field as the message says; docs of the API list every field.",
	}
	DoesNotCompile = &Code{
		ID: "DP003", Name: "does-not-compile", Severity: Error,
		Why: "A path, an expression, a pattern or XML is refused, by the webhook too.",
		Fix: "Correct the text at the caret.",
	}
	GivenTwice = &Code{
		ID: "DP004", Name: "given-twice", Severity: Error,
		Why: "Two objects of one kind have the same name, so that one replaces the other.",
		Fix: "Rename one, or remove it.",
	}
	BadSilence = &Code{
		ID: "DP005", Name: "bad-silence", Severity: Error,
		Why: "An annotation that should silence a warning names no warning, or gives no reason.",
		Fix: "Write lint.domainpatch.kubevirt.io/CODE with a reason as its value, or remove it.",
	}
)

// What a cluster takes and what is likely to be a mistake, by ID.
var (
	UseVMAPI = &Code{
		ID: "DP101", Name: "use-the-vm-api", Severity: Warning,
		Why: "The VM's own API has a field for this. KubeVirt then knows about it, for scheduling and migration, too.",
		Fix: "Set the field in the VM's template instead, and remove the rule.",
	}
	PluginDrops = &Code{
		ID: "DP102", Name: "dropped-by-plugins", Severity: Warning,
		Why: "The cluster has a KubeVirt Plugin, whose hooks make KubeVirt drop edits that its own schema does not hold.",
		Fix: "Remove the Plugin, or the rule.",
	}
	KubeVirtOwns = &Code{
		ID: "DP103", Name: "owned-by-kubevirt", Severity: Warning,
		Why: "KubeVirt finds the running VM, or one of its devices, by this value. Changed, it loses it.",
		Fix: "Leave the value as it is.",
	}
	PositionInList = &Code{
		ID: "DP104", Name: "position-in-list", Severity: Warning,
		Why: "The path counts devices, and their order differs from VM to VM, and between KubeVirt's calls of the hook.",
		Fix: "Select by what identifies the device, such as alias/@name='ua-NAME' or target/@dev.",
	}
	UnknownName = &Code{
		ID: "DP105", Name: "unknown-name", Severity: Warning,
		Why: "Neither libvirt nor KubeVirt knows the name, but one that is spelt almost like it.",
		Fix: "Correct the spelling.",
	}
	MatchesNothing = &Code{
		ID: "DP106", Name: "matches-nothing", Severity: Warning,
		Why: "The path selects nothing of any domain that KubeVirt writes, or of any domain that was given.",
		Fix: "Correct the path, or add the element in a rule above.",
	}
	Denied = &Code{
		ID: "DP107", Name: "denied-by-policy", Severity: Warning,
		Why: "No DomainPatchPolicy allows the change, so that a VM with this patch does not start.",
		Fix: "Ask the admin for a policy that allows it, or for a ClusterDomainPatch.",
	}
	Secret = &Code{
		ID: "DP108", Name: "looks-like-a-secret", Severity: Warning,
		Why: "The text looks like a secret, and patches and their bundles are readable for many.",
		Fix: "Keep it in a Secret of the VM's volumes: cloud-init takes its user data from one.",
	}
	HotplugUnseen = &Code{
		ID: "DP109", Name: "hotplug-unseen", Severity: Warning,
		Why: "The rule is for every disk or network interface, but hooks do not see those that are hotplugged.",
		Fix: "Name the disk or interface, or be sure that nobody hotplugs one.",
	}
	Conflict = &Code{
		ID: "DP110", Name: "conflict", Severity: Warning,
		Why: "Two patches that bind to the same VMs write different things to one place, and their names decide which stays.",
		Fix: "Give one of them another order, or remove one of the rules.",
	}
	OpenVariable = &Code{
		ID: "DP111", Name: "open-variable", Severity: Warning,
		Why: "An admin's patch puts an annotation or label of the VM into the domain as it is, so that the VM's owner decides.",
		Fix: "Give the variable a pattern that lets through what is meant.",
	}
	IgnoresSecurity = &Code{
		ID: "DP112", Name: "ignored-protection", Severity: Warning,
		Why: "With failurePolicy Ignore the VM starts without the protection that this rule gives it.",
		Fix: "Use failurePolicy Fail.",
	}
	SelectsAll = &Code{
		ID: "DP113", Name: "selects-all", Severity: Warning,
		Why: "The empty selector selects every VM, and nothing else limits the patch.",
		Fix: "Select by labels, or give namespaceSelector or matchConditions.",
	}
	UnusedVariable = &Code{
		ID: "DP114", Name: "unused-variable", Severity: Warning,
		Why: "Nothing reads the variable, yet the VM does not start where it has no value.",
		Fix: "Remove it, or correct how it is read: variables.NAME in expressions, $(NAME) in texts.",
	}
	Overwritten = &Code{
		ID: "DP115", Name: "overwritten-rule", Severity: Warning,
		Why: "A later rule of the same patch writes the same place, so that this one has no effect.",
		Fix: "Remove one of the two.",
	}
	WidePolicy = &Code{
		ID: "DP116", Name: "policy-leaves-the-vm", Severity: Warning,
		Why: "The policy lets tenants change what reaches out of the VM: programs, files and devices of the node or the pod.",
		Fix: "Narrow the path; docs/security.md says what each part can do.",
	}
	SelectsNone = &Code{
		ID: "DP117", Name: "selects-no-vm", Severity: Warning,
		Why: "The files hold VMs that the patch could be for, and the patch selects none of them.",
		Fix: "Correct the selector, or the labels of the VM's template: a VMI has these, not those of the VM.",
	}
	AbsentKey = &Code{
		ID: "DP118", Name: "absent-annotation", Severity: Warning,
		Why: "An expression reads an annotation or a label that a VM of the files lacks, and fails there.",
		Fix: "Add it to the VM's template, or leave such VMs out: 'KEY' in vmi.metadata.annotations.",
	}
	NoSuchPatch = &Code{
		ID: "DP119", Name: "no-such-patch", Severity: Warning,
		Why: "A VM's template refers to a patch that is not among the files, or not in a way that is known; its VMs are refused, or start without the patch.",
		Fix: "Correct the label, or add the patch.",
	}
	RefusedByLibvirt = &Code{
		ID: "DP120", Name: "refused-by-libvirt", Severity: Warning,
		Why: "libvirt refuses this the way KubeVirt runs it, so that a VM with this patch does not start.",
		Fix: "Remove the rule.",
	}
	NoEffect = &Code{
		ID: "DP121", Name: "no-effect", Severity: Warning,
		Why: "libvirt takes this and QEMU is told nothing of it, so that the guest does not see it.",
		Fix: "Remove the rule.",
	}
)

// codes are all of them. A test finds one that is missing here, since docs/lint.md has it.
var codes = []*Code{
	Unreadable, Refused, DoesNotCompile, GivenTwice, BadSilence,

	UseVMAPI, PluginDrops, KubeVirtOwns, PositionInList, UnknownName,
	MatchesNothing, Denied, Secret, HotplugUnseen, Conflict,
	OpenVariable, IgnoresSecurity, SelectsAll, UnusedVariable, Overwritten,
	WidePolicy, SelectsNone, AbsentKey, NoSuchPatch, RefusedByLibvirt,
	NoEffect,
}

// Codes lists all codes, by their IDs.
func Codes() []*Code { return codes }

// Find finds a code by its ID or name, in any case; nil if there is none.
func Find(idOrName string) *Code {
	for _, c := range codes {
		if strings.EqualFold(idOrName, c.ID) || strings.EqualFold(idOrName, c.Name) {
			return c
		}
	}
	return nil
}
