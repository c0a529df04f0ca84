// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestRun takes every measurement once, without a claim about time: the contenders are
// checked before they are measured, and both outputs can be read.
func TestRun(t *testing.T) {
	b := &bench{repo: "..", rounds: 1, turn: 1}
	var out bytes.Buffer
	if err := run(t.Context(), &out, b, "json"); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Targets) != 3 || len(r.Fixtures) < 2 || len(r.Growth) != 2 {
		t.Errorf("a part of the report is missing: %+v", r)
	}
	out.Reset()
	if err := r.markdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{repeatedCall, xmlQuery, libvirtXML, rawToken, roundTrip} {
		if !strings.Contains(out.String(), "| "+want+" |") {
			t.Errorf("no line on %s in:\n%s", want, out.String())
		}
	}
}

// TestCarries shows that a contender without its edits is found out.
func TestCarries(t *testing.T) {
	doc, err := (&bench{repo: ".."}).source(mainFixture)
	if err != nil {
		t.Fatal(err)
	}
	if err := carries(doc.doc, entries()); err == nil {
		t.Error("the unpatched domain passes for a patched one")
	}
	if err := hasMTU([]byte(`{"NetworkData":"ethernets: {enp1s0: {}}"}`)); err == nil {
		t.Error("the unpatched network data pass for patched ones")
	}
}
