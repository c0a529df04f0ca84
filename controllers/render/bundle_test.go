// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

func TestRender(t *testing.T) {
	const plain = `{"metadata":{"name":"vm"}}`
	const withVolume = `{"metadata":{"name":"vm"},"spec":{"volumes":[{"name":"c","cloudInitNoCloud":{}}]}}`
	demand := func(names ...string) string {
		labels := ""
		for _, name := range names {
			labels += fmt.Sprintf(`,"domainpatch.kubevirt.io/%s":"true"`, name)
		}
		return fmt.Sprintf(`{"metadata":{"labels":{%s}}}`, labels[1:])
	}
	type patches = []v1alpha1.DomainPatch
	type renderCase struct {
		reason    string
		vmi       string
		patches   patches
		want      []string // names in the bundle
		cloudInit bool
		leftOut   []string // parts of the reasons
		err       []string
	}
	cases := map[string]renderCase{
		"None":    {"nothing binds", plain, patches{domainPatch("a")}, nil, false, nil, nil},
		"Ordered": {"in the order of binding", plain, patches{domainPatch("b", everyVMI), domainPatch("a", everyVMI)}, []string{"a", "b"}, false, nil, nil},
		"NotAccepted": {"under Fail the VMI is refused", plain, patches{domainPatch("a", everyVMI, broken), domainPatch("b", everyVMI)}, nil, false, nil,
			[]string{"DomainPatch vms/a is not accepted", "spec.domain[0].path"}},
		"NotAcceptedIgnored": {"under Ignore it starts without", plain,
			patches{domainPatch("a", everyVMI, broken, ignore), domainPatch("b", everyVMI)}, []string{"b"}, false, []string{"DomainPatch vms/a is not accepted"}, nil},
		"NotAcceptedAlone": {"nothing is left", plain,
			patches{domainPatch("a", everyVMI, broken, ignore)}, nil, false, []string{"DomainPatch vms/a is not accepted"}, nil},
		"NotAcceptedDemanded": {"a demand is stronger than Ignore", demand("a"), patches{domainPatch("a", broken, ignore)}, nil, false, nil,
			[]string{"DomainPatch vms/a is not accepted"}},
		"NotBound":        {"a broken patch is no concern of other VMIs", plain, patches{domainPatch("a", broken)}, nil, false, nil, nil},
		"Missing":         {"a demand", demand("a"), nil, nil, false, nil, []string{"vms/a does not exist"}},
		"AllRefusals":     {"at once", plain, patches{domainPatch("b", everyVMI, broken), domainPatch("a", everyVMI, broken)}, nil, false, nil, []string{"vms/a is", "vms/b is"}},
		"CloudInit":       {"a hook to subscribe to", withVolume, patches{domainPatch("a", everyVMI, cloudInit())}, []string{"a"}, true, nil, nil},
		"CloudInitUnused": {"no patch edits cloud-init", withVolume, patches{domainPatch("a", everyVMI)}, []string{"a"}, false, nil, nil},
		"NoVolume": {"nothing to edit", plain, patches{domainPatch("a", everyVMI, cloudInit())}, nil, false, nil,
			[]string{"DomainPatch vms/a cannot apply", "cloudInitNoCloud"}},
		"NoVolumeIgnored": {"under Ignore it starts without", plain, patches{domainPatch("a", everyVMI, cloudInit(), ignore), domainPatch("b", everyVMI)},
			[]string{"b"}, false, []string{"DomainPatch vms/a cannot apply"}, nil},
		"NoVolumeDemandedIgnored": {"the patch is there and accepted", demand("a"), patches{domainPatch("a", cloudInit(), ignore)},
			nil, false, []string{"DomainPatch vms/a cannot apply"}, nil},
		"NoVolumeUnmatched": {"the shim skips the patch", plain, patches{domainPatch("a", everyVMI, cloudInit("vmi.metadata.name == 'other'"))},
			[]string{"a"}, false, nil, nil},
		"NoVolumeMatched": {"the condition holds", plain, patches{domainPatch("a", everyVMI, cloudInit("vmi.metadata.name == 'vm'"))}, nil, false, nil,
			[]string{"DomainPatch vms/a cannot apply"}},
		"NoVolumeError": {"a condition that fails is a failure of the patch", plain, patches{domainPatch("a", everyVMI, cloudInit("vmi.spec.none == 1"))}, nil, false, nil,
			[]string{"DomainPatch vms/a cannot apply", "spec.matchConditions[0]"}},
		"NoVolumeErrorIgnored": {"and is ignored as one", plain, patches{domainPatch("a", everyVMI, cloudInit("vmi.spec.none == 1"), ignore)}, nil, false,
			[]string{"spec.matchConditions[0]"}, nil},
		"TooMany": {"a bundle has limits", plain, manyPatches(bundle.MaxPatches + 1), nil, false, nil, []string{"65 patches", "64"}},
	}
	large := func(dp *v1alpha1.DomainPatch) {
		value := strings.Repeat("x", 60_000)
		for range 5 {
			dp.Spec.Domain = append(dp.Spec.Domain, v1alpha1.DomainRule{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &value})
		}
	}
	cases["TooLargeTogether"] = renderCase{"the patches are named", plain, patches{domainPatch("a", everyVMI, large), domainPatch("b", everyVMI, large)}, nil, false, nil,
		[]string{"the patches that bind, DomainPatch vms/a, DomainPatch vms/b, are too much together", "over the limit of 524288"}}
	cases["TooLargeIgnored"] = renderCase{"under Ignore it starts without", plain, patches{domainPatch("a", everyVMI, large, ignore), domainPatch("b", everyVMI, large)},
		[]string{"b"}, false, []string{"DomainPatch vms/a cannot apply beside the others"}, nil}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vmi, err := render.ParseVMI([]byte(tc.vmi))
			if err != nil {
				t.Fatal(err)
			}
			got, err := render.Render(t.Context(), vmi, render.Namespace{Name: "vms"}, render.Objects{Patches: render.Patches(tc.patches, nil)}, render.NewCompiler())
			checkError(t, err, tc.err, tc.reason)
			if err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, patchNames(t, got)); diff != "" {
				t.Errorf("patches in the bundle, %s (-want +got):\n%s", tc.reason, diff)
			}
			if got.CloudInit != tc.cloudInit || len(got.LeftOut) != len(tc.leftOut) {
				t.Errorf("CloudInit %t, want %t; left out %v, want %q: %s", got.CloudInit, tc.cloudInit, got.LeftOut, tc.leftOut, tc.reason)
			}
			for i, want := range tc.leftOut {
				checkError(t, got.LeftOut[i].Reason, []string{want}, tc.reason)
			}
		})
	}
}

