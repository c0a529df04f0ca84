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

Written by make compare: change test/kubevirt/compare instead.
-->

# Beside what people use today

The same edits of the same domains, by DomainPatch and by what people use today, called as KubeVirt v1.9.0 calls them. ` + "`make compare`" + ` runs it all
and writes this page; a program judges every result, and a test keeps all but the times current.

| | is | runs in |
|---|---|---|
| shell | a script with ` + "`sed`" + ` and ` + "`jq`" + `; for the baseboard the one of KubeVirt's README | KubeVirt's sidecar-shim |
| Python | a script with ElementTree; for the baseboard the one of KubeVirt's README | KubeVirt's sidecar-shim |
| Go | a program with libvirtxml; for baseboard and annotation KubeVirt's own ` + "`smbios`" + ` | KubeVirt's sidecar-shim |
| xmlstarlet, xsltproc, virt-xml | a script that calls this program | KubeVirt's sidecar-shim |
| Plugin | a CEL expression in a ` + "`Plugin`" + `, by KubeVirt's own package; the API is alpha and behind the feature gate ` + "`Plugins`" + ` | virt-launcher |
| DomainPatch | a patch, put into a bundle by ` + "`kubectl domainpatch inject`" + `, under the default policy | our shim |

What the users write is in [test/kubevirt/compare/edits](../test/kubevirt/compare/edits/). Where KubeVirt has an example, it runs as it stands, but for the folder of its temporary files. The rest is ours, written with care, and without tricks:
values are escaped, a disk that is missing is an error, and an edit that is there already is left alone. A Plugin with a sidecar instead of an expression is not among them. The image of the sidecar must have what a script calls. The domain is KubeVirt's of a VM with four disks, three of them alike.
`

const legend = `
## The edits

