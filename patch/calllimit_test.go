// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestLimitsOfTheCallFailIt lets one patch use up what all share: the admin's patch, which may
// fail, must not be left out for that.
func TestLimitsOfTheCallFailIt(t *testing.T) {
	large := strings.Repeat("x", 262_000)
	admins := bundle.Patch{Kind: bundle.KindClusterDomainPatch, Name: "admin", FailurePolicy: bundle.Ignore,
		Domain:    []bundle.DomainRule{set("/domain/title", strings.Repeat("y", 1000))},
		CloudInit: []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/b", Value: []byte(`"` + strings.Repeat("y", 1000) + `"`)}}}
	tenants := onePatch("tenant", set("/domain/description", large))
	tenants.CloudInit = []bundle.CloudInitRule{{Target: bundle.UserData, Op: bundle.OpAdd, Path: "/a", Value: []byte(`"` + large + `"`)}}
	p := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{tenants, admins}})
	_, domainReport, domainErr := p.Domain(context.Background(), []byte(domain), []byte(vmi), nil)
	_, cloudInitReport, cloudInitErr := p.CloudInit(context.Background(), []byte(`{"UserData":"#cloud-config\n"}`), []byte(vmi))
	for hook, got := range map[string]struct {
		report *patch.Report
		err    error
	}{"domain": {domainReport, domainErr}, "cloud-init": {cloudInitReport, cloudInitErr}} {
		if got.err == nil || !strings.Contains(got.err.Error(), "ClusterDomainPatch admin") {
			t.Errorf("%s: got %v, want an error of the patch that found nothing left", hook, got.err)
		}
		if outcome := got.report.Patches[1].Outcome; outcome != patch.Failed {
			t.Errorf("%s: the patch is reported as %s", hook, outcome)
		}
	}
}

// TestManyBadPatches gives every patch a rule that acts twice. Each is found and left out, and
// the admin's patch, which is last and sane, applies.
func TestManyBadPatches(t *testing.T) {
	doc, err := os.ReadFile("testdata/domains/devices.xml")
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
	for i := range bundle.MaxPatches - 1 {
		p := onePatch(fmt.Sprintf("p%02d", i), bundle.DomainRule{Op: bundle.OpSet, Path: fmt.Sprintf("/domain/metadata/n%d", i), Expression: "current == null ? '1' : current + '1'"})
		p.FailurePolicy = bundle.Ignore
		b.Patches = append(b.Patches, p)
	}
	b.Patches = append(b.Patches, bundle.Patch{Kind: bundle.KindClusterDomainPatch, Name: "admin", FailurePolicy: bundle.Ignore, Domain: []bundle.DomainRule{set("/domain/title", "x")}})
	program := compile(t, b)
	began := time.Now()
	out, report, err := program.Domain(context.Background(), doc, []byte(vmi), nil)
	if err != nil || !strings.Contains(string(out), "<title>x</title>") {
		t.Fatalf("after %v: error %v", time.Since(began), err)
	}
	for i, p := range report.Patches {
		if want := map[bool]patch.Outcome{true: patch.Applied, false: patch.Ignored}[i == len(report.Patches)-1]; p.Outcome != want {
			t.Errorf("%s is %s (%s), want %s", p.Patch, p.Outcome, p.Reason, want)
		}
	}
}

// TestNoTimeLeavesNobodyOut ends the time of a call while it looks for the patch to blame.
func TestNoTimeLeavesNobodyOut(t *testing.T) {
	bad := onePatch("bad", bundle.DomainRule{Op: bundle.OpSet, Path: "/domain/title", Expression: "current == null ? '1' : current + '1'"})
	bad.FailurePolicy = bundle.Ignore
	admins := bundle.Patch{Kind: bundle.KindClusterDomainPatch, Name: "admin", FailurePolicy: bundle.Ignore, Domain: []bundle.DomainRule{set("/domain/description", "x")}}
	p := compile(t, &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{bad, admins}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out, _, err := p.Domain(ctx, []byte(domain), []byte(vmi), nil)
	if out != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d bytes and error %v, want the call to fail", len(out), err)
	}
}