// However many patches a namespace has, what a VMI costs is bounded by what a bundle holds.
func TestBuildBounded(t *testing.T) {
	const many = 10_000
	value := strings.Repeat("x", 60_000)
	large := func(dp *v1alpha1.DomainPatch) {
		for range 8 {
			dp.Spec.Domain = append(dp.Spec.Domain, v1alpha1.DomainRule{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &value})
		}
	}
	cases := map[string]struct {
		reason            string
		patches           int
		change            func(*v1alpha1.DomainPatch)
		compiled, encoded int // patches
		err               []string
	}{
		"Fail":   {"refused without a look at them", many, func(*v1alpha1.DomainPatch) {}, 0, 0, []string{"DomainPatch vms/p0, DomainPatch vms/p1, DomainPatch vms/p10, and 9997 more", "10000 patches, over the limit of 64"}},
		"Ignore": {"the first ones", many, ignore, bundle.MaxPatches, bundle.MaxPatches, nil},
		"Large":  {"what fits", bundle.MaxPatches, func(dp *v1alpha1.DomainPatch) { ignore(dp); large(dp) }, bundle.MaxPatches, 1, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			patches := manyPatches(tc.patches)
			for i := range patches {
				tc.change(&patches[i])
			}
			compiled, compile := 0, render.NewCompiler()
			counting := compile
			counting.Patch = func(p render.Patch) (*patch.Program, error) {
				compiled++
				return compile.Patch(p)
			}
			got, err := render.Render(t.Context(), render.VMI{JSON: []byte("{}")}, render.Namespace{Name: "vms"}, render.Objects{Patches: render.Patches(patches, nil)}, counting)
			checkError(t, err, tc.err, tc.reason)
			if compiled != tc.compiled {
				t.Errorf("%d patches were compiled, want %d: %s", compiled, tc.compiled, tc.reason)
			}
			if err != nil {
				return
			}
			names := patchNames(t, got)
			slices.Sort(names)
			if len(names) != tc.encoded || len(names)+len(got.LeftOut) != tc.patches || names[0] != "p0" {
				t.Errorf("%d patches apply, %d are left out, want %d of %d: %s", len(names), len(got.LeftOut), tc.encoded, tc.patches, tc.reason)
			}
		})
	}
}

