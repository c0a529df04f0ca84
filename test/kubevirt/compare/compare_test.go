// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
)

// TestFactsAreCurrent makes the page without its times and compares it with docs/comparison.md.
func TestFactsAreCurrent(t *testing.T) {
	program := filepath.Join(t.TempDir(), "compare")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), program, "-rounds", "0")
	run.Dir = ".."
	var stderr bytes.Buffer
	run.Stderr = &stderr
	got, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	page, err := os.ReadFile("../../../docs/comparison.md")
	if err != nil {
		t.Fatal(err)
	}
	want, times, _ := strings.Cut(string(page), "\n"+figuresHeading)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/comparison.md is not current, run make compare (-page +now):\n%s", diff)
	}
	if !strings.Contains(times, "| DomainPatch |") {
		t.Error("docs/comparison.md has no times of DomainPatch")
	}
}

func TestJudge(t *testing.T) {
	const (
		in   = "<domain>\n\t<name>a</name>\n\t<disk><driver io=\"x\"></driver></disk>\n\t<disk><driver io=\"x\"></driver></disk>\n</domain>"
		want = "<domain>\n\t<name>a</name>\n\t<disk><driver io=\"x\"></driver></disk>\n\t<disk><driver io=\"y\"></driver></disk>\n</domain>"
	)
	for name, tc := range map[string]struct {
		want, got string
		err       error
		verdict   verdict
	}{
		"Done":         {want, want, nil, verdict{Word: done}},
		"Rewritten":    {want, "<domain><disk><driver io='x'/></disk><!-- c --><disk><driver io='y'/></disk><name>a</name></domain>", nil, verdict{Word: done}},
		"NotDone":      {want, in, nil, verdict{Word: notDone}},
		"Loses":        {want, strings.Replace(want, "<name>a</name>", "", 1), nil, verdict{doneBut, "loses `/domain/name=a`"}},
		"Twice":        {want, strings.Replace(want, "</domain>", "<disk/></domain>", 1), nil, verdict{doneBut, "adds `/domain/disk[3]`"}},
		"WrongDisk":    {want, strings.Replace(in, "\"x\"", "\"y\"", 1), nil, verdict{wrong, "loses `/domain/disk/driver/@io=x`, `/domain/disk[2]/driver/@io=y`; adds `/domain/disk/driver/@io=y`, `/domain/disk[2]/driver/@io=x`"}},
		"BothDisks":    {want, strings.ReplaceAll(in, "\"x\"", "\"y\""), nil, verdict{wrong, "loses `/domain/disk/driver/@io=x`; adds `/domain/disk/driver/@io=y`"}},
		"Broken":       {want, "<domain>", nil, verdict{wrong, "what it gives is not XML"}},
		"Empty":        {want, "", nil, verdict{wrong, "what it gives is not XML"}},
		"Error":        {want, "", errors.New("no"), verdict{failed, "no"}},
		"NothingToDo":  {in, in, nil, verdict{Word: notDone}},
		"NothingAdded": {in, strings.Replace(in, "</domain>", "<x/></domain>", 1), nil, verdict{doneBut, "adds `/domain/x`"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := judge([]byte(in), []byte(tc.want), []byte(tc.got), tc.err)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.verdict, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	const in = `<domain xmlns:qemu="` + qemuNamespace + `"><qemu:commandline><qemu:arg value="-x"/></qemu:commandline></domain>`
	for name, tc := range map[string]struct {
		out  string
		word string
	}{
		"OtherPrefix": {strings.ReplaceAll(in, "qemu:c", "ns0:c"), wrong},
		"Renamed":     {strings.NewReplacer("qemu:c", "q:c", "qemu:a", "q:a", "xmlns:qemu", "xmlns:q").Replace(in), notDone},
		"TwoElements": {strings.Replace(in, "</domain>", "<qemu:commandline/></domain>", 1), notDone},
	} {
		v, err := judge([]byte(in), []byte(in), []byte(tc.out), nil)
		if err != nil || v.Word != tc.word && !(tc.word == wrong && v.Word == doneBut) {
			t.Errorf("%s: %v, %v, want %s", name, v, err, tc.word)
		}
	}
}

func TestOtherDisks(t *testing.T) {
	disks := func(modes ...string) []byte {
		return []byte("<domain><devices><disk io='" + strings.Join(modes, "'/><disk io='") + "'/></devices></domain>")
	}
	want := disks("x", "y", "x", "x")
	for name, tc := range map[string]struct {
		got  []byte
		want int
	}{
		"None":    {want, 0},
		"TheOne":  {disks("x", "x", "x", "x"), 0},
		"First":   {disks("y", "x", "x", "x"), 1},
		"All":     {disks("y", "y", "y", "y"), 3},
		"Lost":    {disks("x", "y", "x"), 1},
		"Nothing": {nil, 0},
	} {
		if got := otherDisks(want, tc.got); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// TestMeans pins what counts as right: a VM that needs an edit must not start without it.
func TestMeans(t *testing.T) {
	some := scenario{want: discard}
	for _, tc := range []struct {
		of   scenario
		word string
		want outcome
	}{
		{some, done, right},
		{some, doneBut, otherwise},
		{some, wrong, otherwise},
		{some, notDone, unnoticed},
		{some, failed, stopped},
		{scenario{}, failed, right},
		{scenario{}, notDone, unnoticed},
		{scenario{}, doneBut, otherwise},
	} {
		if got := tc.of.means(verdict{Word: tc.word}); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.word, got, tc.want)
		}
	}
}

func TestKeep(t *testing.T) {
	const in = "<d xmlns:q=\"u\">\n<!-- a -->\n<q:e></q:e>\n<b></b>\n</d>"
	want := strings.Replace(in, "<b></b>", "<b>1</b>", 1)
	got, err := keep([]byte(in), []byte(want), []byte("<d xmlns:p=\"u\">\n<p:e></p:e>\n<b>1</b>\n</d>"), nil)
	if diff := cmp.Diff(keeping{verdict{Word: done}, "lost", "0 of 1", "0 of 2", "3 of 5"}, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
}

func TestJudgeUserData(t *testing.T) {
	in := cloudinit.CloudInitData{UserData: "#cloud-config\n# kept\npackages: [chrony]\n", NetworkData: "version: 2\n"}
	for name, tc := range map[string]struct {
		userData string
		word     string
	}{
		"Done":     {"#cloud-config\n# kept\npackages: [chrony, qemu-guest-agent]\n", done},
		"Comment":  {"#cloud-config\npackages: [qemu-guest-agent, chrony]\n", doneBut},
		"NotDone":  {in.UserData, notDone},
		"Twice":    {"#cloud-config\n# kept\npackages: [chrony, qemu-guest-agent, qemu-guest-agent]\n", wrong},
		"Replaced": {"#cloud-config\n# kept\npackages: [qemu-guest-agent]\n", wrong},
		"Other":    {"#cloud-config\n# kept\npackages: [chrony, qemu-guest-agent]\nusers: []\n", wrong},
		"NoYAML":   {"#cloud-config\npackages: [", wrong},
	} {
		out := in
		out.UserData = tc.userData
		if got, err := judgeUserData(in, out); err != nil || got.Word != tc.word {
			t.Errorf("%s: %v, %v, want %s", name, got, err, tc.word)
		}
	}
}

func TestNotesTogether(t *testing.T) {
	tb := &table{}
	same := verdict{failed, "exit status 1"}
	tb.verdicts("a", []verdict{same, same, {Word: done}, {doneBut, "loses x"}})
	tb.verdicts("b", []verdict{{Word: done}, {Word: done}, same, {Word: done}})
	var b strings.Builder
	tb.write(&b)
	_, notes, _ := strings.Cut(b.String(), "\n\n")
	want := "- shell, Python, row 1, *error*: `exit status 1`\n- Go, row 2, *error*: `exit status 1`\n- xmlstarlet, row 1, *yes, but*: loses x\n"
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
