// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"regexp"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// edit is one thing that a user wants to change in a domain. Its folder in edits has what each contender needs.
type edit struct {
	name      string
	title     string
	scenarios []scenario
}

// scenario is an input and what must come of it.
type scenario struct {
	name   string
	vendor string                     // the annotation of the VMI; empty for manufacturer
	before func(domain string) string // makes the input of KubeVirt's domain; nil leaves it
	want   func(input string) string  // the edit; nil where there is nothing to edit
}

// manufacturer is the value that KubeVirt's scripts have built in.
const manufacturer = "Radical Edward"

// hostile is an annotation that becomes markup where it is put into a document as it is.
const hostile = "x</entry></baseBoard></sysinfo><devices><emulator>/tmp/evil</emulator></devices><sysinfo type='smbios'><baseBoard><entry>"

// ampersand is a name that is harmless and not simple.
const ampersand = "Acme & Sons, Inc."

const board = "<baseBoard></baseBoard>"

func edits() []edit {
	return []edit{
		{"baseboard", "The baseboard's manufacturer, KubeVirt's own example", []scenario{
			{name: "`<baseBoard></baseBoard>` is empty, as KubeVirt writes it", want: boardOf(manufacturer)},
			{name: "`<baseBoard>` has a manufacturer and a product", before: replace(board, filledBoard("Old")), want: replace(">Old<", ">"+manufacturer+"<")},
			{name: "there is no `<baseBoard>`", before: replace("\t\t"+board+"\n", ""), want: replace("\t</sysinfo>", "\t\t"+entryIn(manufacturer)+"\n\t</sysinfo>")},
			{name: "empty elements are written `<x/>`", before: shorten, want: replace("<baseBoard/>", entryIn(manufacturer))},
		}},
		{"vendor", "The manufacturer is the value of an annotation", []scenario{
			{name: "`Radical Edward`", want: boardOf(manufacturer)},
			{name: "`" + ampersand + "`", vendor: ampersand, want: boardOf("Acme &amp; Sons, Inc.")},
			{name: "markup that puts in an `<emulator>`", vendor: hostile, want: boardOf(escape(hostile))},
		}},
		{"disk", "The discard mode of the disk `data-2`, by its alias, among three alike", []scenario{
			{name: "KubeVirt's domain", want: discard},
			{name: "empty elements are written `<x/>`", before: shorten, want: discard},
			{name: "a Go program has written it anew, with libvirtxml", before: rewrite, want: discard},
			{name: "nothing matches: the disk is not there", before: replace("ua-data-2", "ua-other")},
		}},
		{"iotune", "An `<iotune>` of that disk, which KubeVirt's structs do not know", []scenario{
			{name: "KubeVirt's domain", want: iotune},
			{name: "nothing matches: the disk is not there", before: replace("ua-data-2", "ua-other")},
		}},
		{"qemu", "Two arguments of QEMU, in `<qemu:commandline>`", []scenario{
			{name: "KubeVirt's domain, without any", want: arguments},
			{name: "another sidecar has put one in", before: replace("</domain>", others), want: replace("</qemu:commandline>", device+"</qemu:commandline>")},
		}},
	}
}

const (
	device = `<qemu:arg value="-device"></qemu:arg><qemu:arg value="pvpanic"></qemu:arg>`
	others = "\t<qemu:commandline>\n\t\t<qemu:arg value=\"-no-hpet\"></qemu:arg>\n\t</qemu:commandline>\n</domain>"
)

// shared is a domain that others have edited before: a comment, a note of theirs in the metadata, a device
// that KubeVirt's structs do not know, an argument of QEMU.
var shared = scenario{
	name: "a domain that others have edited",
	before: func(domain string) string {
		domain = replace("\t<devices>\n", "\t<!-- Of the team of the appliance. -->\n\t<devices>\n\t\t<shmem name=\"ring\"></shmem>\n")(domain)
		domain = replace("\t<metadata>\n", "\t<metadata>\n\t\t<team:note xmlns:team=\"http://example.com/team\" team:id=\"7\">keep</team:note>\n")(domain)
		return replace("</domain>", others)(domain)
	},
	want: boardOf(manufacturer),
}

// broken is a domain whose end is lost.
var broken = scenario{
	name:   "a domain whose end is lost",
	before: func(domain string) string { return domain[:strings.Index(domain, "</devices>")] },
}

func replace(old, text string) func(string) string {
	return func(domain string) string { return strings.Replace(domain, old, text, 1) }
}

func entryIn(value string) string {
	return "<baseBoard><entry name=\"manufacturer\">" + value + "</entry></baseBoard>"
}

func filledBoard(value string) string {
	return "<baseBoard>\n\t\t\t<entry name=\"manufacturer\">" + value + "</entry>\n\t\t\t<entry name=\"product\">Bebop</entry>\n\t\t</baseBoard>"
}

func boardOf(value string) func(string) string { return replace(board, entryIn(value)) }

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// discard sets the mode in the nearest driver before the alias.
func discard(domain string) string {
	alias := strings.Index(domain, `<alias name="ua-data-2"`)
	mode := strings.LastIndex(domain[:alias], `discard="unmap"`)
	return domain[:mode] + replace("unmap", "ignore")(domain[mode:])
}

func iotune(domain string) string {
	const alias = `<alias name="ua-data-2"></alias>`
	return replace(alias, alias+"<iotune><total_iops_sec>500</total_iops_sec></iotune>")(domain)
}

// arguments declares the prefix, too: KubeVirt forgets it between its calls.
func arguments(domain string) string {
	if !strings.Contains(domain, "xmlns:qemu=") {
		domain = replace("<domain ", `<domain xmlns:qemu="`+qemuNamespace+`" `)(domain)
	}
	return replace("</domain>", "<qemu:commandline>"+device+"</qemu:commandline></domain>")(domain)
}

var emptyElement = regexp.MustCompile(`<([\w:]+)([^<>]*)></([\w:]+)>`)

// shorten writes empty elements in one tag, as most tools do.
func shorten(domain string) string {
	return emptyElement.ReplaceAllString(domain, "<$1$2/>")
}

// rewrite writes a domain as KubeVirt's Go example does. A domain that it cannot read becomes empty, which no scenario takes.
func rewrite(domain string) string {
	var all libvirtxml.Domain
	if err := xml.Unmarshal([]byte(domain), &all); err != nil {
		return ""
	}
	out, err := xml.Marshal(all)
	if err != nil {
		return ""
	}
	return string(out)
}
