// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import "github.com/domainpatch/domainpatch/patch"

// maxBytes bounds each text of a request. Domains and cloud-init data have lower limits of their own; this one
// keeps a pasted file from filling the memory of the page.
const maxBytes = 4 << 20

// The panes of the page, and the fields of a Request.
const (
	panePatches   = "patches"
	paneVMI       = "vmi"
	paneDomain    = "domain"
	paneCloudInit = "cloudInit"
)

// Request is what the page holds. Empty texts are files that are not given.
type Request struct {
	// Patches is YAML or JSON: patches, policies and namespaces, one or several documents.
	Patches string `json:"patches"`
	// VMI is a VirtualMachineInstance or a VirtualMachine, YAML or JSON.
	VMI string `json:"vmi"`
	// Domain is libvirt's domain XML.
	Domain string `json:"domain"`
	// CloudInit is KubeVirt's CloudInitData, JSON.
	CloudInit string `json:"cloudInit"`
	// All applies patches that do not bind to the VMI, too.
	All bool `json:"all"`
	// Lint asks for the linter's findings instead of a run, of which Problems is then all. It is a request of
	// its own since nobody waits for it as for the diff.
	Lint bool `json:"lint"`
}

// Response is what came of a Request.
type Response struct {
	// Problems are mistakes in the texts and reasons why a hook failed, in the order of the panes.
	Problems []Problem `json:"problems"`
	// Notes tell what was passed over or left out.
	Notes []string `json:"notes"`
	// Domain and CloudInit are what the hooks did; null where they did not run.
	Domain    *Result `json:"domain"`
	CloudInit *Result `json:"cloudInit"`
	// Repeat is the second call of the domain's hook, on the result of the first one.
	Repeat *Result `json:"repeat"`
	// Milliseconds is how long the engine took.
	Milliseconds float64 `json:"milliseconds"`
	// Fault is set where the engine itself went wrong; all else is empty then.
	Fault string `json:"fault,omitempty"`
}

// Result is what one call of a hook did.
type Result struct {
	// Failed says that the hook did: there is no Output, and Problems say why.
	Failed bool   `json:"failed"`
	Output string `json:"output"`
	// Diff is unified, of what went in and what came out; empty where nothing changed.
	Diff   string        `json:"diff"`
	Report *patch.Report `json:"report"`
}

// Problem is one thing that is wrong.
type Problem struct {
	Severity string `json:"severity"` // error or warning
	Pane     string `json:"pane"`
	Line     int    `json:"line"`   // from 1; 0 where it is not known
	Column   int    `json:"column"` // from 1, in characters; 0 where it is not known
	Message  string `json:"message"`
	Code     string `json:"code,omitempty"` // of the linter, such as DP104
	Fix      string `json:"fix,omitempty"`
	URL      string `json:"url,omitempty"` // where the code is explained
}
