// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/guest"
)

// tellGuests goes from the samples to guests: the chain first, then what guests with and without the patches report,
// side by side.
func tellGuests(ctx context.Context, out string, w io.Writer) error {
	begin := time.Now()
	scenes, err := guest.Scenes()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "This takes two minutes on two cores; the first time, apt downloads Debian's kernel for the guests.")
	lab, err := guest.NewLab(ctx)
	if err != nil {
		return err
	}
	defer lab.Close()
	pairs, err := bootScenes(ctx, scenes, out, w)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe domains go to Debian's libvirt and QEMU, without KVM, after the changes of test/guest/testdata/localize.yaml.\n"+
		"Each is started with its patches and without, in a guest that runs Debian's %s and says what it sees.\n"+
		"pci/VENDOR:DEVICE is how many there are of a kind, by the numbers of lspci -n; - is nothing.\n", lab.Kernel)
	samples := 0
	for i, s := range scenes {
		fmt.Fprintf(w, "\nVM %s: two guests start (%d of %d)\n", s.Name, i+1, len(scenes))
		began := time.Now()
		with, without, err := lab.Compare(ctx, pairs[i])
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "VM %s: both guests have reported after %s\n\n", s.Name, since(began))
		if err := showFacts(w, s, with, without); err != nil {
			return err
		}
		if err := s.Check(with, without); err != nil {
			return fmt.Errorf("VM %s: its guests see something else than test/guest/testdata/%s/proofs.yaml says:\n%w", s.Name, s.Name, err)
		}
		samples += len(s.Proofs)
	}
	fmt.Fprintf(w, "\n%d guests saw the edits of %d patches, and nothing else that they report differs; %s in all\n", 2*len(scenes), samples, since(begin))
	return nil
}

// bootScenes starts the VMs of all scenes as far as the hooks go, in a cluster that ends then.
func bootScenes(ctx context.Context, scenes []*guest.Scene, out string, w io.Writer) (pairs []*guest.Pair, err error) {
	c, err := start(ctx, out, cluster.Options{}, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	chain, err := guest.NewChain(ctx, c, scenes, out)
	if err != nil {
		return nil, err
	}
	for _, s := range scenes {
		fmt.Fprintf(w, "VM %s demands %d patches\n", s.Name, len(s.Proofs))
		pair, err := chain.Boot(ctx, s)
		if err != nil {
			return nil, err
		}
		tellCalls(w, pair.Calls)
		pairs = append(pairs, pair)
	}
	fmt.Fprintf(w, "what went in and out of the hooks is in %s\n", relative(out))
	return pairs, nil
}

// showFacts prints what the guests say about each sample. A file that several samples change is shown once.
func showFacts(w io.Writer, s *guest.Scene, with, without guest.Report) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PATCH\tTHE GUEST SEES\tWITHOUT\tWITH\tWHY, IF NOT BY THE PATCH ITSELF")
	var files []string
	for _, proof := range s.Proofs {
		sample := proof.Sample
		for _, fact := range proof.Facts {
			if strings.Contains(without[fact.Name]+with[fact.Name], "\n") {
				fmt.Fprintf(table, "%s\t%s\t(below)\t(below)\t\n", sample, fact.Name)
				if !slices.Contains(files, fact.Name) {
					files = append(files, fact.Name)
				}
			} else {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", sample, fact.Name, short(without[fact.Name]), short(with[fact.Name]), fact.Because)
			}
			sample = "" // once
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n")) // a cell that is empty at the end still has its width
	}
	for _, name := range files {
		fmt.Fprintln(w)
		printDiff(w, name+" without", []byte(without[name]+"\n"), name+" with", []byte(with[name]+"\n"))
	}
	return nil
}

// short is a value as it fits into a column.
func short(value string) string {
	const most = 44
	if len(value) > most {
		return "..." + value[len(value)-most+3:]
	}
	return cmp.Or(value, "-")
}
