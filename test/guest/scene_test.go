// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"strings"
	"testing"
)

// TestScenes runs without a hypervisor: every patch has its proofs, and they could fail.
func TestScenes(t *testing.T) {
	scenes, err := Scenes()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		for _, proof := range s.Proofs {
			for _, fact := range proof.Facts {
				if fact.check(Report{}, Report{}) == nil {
					t.Errorf("%s: the proof of sample %s holds where guests say nothing: %+v", s.Name, proof.Sample, fact)
				}
			}
		}
	}
}

func TestCheck(t *testing.T) {
	s := &Scene{Proofs: []Proof{{"board", []Fact{{Name: "dmi/board_vendor", With: "Radical Edward"}}}, {"limit", []Fact{{Name: "rate/vda", Without: "anything", With: "at most 600"}}}}}
	without := Report{"dmi/sys_vendor": "KubeVirt", "rate/vda": "700"}
	for name, c := range map[string]struct {
		with Report
		want string // part of the error; empty for none
	}{
		"AsProved":         {Report{"dmi/sys_vendor": "KubeVirt", "rate/vda": "540", "dmi/board_vendor": "Radical Edward"}, ""},
		"MeasuredDiffers":  {Report{"dmi/sys_vendor": "KubeVirt", "rate/vda": "540", "rate/vdb": "1", "dmi/board_vendor": "Radical Edward"}, ""},
		"NotSeen":          {Report{"dmi/sys_vendor": "KubeVirt", "rate/vda": "540"}, `sample board: dmi/board_vendor is "", not "Radical Edward"`},
		"OtherValue":       {Report{"dmi/sys_vendor": "KubeVirt", "rate/vda": "540", "dmi/board_vendor": "Ed"}, `is "Ed", not "Radical Edward"`},
		"TooFast":          {Report{"dmi/sys_vendor": "KubeVirt", "rate/vda": "601", "dmi/board_vendor": "Radical Edward"}, `sample limit`},
		"NotMeasured":      {Report{"dmi/sys_vendor": "KubeVirt", "dmi/board_vendor": "Radical Edward"}, `sample limit`},
		"MoreThanExpected": {Report{"dmi/sys_vendor": "Bebop", "rate/vda": "540", "dmi/board_vendor": "Radical Edward"}, `dmi/sys_vendor is "Bebop" instead of "KubeVirt"`},
	} {
		err := s.Check(c.with, without)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestParseReport(t *testing.T) {
	const facts = "SeaBIOS\r\nguest: dmi/board_vendor \"Radical Edward\"\r\nguest: cloud-init/user-data \"#cloud-config\\nusers: []\"\r\n"
	for name, c := range map[string]struct {
		console  string
		complete bool
		bad      string // part of the error; empty for none
	}{
		"Whole":          {facts + "guest: end 2\r\nguest: watchdog/bite \"x\"\r\n", true, ""},
		"Running":        {facts, false, ""},
		"InTheMiddle":    {facts + "guest: end", false, ""},
		"LineLost":       {facts + "guest: end 3\n", false, "the guest reported 3 facts, and 2 came through"},
		"LineGarbled":    {"guest: dmi/board_vendor \"Radical\n", false, "no fact"},
		"GuestCannotSay": {"guest: dmi/board_vendor \"error: no such file\"\n", false, "the guest cannot tell dmi/board_vendor"},
	} {
		report, complete, err := parseReport(c.console)
		if complete != c.complete || (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: got %v, complete %v and error %v, want complete %v and an error with %q", name, report, complete, err, c.complete, c.bad)
		}
		if err == nil && report["cloud-init/user-data"] != "#cloud-config\nusers: []" {
			t.Errorf("%s: got report %v", name, report)
		}
	}
}