// A VMI that other webhooks will complete is not refused for what it lacks.
func TestBuildProvisional(t *testing.T) {
	vmi, err := render.ParseVMI([]byte(`{"metadata":{"name":"vm"},"spec":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	reads := domainPatch("a", everyVMI, cloudInit("vmi.spec.architecture == 'arm64'"))
	bindings := []render.Binding{{Patch: render.DomainPatch(&reads)}}
	if _, err := render.Build(t.Context(), vmi, bindings, nil, render.NewCompiler()); err == nil {
		t.Error("the final VMI lacks the field, and is not refused")
	}
	vmi.Provisional = true
	got, err := render.Build(t.Context(), vmi, bindings, nil, render.NewCompiler())
	if err != nil || !got.Applies() {
		t.Errorf("provisional: %v, %+v", err, got)
	}
}

// A patch that no bundle can hold is not accepted.
func TestCompileTooLarge(t *testing.T) {
	value := strings.Repeat("x", 60_000)
	huge := domainPatch("huge")
	for range 12 {
		huge.Spec.Domain = append(huge.Spec.Domain, v1alpha1.DomainRule{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &value})
	}
	_, err := render.Compile(render.DomainPatch(&huge))
	checkError(t, err, []string{"DomainPatch vms/huge: spec: ", "over the limit of 524288"}, "no bundle can hold it")
}

func manyPatches(n int) []v1alpha1.DomainPatch {
	var all []v1alpha1.DomainPatch
	for i := range n {
		all = append(all, domainPatch(fmt.Sprint("p", i), everyVMI))
	}
	return all
}

// patchNames decodes the bundle as the shim does.
func patchNames(t *testing.T, b *render.Bundle) []string {
	t.Helper()
	if !b.Applies() {
		return nil
	}
	decoded, err := bundle.Decode(b.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range decoded.Patches {
		names = append(names, p.Name)
	}
	return names
}

func TestBuildExpired(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dp := domainPatch("a", everyVMI, ignore, cloudInit("vmi.metadata.name == 'vm'"))
	_, err := render.Render(ctx, render.VMI{JSON: []byte("{}")}, render.Namespace{Name: "vms"}, render.Objects{Patches: []render.Patch{render.DomainPatch(&dp)}}, render.NewCompiler())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Render: %v, want context.Canceled: without a finding no patch may be left out", err)
	}
}

func TestConfigMap(t *testing.T) {
	b := rendered(t, domainPatch("a", everyVMI))
	got := b.ConfigMap("vms")
	if want := "domainpatch-" + b.SHA256[:32]; got.Name != want || len(got.Name) > 63 || got.Namespace != "vms" {
		t.Errorf("ConfigMap %s/%s, want vms/%s", got.Namespace, got.Name, want)
	}
	if !got.Immutable {
		t.Error("the ConfigMap is not immutable")
	}
	if diff := cmp.Diff(map[string]string{"bundle.json": string(b.JSON)}, got.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	want := map[string]string{"app.kubernetes.io/managed-by": "domainpatch", "bundle.domainpatch.kubevirt.io/id": b.SHA256[:32]}
	if diff := cmp.Diff(want, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if b.SHA256 != bundle.Sum(b.JSON) || len(b.SHA256) != 64 {
		t.Errorf("SHA256 %q is not that of the bundle", b.SHA256)
	}
	other := rendered(t, domainPatch("a", everyVMI, func(dp *v1alpha1.DomainPatch) { dp.UID, dp.Generation, dp.Labels = "u", 7, map[string]string{"a": "b"} }))
	if other.SHA256 != b.SHA256 {
		t.Error("the same patch, deleted and created again, has another bundle")
	}
	if strings.Contains(string(b.JSON), "selector") {
		t.Error("the selector is no part of what applies")
	}
}

// rendered is the bundle of patches for a VMI with a cloud-init volume.
func rendered(t *testing.T, patches ...v1alpha1.DomainPatch) *render.Bundle {
	t.Helper()
	b, err := render.Render(t.Context(), render.VMI{CloudInit: true, JSON: []byte("{}")}, render.Namespace{Name: "vms"}, render.Objects{Patches: render.Patches(patches, nil)}, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	return b
}
