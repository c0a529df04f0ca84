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

// The codes. Their order is that of their IDs.
var (
	Unreadable = &Code{"DP001", "unreadable", Error,
		"The file is no YAML or JSON, or no object of DomainPatch as this version knows it.",
		"Correct what the message names; kubectl explain domainpatch.spec lists the fields that there are."}
	Refused = &Code{"DP002", "refused-by-api-server", Error,
		"The API server refuses the object: a field is missing, too long, or not for that op.",
		"Correct the field as the message says; docs of the API list every field."}
	DoesNotCompile = &Code{"DP003", "does-not-compile", Error,
		"A path, an expression, a pattern or XML is refused, by the webhook too.",
		"Correct the text at the caret."}
	GivenTwice = &Code{"DP004", "given-twice", Error,
		"Two objects of one kind have the same name, so that one replaces the other.",
		"Rename one, or remove it."}
	BadSilence = &Code{"DP005", "bad-silence", Error,
		"An annotation that should silence a warning names no warning, or gives no reason.",
		"Write lint.domainpatch.kubevirt.io/CODE with a reason as its value, or remove it."}

	UseVMAPI = &Code{"DP101", "use-the-vm-api", Warning,
		"The VM's own API has a field for this. KubeVirt then knows about it, for scheduling and migration, too.",
		"Set the field in the VM's template instead, and remove the rule."}
	PluginDrops = &Code{"DP102", "dropped-by-plugins", Warning,
		"The cluster has a KubeVirt Plugin, whose hooks make KubeVirt drop edits that its own schema does not hold.",
		"Remove the Plugin, or the rule."}
	KubeVirtOwns = &Code{"DP103", "owned-by-kubevirt", Warning,
		"KubeVirt finds the running VM, or one of its devices, by this value. Changed, it loses it.",
		"Leave the value as it is."}
	PositionInList = &Code{"DP104", "position-in-list", Warning,
		"The path counts devices, and their order differs from VM to VM, and between KubeVirt's calls of the hook.",
		"Select by what identifies the device, such as alias/@name='ua-NAME' or target/@dev."}
	UnknownName = &Code{"DP105", "unknown-name", Warning,
		"Neither libvirt nor KubeVirt knows the name, but one that is spelt almost like it.",
		"Correct the spelling."}
	MatchesNothing = &Code{"DP106", "matches-nothing", Warning,
		"The path selects nothing of any domain that KubeVirt writes, or of any domain that was given.",
		"Correct the path, or add the element in a rule above."}
	Denied = &Code{"DP107", "denied-by-policy", Warning,
		"No DomainPatchPolicy allows the change, so that a VM with this patch does not start.",
		"Ask the admin for a policy that allows it, or for a ClusterDomainPatch."}
	Secret = &Code{"DP108", "looks-like-a-secret", Warning,
		"The text looks like a secret, and patches and their bundles are readable for many.",
		"Keep it in a Secret of the VM's volumes: cloud-init takes its user data from one."}
	HotplugUnseen = &Code{"DP109", "hotplug-unseen", Warning,
		"The rule is for every disk or network interface, but hooks do not see those that are hotplugged.",
		"Name the disk or interface, or be sure that nobody hotplugs one."}
	Conflict = &Code{"DP110", "conflict", Warning,
		"Two patches that bind to the same VMs write different things to one place, and their names decide which stays.",
		"Give one of them another order, or remove one of the rules."}
	OpenVariable = &Code{"DP111", "open-variable", Warning,
		"An admin's patch puts an annotation or label of the VM into the domain as it is, so that the VM's owner decides.",
		"Give the variable a pattern that lets through what is meant."}
	IgnoresSecurity = &Code{"DP112", "ignored-protection", Warning,
		"With failurePolicy Ignore the VM starts without the protection that this rule gives it.",
		"Use failurePolicy Fail."}
	SelectsAll = &Code{"DP113", "selects-all", Warning,
		"The empty selector selects every VM, and nothing else limits the patch.",
		"Select by labels, or give namespaceSelector or matchConditions."}
	UnusedVariable = &Code{"DP114", "unused-variable", Warning,
		"Nothing reads the variable, yet the VM does not start where it has no value.",
		"Remove it, or correct how it is read: variables.NAME in expressions, $(NAME) in texts."}
	Overwritten = &Code{"DP115", "overwritten-rule", Warning,
		"A later rule of the same patch writes the same place, so that this one has no effect.",
		"Remove one of the two."}
	WidePolicy = &Code{"DP116", "policy-leaves-the-vm", Warning,
		"The policy lets tenants change what reaches out of the VM: programs, files and devices of the node or the pod.",
		"Narrow the path; docs/security.md says what each part can do."}
	SelectsNone = &Code{"DP117", "selects-no-vm", Warning,
		"The files hold VMs that the patch could be for, and the patch selects none of them.",
		"Correct the selector, or the labels of the VM's template: a VMI has these, not those of the VM."}
	AbsentKey = &Code{"DP118", "absent-annotation", Warning,
		"An expression reads an annotation or a label that a VM of the files lacks, and fails there.",
		"Add it to the VM's template, or leave such VMs out: 'KEY' in vmi.metadata.annotations."}
	NoSuchPatch = &Code{"DP119", "no-such-patch", Warning,
		"A VM's template demands a patch that is not among the files, or not in a way that is known; its VMs are refused.",
		"Correct the label, or add the patch."}
)

var codes = []*Code{
	Unreadable, Refused, DoesNotCompile, GivenTwice, BadSilence,
	UseVMAPI, PluginDrops, KubeVirtOwns, PositionInList, UnknownName, MatchesNothing, Denied, Secret,
	HotplugUnseen, Conflict, OpenVariable, IgnoresSecurity, SelectsAll, UnusedVariable, Overwritten, WidePolicy,
	SelectsNone, AbsentKey, NoSuchPatch,
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
