// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// How much of a proof a table shows.
const (
	shownLines = 10
	shownRunes = 150
)

// Page is the page of the docs that tells how each sample is proven.
func Page(samples []string, proofs Proofs, seen Seen) string {
	var rows, unproven []string
	for _, sample := range samples {
		proof := proofs["samples/"+sample]
		qemu, guest := shorten(proof.QEMU), shorten(seen[sample])
		if qemu == "" {
			qemu = proof.NoEffect
		}
		for _, place := range slices.Sorted(maps.Keys(proof.NotKept)) {
			qemu += fmt.Sprintf("<br>this libvirt does not keep %s as written: %s", code(place), proof.NotKept[place])
		}
		for _, rule := range slices.Sorted(maps.Keys(proof.Idle)) {
			qemu += fmt.Sprintf("<br>not by %s: %s", code(rule), proof.Idle[rule])
		}
		rows = append(rows, fmt.Sprintf("| [%s](../config/samples/%s/patch.yaml) | %s | %s |\n", sample, sample, qemu, guest))
		if len(proof.QEMU) == 0 && len(seen[sample]) == 0 {
			unproven = append(unproven, fmt.Sprintf("- [%s](../config/samples/%s/patch.yaml): %s\n", sample, sample, proof.NoEffect))
		}
	}
	return fmt.Sprintf(page, len(samples)-len(unproven), len(samples), strings.Join(unproven, ""), strings.Join(rows, ""))
}

func shorten(lines []string) string {
	var shown []string
	for i, line := range lines {
		if i == shownLines {
			shown = append(shown, fmt.Sprintf("and %d more", len(lines)-i))
			break
		}
		if runes := []rune(line); len(runes) > shownRunes {
			line = string(runes[:shownRunes]) + "…"
		}
		shown = append(shown, code(line))
	}
	return strings.Join(shown, "<br>")
}

// code is a text in a cell of a table, as it is.
func code(text string) string {
	return "`" + strings.NewReplacer("|", `\|`, "`", "'", "\n", " ").Replace(text) + "`"
}

const page = `<!--
SPDX-FileCopyrightText: The DomainPatch Authors
SPDX-License-Identifier: Apache-2.0
-->

<!-- Written by "make test-libvirt UPDATE=1": do not edit. -->

# How the samples are proven

A patch is right when the guest sees it. For each [sample](../config/samples/README.md) that edits a domain, the domain is defined in libvirt, which must keep what the patch wrote; it is
checked by libvirt's schema; and it is turned into QEMU's command line, as it was before the patch and as it is after: ` + "`make test-libvirt`" + `.
Many samples are applied on real parts of Kubernetes and KubeVirt, up to a guest that tells what it sees: ` + "`make test-guest`" + `. Both use Debian's
libvirt and QEMU, without KVM. QEMU or a guest shows the effect of %d of the %d samples. It shows nothing of:

%s
On QEMU's side, + is what is new and - what is gone, a whole option or a part of one; where libvirt puts the devices on
their buses is left out. "not by" names a rule, or a place of one that merges, without which QEMU's command line is the same, and why. I/O limits of disks are QEMU's answer on its monitor
("blkdeviotune", "qemu/"), where libvirt sets them. The last column is what the guest reports, what it reports without the patch ("was"), and in
brackets the reason for a difference that the patch does not write itself; *anything* stands for what differs between machines or runs. Of a file of cloud-init only the new lines are shown. The guests are VMs of their own, so what a
patch takes from a VM differs from the sample's. HERE is the folder of the test, and 001/002 the place on the bus of its USB device.
Long lines end with "…".

| sample | QEMU's command line | the guest |
|---|---|---|
%s`
