// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// figuresHeading begins the part of the page that differs from run to run.
const figuresHeading = "## Time and memory\n"

const introduction = `<!--
SPDX-FileCopyrightText: The DomainPatch Authors
SPDX-License-Identifier: Apache-2.0
-->

# Beside what people use today

The same edits of the same domains, by DomainPatch and by what people use today, called as KubeVirt v1.9.0 calls them. ` + "`make compare`" + ` runs it all
and writes this page; a program judges every result, and a test keeps all but the times current.

| | is | runs in |
|---|---|---|
| shell | a script with ` + "`sed`" + `; for the baseboard the one of KubeVirt's README | KubeVirt's sidecar-shim |
| Python | a script with ElementTree; for the baseboard the one of KubeVirt's README | KubeVirt's sidecar-shim |
| Go | a program with libvirtxml; for baseboard and annotation KubeVirt's own ` + "`smbios`" + ` | KubeVirt's sidecar-shim |
| xmlstarlet, xsltproc, virt-xml | a script that calls this program | KubeVirt's sidecar-shim |
| Plugin | a CEL expression in a ` + "`Plugin`" + `, by KubeVirt's own package; the API is alpha and behind the feature gate ` + "`Plugins`" + ` | virt-launcher |
| DomainPatch | a patch, put into a bundle by ` + "`kubectl domainpatch inject`" + `, under the default policy | our shim |

What the users write stands in [test/kubevirt/compare/edits](../test/kubevirt/compare/edits/). Where KubeVirt has an example, it runs as it stands; the rest is ours, and each was written to be
as good as its tool allows. The domain is KubeVirt's of a VM with four disks, three of them alike.

## The edits

The first call. *yes*: the edit is made, and nothing else is changed in meaning. *no, silently*: nothing is changed, and the VM starts. *error*: the VM does not start. White space, quotes and
the order of elements with different names do not count.
`

func (f *facts) markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, e := range f.Edits {
		t := &table{}
		for i, s := range e.scenarios {
			t.verdicts(s.name, e.First[i])
		}
		fmt.Fprintf(&b, "\n### %s\n\n", e.title)
		t.write(&b)
	}
	f.calls(&b)
	f.others(&b)
	f.cloud(&b)
	f.lines(&b)
	f.guards(&b)
	return b.String()
}

func (f *facts) calls(b *strings.Builder) {
	b.WriteString("\n## Repeated calls\n\nKubeVirt calls the hook up to three times per start, with what it kept of the result before and what libvirt added. " +
		"This is what libvirt gets at last:\n\n")
	boots, again := &table{}, &table{}
	for _, e := range f.Edits {
		boots.verdicts(e.title, e.Boot)
		again.verdicts(e.title, e.Again)
	}
	boots.write(b)
	b.WriteString("\nAnd this becomes of its own result as input, as where two sidecars make the same edit:\n\n")
	again.write(b)
}

func (f *facts) others(b *strings.Builder) {
	b.WriteString("\n## What else is in the domain\n\nThe baseboard again, in a domain that another sidecar has edited: with a comment, an element of another namespace, a `<shmem>`, which KubeVirt's " +
		"structs do not know, and an argument of QEMU. Lines are those of the input that are not in the result as they were, beside those of the edit.\n\n")
	t := &table{}
	var words []verdict
	rows := [3][]string{}
	for _, k := range f.Shared {
		words = append(words, k.Verdict)
		rows[0], rows[1], rows[2] = append(rows[0], k.Comments), append(rows[1], k.Prefixes), append(rows[2], k.Lines)
	}
	t.verdicts("edit made, all else kept", words)
	for i, name := range []string{"comments kept", "names with their prefixes", "lines changed"} {
		t.row(name, rows[i])
	}
	t.verdicts("a domain whose end is lost", f.Broken)
	t.write(b)
}

func (f *facts) cloud(b *strings.Builder) {
	b.WriteString("\n## Cloud-init data\n\nOne package more in the user data, which have a comment. The XML tools and the Plugin API have no part in it.\n\n")
	t := &table{}
	for _, row := range f.Cloud {
		t.verdicts(row.Title, row.By)
	}
	t.write(b)
}

func (f *facts) lines(b *strings.Builder) {
	b.WriteString("\n## What the user writes\n\nLines without blank ones and comments. A script counts with the ConfigMap around it; a Go program needs an image, too, which does not count.\n\n")
	t := &table{}
	for _, e := range f.Edits {
		var cells []string
		for _, n := range e.Lines {
			cells = append(cells, fmt.Sprint(n))
		}
		t.row(e.title, cells)
	}
	t.write(b)
}

func (f *facts) guards(b *strings.Builder) {
	b.WriteString("\n## Guard rails\n\n| | a script, whatever it calls | Plugin | DomainPatch |\n|---|---|---|---|\n")
	for _, g := range f.Guards {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", g.What, g.Script, g.Plugin, g.OurPatch)
	}
	fmt.Fprintf(b, "\nA Plugin is of the whole cluster, so only its admins write one; a script comes from whoever owns the VM. On a desk, scripts and the XML tools run as they are. "+
		"`kubectl domainpatch render` gives the very bytes that the shim gave, or fails as it did, in %d of the %d cases of the first tables.\n", f.CLI.Same, f.CLI.All)
}

func (f *figures) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\nThe baseboard, on %d cores of %s with %s: medians over turns that the contenders took in one run. A call is one of KubeVirt's client, dial included. "+
		"*Ready* is from the process's start to the answered Info. Memory is the most that was ever resident: of the sidecar, and of the largest process that it ran in a call.\n\n",
		figuresHeading, f.Machine.Cores, f.Machine.CPU, f.Machine.Go)
	b.WriteString("| | call, ms | ready, ms | sidecar, MB | program, MB |\n|---|--:|--:|--:|--:|\n")
	for _, r := range f.Rows {
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s |\n", r.Name, r.Call, figureOr(r.Ready), figureOr(r.Sidecar), figureOr(r.Program))
	}
	b.WriteString("\nA Plugin runs in virt-launcher: it has no process of its own to wait for, and its memory is what virt-launcher grows by. That is less than any sidecar takes, ours among them.\n")
	return b.String()
}

func figureOr(value float64) string {
	if value == 0 {
		return absent
	}
	return fmt.Sprintf("%.1f", value)
}
