// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

var image = render.Image{Name: "example/shim:v2", PullPolicy: "IfNotPresent"}

// entry is the entry for a bundle, spelled out.
func entry(sha, image, hooks string) string {
	return fmt.Sprintf(`{"image":"%s","imagePullPolicy":"IfNotPresent",`+
		`"args":["--version","v1alpha3","--bundle","/usr/bin/onDefineDomain","--sha256","%s","--hooks","%s"],`+
		`"configMap":{"name":"domainpatch-%s","key":"bundle.json","hookPath":"/usr/bin/onDefineDomain"}}`, image, sha, hooks, sha[:32])
}

func TestEntry(t *testing.T) {
	cases := map[string]struct {
		reason string
		patch  v1alpha1.DomainPatch
		hooks  string
	}{
		"Domain":    {"the least", domainPatch("a", everyVMI), "OnDefineDomain"},
		"CloudInit": {"where it is due", domainPatch("a", everyVMI, cloudInit()), "OnDefineDomain,PreCloudInitIso"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := rendered(t, tc.patch)
			got, err := json.Marshal(b.Entry(image))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(entry(b.SHA256, image.Name, tc.hooks), string(got)); diff != "" {
				t.Errorf("entry, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAnnotations(t *testing.T) {
	b := rendered(t, domainPatch("a", everyVMI))
	none := &render.Bundle{}
	old := strings.Repeat("0a", 32)
	const foreign = `{"image": "x/y", "unknown":[1.0], "args":["--version","v1alpha2"]}`
	const dropIn = `{"image":"example/shim:v2","args":["--version","v1alpha3","--allow-exec"],` +
		`"configMap":{"name":"my-script","key":"script.sh","hookPath":"/usr/bin/onDefineDomain"}}`
	ours := entry(b.SHA256, image.Name, "OnDefineDomain")
	list := func(entries ...string) string { return "[" + strings.Join(entries, ",") + "]" }
	cases := map[string]struct {
		reason     string
		bundle     *render.Bundle
		annotation string // hookSidecars
		marked     string // bundle annotation
		want       string // hookSidecars; empty for no annotations
		err        []string
	}{
		"First":     {"nothing is there", b, "", "", list(ours), nil},
		"EmptyList": {"nothing in it", b, "[]", "", list(ours), nil},
		"Foreign":   {"entries of others are kept as they are, before ours", b, "[" + foreign + " , {}]", "", list(foreign, "{}", ours), nil},
		"DropIn":    {"our image with the user's script in place of a bundle is his, not ours", b, list(dropIn), "", list(dropIn, ours), nil},
		"Again":     {"idempotent", b, list(foreign, ours), b.SHA256, list(foreign, ours), nil},
		"Moved":     {"another webhook ran in between", b, list(ours, foreign), b.SHA256, list(foreign, ours), nil},
		"Replaced": {"reinvocation: what this webhook wrote is its own", b, list(entry(old, image.Name, "OnDefineDomain"), foreign), old,
			list(foreign, ours), nil},
		"Hooks":    {"reinvocation: a cloud-init volume went", b, list(entry(b.SHA256, image.Name, "OnDefineDomain,PreCloudInitIso")), b.SHA256, list(ours), nil},
		"Rendered": {"the command line tool wrote what binds", b, list(ours), "", list(ours), nil},
		"OldImage": {"and an older version did", b, list(entry(b.SHA256, "example/shim@sha256:00", "OnDefineDomain")), "", list(ours), nil},
		"Twice":    {"an entry was copied", b, list(ours, ours), b.SHA256, list(ours), nil},
		"Marked":   {"a copy of a running VMI without entry", b, "", old, list(ours), nil},
		"Stale":    {"an entry of another bundle", b, list(foreign, entry(old, image.Name, "OnDefineDomain")), "", "", []string{"[1]", old, b.SHA256}},
		"StaleMarked": {"an entry of another bundle, and a mark of a third", b, list(entry(old, image.Name, "OnDefineDomain")), strings.Repeat("0b", 32), "",
			[]string{"[0]", old, b.SHA256}},
		"NoHash":      {"an entry that ends where the hash should be, and no mark", b, `[{"args":["--bundle","b","--sha256"],"configMap":{"name":"domainpatch-x"}}]`, "", "", []string{`""`, b.SHA256}},
		"OtherImage":  {"what binds, run by somebody else's image", b, list(entry(b.SHA256, "evil/shim:v2", "OnDefineDomain")), "", "", []string{b.SHA256, "image"}},
		"Malformed":   {"never overwritten", b, "[{]", "", "", []string{"hooks.kubevirt.io/hookSidecars"}},
		"NoList":      {"never overwritten", b, "{}", "", "", []string{"hooks.kubevirt.io/hookSidecars"}},
		"WrongType":   {"KubeVirt refuses it, too", b, `[{"image":1}]`, "", "", []string{"[0]"}},
		"NoBinding":   {"left alone", none, list(foreign), "", "", nil},
		"NoDropIn":    {"left alone", none, list(dropIn), "", "", nil},
		"NoAnnot":     {"left alone", none, "", "", "", nil},
		"NoMalformed": {"not ours to judge where nothing binds", none, "[{]", "", "", nil},
		"NoStale":     {"an entry of ours that nothing asks for", none, list(ours), "", "", []string{"[0]", b.SHA256, "no patch binds"}},
		"NoStaleMark": {"never silently removed", none, list(ours), b.SHA256, "", []string{"[0]", b.SHA256, "no patch binds"}},
		"NoMark":      {"a mark of nothing", none, "", b.SHA256, "", []string{"domainpatch.kubevirt.io/bundle", b.SHA256}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			existing := annotations(tc.annotation, tc.marked)
			got, err := tc.bundle.Annotations(existing, image)
			checkError(t, err, tc.err, tc.reason)
			var want map[string]string
			if tc.want != "" {
				want = annotations(tc.want, b.SHA256)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("annotations, %s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(annotations(tc.annotation, tc.marked), existing); diff != "" {
				t.Errorf("the input changed (-want +got):\n%s", diff)
			}
			if want != nil {
				if err := tc.bundle.Verify(got, image); err != nil {
					t.Errorf("Verify refuses what Annotations gave: %v", err)
				}
			}
		})
	}
}

func TestVerify(t *testing.T) {
	b := rendered(t, domainPatch("a", everyVMI))
	old := strings.Repeat("0a", 32)
	ours := entry(b.SHA256, image.Name, "OnDefineDomain")
	cases := map[string]struct {
		reason     string
		annotation string
		marked     string
		err        []string
	}{
		"Good":       {"what binds", "[" + ours + "]", b.SHA256, nil},
		"Foreign":    {"others may add theirs", "[" + ours + `,{"image":"x"}]`, b.SHA256, nil},
		"Tag":        {"another version of the operator", "[" + entry(b.SHA256, "example/shim:v1", "OnDefineDomain") + "]", b.SHA256, nil},
		"PullPolicy": {"another version of the operator", "[" + strings.Replace(ours, "IfNotPresent", "Always", 1) + "]", b.SHA256, nil},
		"Repository": {"another image", "[" + entry(b.SHA256, "example.org:5000/shim:v2", "OnDefineDomain") + "]", b.SHA256, []string{b.SHA256, "image"}},
		"Gone":       {"somebody removed it", "", b.SHA256, []string{"no entry", b.SHA256}},
		"OtherHash":  {"somebody replaced it", "[" + entry(old, image.Name, "OnDefineDomain") + "]", b.SHA256, []string{old, b.SHA256}},
		"Race":       {"the webhook wrote it when other patches bound", "[" + entry(old, image.Name, "OnDefineDomain,PreCloudInitIso") + "]", old, []string{"the patches changed", old, "tries again"}},
		"RacePVC":    {"the webhook wrote it when other patches bound", "[" + strings.Replace(entry(old, image.Name, "OnDefineDomain"), `"configMap"`, `"pvc":{"name":"ovmf","volumePath":"/ovmf","sharedComputePath":"/var/run/domainpatch/a"},"configMap"`, 1) + "]", old, []string{"the patches changed", old}},
		"NoRacePVC":  {"the webhook would not have written it", "[" + strings.Replace(entry(old, image.Name, "OnDefineDomain"), `"configMap"`, `"pvc":{"name":"ovmf","volumePath":"/ovmf","sharedComputePath":"/usr"},"configMap"`, 1) + "]", old, []string{old, "remove the entry"}},
		"NoRaceArgs": {"the webhook would not have written it", "[" + strings.Replace(entry(old, image.Name, "OnDefineDomain"), `"--hooks"`, `"--allow-exec","--hooks"`, 1) + "]", old, []string{old, "remove the entry"}},
		"NoRaceTwo":  {"the webhook would not have written it", "[" + entry(old, image.Name, "OnDefineDomain") + "," + entry(old, image.Name, "OnDefineDomain") + "]", old, []string{"2 entries"}},
		"NoRaceHash": {"no hash", `[{"args":["--bundle","b","--sha256","x"],"configMap":{"name":"domainpatch-x"}}]`, "x", []string{"remove the entry"}},
		"Both":       {"somebody added another", "[" + ours + "," + entry(old, image.Name, "OnDefineDomain") + "]", b.SHA256, []string{"2 entries"}},
		"Hooks":      {"somebody added a hook", "[" + entry(b.SHA256, image.Name, "OnDefineDomain,PreCloudInitIso") + "]", b.SHA256, []string{b.SHA256, "arguments"}},
		"AllowExec":  {"somebody lets programs run", "[" + strings.Replace(ours, `"--hooks"`, `"--allow-exec","--hooks"`, 1) + "]", b.SHA256, []string{b.SHA256, "arguments"}},
		"Command":    {"somebody runs something else", "[" + strings.Replace(ours, "{", `{"command":["sh"],`, 1) + "]", b.SHA256, []string{"command"}},
		"PVC":        {"somebody mounts something", "[" + strings.Replace(ours, "{", `{"pvc":{"name":"a","volumePath":"/","sharedComputePath":"/"},`, 1) + "]", b.SHA256, []string{"mounts"}},
		"NoMark":     {"the mark is gone", "[" + ours + "]", "", []string{"domainpatch.kubevirt.io/bundle", b.SHA256}},
		"OtherMark":  {"the mark is another's", "[" + ours + "]", old, []string{old, b.SHA256}},
		"Malformed":  {"nobody knows what KubeVirt makes of it", "[" + ours, b.SHA256, []string{"hooks.kubevirt.io/hookSidecars"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkError(t, b.Verify(annotations(tc.annotation, tc.marked), image), tc.err, tc.reason)
		})
	}
	none := &render.Bundle{}
	checkError(t, none.Verify(annotations("["+ours+"]", b.SHA256), image), []string{"the patches changed", b.SHA256}, "the webhook wrote it when a patch bound")
	checkError(t, none.Verify(annotations("["+ours+"]", ""), image), []string{"remove the entry"}, "somebody else wrote it")
}

func annotations(hookSidecars, marked string) map[string]string {
	all := map[string]string{}
	if hookSidecars != "" {
		all[v1alpha1.HookSidecarsAnnotation] = hookSidecars
	}
	if marked != "" {
		all[v1alpha1.BundleAnnotation] = marked
	}
	return all
}