The first call. *yes*: the edit is made, and nothing else is changed in meaning. *yes, but*: something else is changed, too. *no, silently*: nothing is changed, and the VM starts. *wrong*: the
result is not what was wanted. *error*: the VM does not start; only the log of its sidecar says why a script failed. White space, quotes and the order of elements with different names do not count.
`

func (f *facts) markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	f.summary(&b)
	b.WriteString(legend)
	for _, e := range f.Edits {
		t := &table{}
		for i, s := range e.scenarios {
			t.verdicts(s.name, e.each(func(c column) verdict { return c.First[i] }))
		}
		if e.name == "disk" || e.name == "iotune" {
			t.row("other disks changed", e.numbers(func(c column) int { return c.OtherDisks }))
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

// each takes a verdict of every contender.
func (e editFacts) each(of func(column) verdict) (all []verdict) {
	for _, c := range e.By {
		all = append(all, of(c))
	}
	return all
}

// numbers takes a number of every contender.
func (e editFacts) numbers(of func(column) int) (all []string) {
	for _, c := range e.By {
		all = append(all, fmt.Sprint(of(c)))
	}
	return all
}

// summary counts the verdicts of the first tables, and of the boots.
func (f *facts) summary(b *strings.Builder) {
	b.WriteString("\n## In short\n\nThe first calls of the edits below, counted. Where nothing matches, an error is what is right: a VM that needs the edit must not start without it.\n\n")
	t := &table{}
	for _, outcome := range []outcome{right, unnoticed, otherwise, stopped} {
		var cells []string
		for i := range contenders() {
			cells = append(cells, fmt.Sprint(f.count(i, outcome)))
		}
		t.row(fmt.Sprintf("%s, of %d", outcome, f.CLI.All), cells)
	}
	var boots, lines []string
	for i := range contenders() {
		n := 0
		for _, e := range f.Edits {
			if e.By[i].Boot.Word == done {
				n++
			}
		}
		boots, lines = append(boots, fmt.Sprint(n)), append(lines, fmt.Sprint(f.allLines(i)))
	}
	t.row(fmt.Sprintf("right after all calls of a start, of %d", len(f.Edits)), boots)
	t.row("lines that the user writes for these edits", lines)
	t.write(b)
	f.better(b)
}

// better tells what others are better at than DomainPatch, which is the last contender.
func (f *facts) better(b *strings.Builder) {
	last := len(contenders()) - 1
	var equal, shorter, once []string
	for i, who := range contenders()[:last] {
		if f.count(i, right) >= f.count(last, right) {
			equal = append(equal, who.name)
		}
		if f.allLines(i) < f.allLines(last) {
			shorter = append(shorter, who.name)
		}
		if again := f.Cloud[len(f.Cloud)-1].By; again[i].Word == done && again[last].Word != done {
			once = append(once, who.name)
		}
	}
	b.WriteString("\nWhere others are as good or better:\n\n- All need less than DomainPatch's operator, and a Plugin needs no sidecar either.\n")
	for _, point := range []struct {
		text string
		who  []string
	}{
		{"Right as often, by scripts written with care", equal},
		{"Fewer lines", shorter},
		{"Leave cloud-init data that were edited already as they are; KubeVirt gives such data to no hook", once},
	} {
		if len(point.who) > 0 {
			fmt.Fprintf(b, "- %s: %s.\n", point.text, strings.Join(point.who, ", "))
		}
	}
	b.WriteString("\nWhat Python and Go get wrong, and most of what shell does, is in KubeVirt's own examples: the baseboard. What a Plugin gets wrong is that it loses what a sidecar did before it. " +
		"The scenarios are ours, from what KubeVirt's users asked for and what has gone wrong for them; another choice gives other numbers.\n")
}

func (f *facts) allLines(contender int) (sum int) {
	for _, e := range f.Edits {
		sum += e.By[contender].Lines
	}
	return sum
}

// outcome is what a verdict means to the user.
type outcome string

const (
	right     outcome = "right"
	unnoticed outcome = "not done, and nobody is told"
	otherwise outcome = "something else is done, too, or instead"
	stopped   outcome = "the VM does not start"
)

// means tells what the verdict on a scenario means.
func (s scenario) means(v verdict) outcome {
	switch {
	case v.Word == done, v.Word == failed && s.want == nil:
		return right
	case v.Word == notDone:
		return unnoticed
	case v.Word == failed:
		return stopped
	}
	return otherwise
}

// count tells how often a contender's first calls came to that.
func (f *facts) count(contender int, wanted outcome) int {
	n := 0
	for _, e := range f.Edits {
		for i, v := range e.By[contender].First {
			if e.scenarios[i].means(v) == wanted {
				n++
			}
		}
	}
	return n
}

func (f *facts) calls(b *strings.Builder) {
	b.WriteString("\n## Repeated calls\n\nKubeVirt calls the hook up to three times per start, with what it kept of the result before and what libvirt added. " +
		"This is what libvirt gets at last. " +
		"KubeVirt drops the declaration of the prefix `qemu` between its calls, and libvirt passes over an element whose prefix nothing declares: so shell and xmlstarlet declare it at the element.\n\n")
	boots, again := &table{}, &table{}
	for _, e := range f.Edits {
		boots.verdicts(e.title, e.each(func(c column) verdict { return c.Boot }))
		again.verdicts(e.title, e.each(func(c column) verdict { return c.Again }))
	}
	boots.write(b)
	b.WriteString("\nAnd this is what becomes of its own result as input, as where two sidecars make the same edit:\n\n")
	again.write(b)
}

func (f *facts) others(b *strings.Builder) {
	b.WriteString("\n## What else is in the domain\n\nThe baseboard again, in a domain that another sidecar has edited: with a comment, an element of another namespace, a `<shmem>`, which KubeVirt's " +
		"structs do not know, and an argument of QEMU. A Plugin is given what those structs keep of a sidecar's work, DomainPatch's too, and all of another Plugin's. " +
		"Lines are those of the input that are not in the result as they were, beside those of the edit. Comments, prefixes and lines matter to whoever reads the domain, not to libvirt.\n\n")
	t := &table{}
	var words []verdict
	rows := [4][]string{}
	for _, k := range f.Shared {
		words = append(words, k.Verdict)
		for i, cell := range []string{k.Unknown, k.Comments, k.Prefixes, k.Lines} {
			rows[i] = append(rows[i], cell)
		}
	}
	t.verdicts("edit made, all else kept", words)
	for i, name := range []string{"the `<shmem>`", "comments kept", "names with their prefixes", "lines changed"} {
		t.row(name, rows[i])
	}
	t.verdicts("a domain whose end is lost", f.Broken)
	t.write(b)
}

func (f *facts) cloud(b *strings.Builder) {
	b.WriteString("\n## Cloud-init data\n\nOne package more in the user data, which have a comment. The XML tools and the Plugin API cannot edit them. KubeVirt calls this hook once per start, on one sidecar alone, with the data as the VM has them.\n\n")
	t := &table{}
	for _, row := range f.Cloud {
		t.verdicts(row.Title, row.By)
	}
	t.write(b)
}

func (f *facts) lines(b *strings.Builder) {
	b.WriteString("\n## What the user writes\n\nLines without blank ones and comments. A script counts with the ConfigMap around it. Not counted are a Go program's image, and what the VM has: an annotation for a script or a program, a label for a patch, nothing for a Plugin.\n\n")
	t := &table{}
	for _, e := range f.Edits {
		t.row(e.title, e.numbers(func(c column) int { return c.Lines }))
	}
	t.row("A package in the cloud-init data", f.CloudLines)
	t.write(b)
}

func (f *facts) guards(b *strings.Builder) {
	b.WriteString("\n## Guard rails\n\n| | shell | Plugin | DomainPatch |\n|---|---|---|---|\n")
	for _, g := range f.Guards {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", g.What, g.Script, g.Plugin, g.OurPatch)
	}
	fmt.Fprintf(b, "\nA Plugin is of the whole cluster, so only its admins write one; a script comes from whoever owns the VM. On a desk, scripts and the XML tools run as they are. "+
		"`kubectl domainpatch render` gives the very bytes that the shim gave, or fails as it did, in %d of the %d cases of the first tables.\n", f.CLI.Same, f.CLI.All)
}

func (f *figures) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\nThe baseboard, on %d cores of %s with %s: medians over turns that the contenders took in one run, on a machine that others used, too: only good for comparing lines. A call is one of KubeVirt's client, dial included. "+
		"*Ready* is from the process's start to the answered Info. Memory is the most that was resident in the three calls of a start: of the sidecar, and of the largest process that it ran in a call, of which 2 MB are the least that shows.\n\n",
		figuresHeading, f.Machine.Cores, f.Machine.CPU, f.Machine.Go)
	b.WriteString("| | call, ms | ready, ms | sidecar, MB | program, MB |\n|---|--:|--:|--:|--:|\n")
	for _, r := range f.Rows {
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s |\n", r.Name, r.Call, figureOr(r.Ready), figureOr(r.Sidecar), figureOr(r.Program))
	}
	b.WriteString("\nA Plugin runs in virt-launcher: it has no process of its own to wait for, and its memory is what virt-launcher grows by.\n")
	return b.String()
}

func figureOr(value float64) string {
	if value == 0 {
		return absent
	}
	return fmt.Sprintf("%.1f", value)
}
