// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const (
	boardRule = `domain: [{op: set, path: "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='product']", `
	rack      = `variables: [{name: r, expression: "vmi.metadata.labels['rack']", pattern: "[a-z]+"}], ` + boardRule + `expression: variables.r}]`
	web       = `selector: {matchLabels: {tier: web}}, `
)

// namespacedPatch is a DomainPatch.
func namespacedPatch(name, namespace, spec string) string {
	return "---\napiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: DomainPatch\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: {" + spec + "}\n"
}

func clusterWide(name, spec string) string {
	return strings.Replace(namespacedPatch(name, "''", spec), "kind: DomainPatch", "kind: ClusterDomainPatch", 1)
}

// vm is a VirtualMachine whose template has these labels, and otherVM another one.
func vm(namespace, labels string) string {
	return "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm, namespace: " + namespace + ", labels: {tier: own}}\n" +
		"spec:\n  template:\n    metadata: {labels: {" + labels + "}}\n    spec: {}\n"
}

func otherVM(namespace, labels string) string {
	return strings.Replace(vm(namespace, labels), "name: vm,", "name: other,", 1)
}

// TestVMs pins what is warned of where VMs are among the files.
func TestVMs(t *testing.T) {
	const namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: vms, labels: {zone: a}}\n"
	fixed := boardRule + `value: x}]`
	inZone := func(zone string) string {
		return clusterWide("p", web+"namespaceSelector: {matchLabels: {zone: "+zone+"}}, "+rack)
	}
	conflicting := namespacedPatch("p", "vms", web+fixed) + namespacedPatch("q", "vms", "selector: {matchLabels: {rack: a}}, "+boardRule+`value: other}]`)
	cases := map[string]struct {
		reason, text string
		want         []string
	}{
		"Selected":        {"one is enough", namespacedPatch("p", "vms", web+fixed) + vm("vms", "") + otherVM("vms", "tier: web"), nil},
		"NoVMs":           {"VMs may be anywhere", namespacedPatch("p", "vms", web+fixed), nil},
		"OtherNamespace":  {"those of the patch's namespace may be anywhere", namespacedPatch("p", "vms", web+fixed) + vm("other", ""), nil},
		"NoneSelected":    {"the VM's own labels are not the template's", namespacedPatch("p", "vms", "selector: {matchLabels: {tier: own}}, "+fixed) + vm("vms", ""), []string{"DP117"}},
		"NoNamespaces":    {"which kustomize gives", namespacedPatch("p", "''", web+fixed) + vm("''", ""), []string{"DP117"}},
		"NoNamespaceOfVM": {"which may be that of the patch", namespacedPatch("p", "vms", web+fixed) + vm("''", "tier: web"), nil},
		"ByLabel":         {"it refers to the patch", namespacedPatch("p", "vms", web+fixed) + vm("vms", `domainpatch.kubevirt.io/p: "true"`), nil},
		"OnlyByLabel":     {"patches without a selector may wait for VMs", namespacedPatch("p", "vms", fixed) + vm("vms", ""), nil},
		"UnknownLabels":   {"the namespace may have the label", inZone("b") + vm("vms", "tier: web, rack: a"), nil},
		"OtherZone":       {"those of its zone may be anywhere", inZone("b") + namespace + vm("vms", "tier: web, rack: a") + otherVM("vms", "tier: db"), nil},
		"NoneInZone":      {"and none is selected", inZone("a") + namespace + vm("vms", "tier: db"), []string{"DP117"}},
		"ZoneOfUnplaced":  {"it need not be meant for namespace default", inZone("a") + strings.Replace(namespace, "name: vms", "name: default", 1) + vm("''", "tier: web"), nil},
		"UnknownZone":     {"the namespace may be of another zone", inZone("b") + vm("vms", "tier: db"), nil},
		"PerhapsInZone":   {"the namespace of the one that is selected may have the label", inZone("a") + namespace + vm("vms", "tier: db") + otherVM("other", "tier: web"), nil},
		"Unselected":      {"the patch may be for another namespace than the VM's", namespacedPatch("p", "''", web+fixed) + vm("vms", ""), nil},
		"Namesakes":       {"these are two VMs", namespacedPatch("p", "vms", web+fixed) + vm("vms", "") + vm("other", ""), []string{"DP117"}},
		"InZone":          {"and this one binds", inZone("a") + namespace + vm("vms", "tier: web"), []string{"DP118"}},
		"NotInZone":       {"what may not bind need not be there", inZone("a") + vm("vms", "tier: web"), nil},
		"Label":           {"not there", namespacedPatch("p", "vms", web+rack) + vm("vms", "tier: web"), []string{"DP118"}},
		"LabelTwice":      {"told once", namespacedPatch("p", "vms", web+rack) + vm("vms", "tier: web") + otherVM("vms", "tier: web, a: b"), []string{"DP118"}},
		"LabelThere":      {"it is there", namespacedPatch("p", "vms", web+rack) + vm("vms", "tier: web, rack: a"), nil},
		"LabelElsewhere":  {"the VM may be for another namespace than the patch's", namespacedPatch("p", "vms", web+rack) + vm("''", "tier: web"), nil},
		"LabelOfPlaced":   {"the patch may be for another namespace than the VM's", namespacedPatch("p", "''", web+rack) + vm("vms", "tier: web"), nil},
		"LabelDemanded":   {"the VM is for the patch's namespace", namespacedPatch("p", "vms", rack) + vm("''", `domainpatch.kubevirt.io/p: "true"`), []string{"DP118"}},
		"Pieces":          {"kustomize puts what is selected together", namespacedPatch("p", "''", "selector: {matchLabels: {tier: web, rack: a}}, "+fixed) + vm("''", "tier: web") + vm("''", "rack: a"), nil},
		"LabelInBase":     {"kustomize puts it into the one that demands the patch", namespacedPatch("p", "''", rack) + vm("''", "rack: a") + vm("vms", `domainpatch.kubevirt.io/p: "true"`), nil},
		"Unbound":         {"nothing reads it", namespacedPatch("p", "vms", web+rack) + vm("vms", "tier: web, rack: a") + otherVM("vms", ""), nil},
		"KubeVirts":       {"KubeVirt writes it", namespacedPatch("p", "vms", web+strings.ReplaceAll(rack, "'rack'", "'vm.kubevirt.io/name'")) + vm("vms", "tier: web"), nil},
		"Instancetype": {"it may bring the label", namespacedPatch("p", "vms", web+rack) +
			strings.Replace(vm("vms", "tier: web"), "spec:\n", "spec:\n  instancetype: {name: i}\n", 1), nil},
		"Preference": {"it may bring the annotation", namespacedPatch("p", "vms", web+strings.ReplaceAll(rack, "labels", "annotations")) +
			strings.Replace(vm("vms", "tier: web"), "spec:\n", "spec:\n  preference: {name: p}\n", 1), nil},
		"Misspelt":       {"there is another patch", namespacedPatch("p", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/q: "true"`), []string{"DP119"}},
		"Unreadable":     {"it may be the patch", namespacedPatch("p", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/q: "true"`) + "---\nkind: {\n", []string{"DP001"}},
		"OtherKind":      {"there is none of that kind", namespacedPatch("p", "vms", fixed) + vm("vms", `clusterdomainpatch.kubevirt.io/q: "true"`), nil},
		"OtherNamesake":  {"nor of that namespace", namespacedPatch("p", "other", fixed) + vm("vms", `domainpatch.kubevirt.io/q: "true"`), nil},
		"Optional":       {"it need not be there", namespacedPatch("p", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/q: optional`), nil},
		"OptionalTypo":   {"the VM starts without what is meant", namespacedPatch("board", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/bord: optional`), []string{"DP119"}},
		"OptionalSwap":   {"of a cluster's patch", clusterWide("acme-board", fixed) + vm("vms", `clusterdomainpatch.kubevirt.io/acme-baord: optional`), []string{"DP119"}},
		"OptionalThere":  {"it is not misspelt", namespacedPatch("board", "vms", fixed) + namespacedPatch("boards", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/boards: optional`), nil},
		"OptionalOther":  {"it is another name", namespacedPatch("board", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/product: optional`), nil},
		"OptionalNumber": {"one of a row", namespacedPatch("board-1", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/board-2: optional`), nil},
		"OptionalLetter": {"one of a row", namespacedPatch("profile-a", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/profile-b: optional`), nil},
		"OptionalBoth":   {"the VM has the other one, too", namespacedPatch("board", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/boards: optional, domainpatch.kubevirt.io/board: "true"`), nil},
		"OptionalUnread": {"it may be the patch", namespacedPatch("board", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/bord: optional`) + "---\nkind: {\n", []string{"DP001"}},
		"Unplaced":       {"kustomize gives the namespace", namespacedPatch("p", "''", fixed) + vm("vms", `domainpatch.kubevirt.io/p: "true"`), nil},
		"UnplacedVM":     {"kustomize gives the namespace", namespacedPatch("p", "vms", fixed) + vm("''", `domainpatch.kubevirt.io/p: "true"`), nil},
		"ClusterPatch":   {"it is there", clusterWide("p", fixed) + vm("vms", `clusterdomainpatch.kubevirt.io/p: "true"`), nil},
		"Value":          {"is none", namespacedPatch("p", "vms", fixed) + vm("vms", `domainpatch.kubevirt.io/p: "yes"`), []string{"DP119"}},
		"Conflict":       {"they meet on that VM", conflicting + vm("vms", "tier: web, rack: a"), []string{"DP110", "DP110"}},
		"NoConflict":     {"they meet on none", conflicting + vm("vms", "tier: web") + otherVM("vms", "rack: a"), nil},
		"ConflictBase":   {"kustomize gives the namespace", strings.ReplaceAll(conflicting, "namespace: vms", "namespace: ''") + vm("vms", "tier: web, rack: a"), []string{"DP110", "DP110"}},
		"Pool":           {"its template is deeper", namespacedPatch("p", "vms", web+rack) + "---\napiVersion: pool.kubevirt.io/v1beta1\nkind: VirtualMachinePool\nmetadata: {name: pool, namespace: vms}\nspec: {virtualMachineTemplate: {spec: {template: {metadata: {labels: {tier: web}}, spec: {}}}}}\n", []string{"DP118"}},
		"NoTemplate":     {"is no VM", namespacedPatch("p", "vms", web+fixed) + "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm, namespace: vms}\nspec: {}\n", nil},
		"WrongTypes":     {"are no VM", namespacedPatch("p", "vms", web+fixed) + "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm, namespace: vms, annotations: 5}\nspec: {template: 7}\n", nil},
		"IgnoredAndRead": {"the VM starts without it, which is told", namespacedPatch("p", "vms", "failurePolicy: Ignore, "+web+rack) + vm("vms", "tier: web"), []string{"DP118"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, _ := read(t, Options{}, tc.text)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestVMsAreParsedOnce counts what is allocated for a large VM beside a small one: no more for 20 patches than for one.
func TestVMsAreParsedOnce(t *testing.T) {
	one, twenty := mallocsForLargeVM(t, 1), mallocsForLargeVM(t, 20)
	if one < 10000 || twenty > 2*one {
		t.Errorf("%d allocations for one patch and %d for 20, want at least 10000, and no more for 20", one, twenty)
	}
}

// mallocsForLargeVM is how many more allocations a VM of many fields takes than one of few.
func mallocsForLargeVM(t *testing.T, patches int) int {
	var text strings.Builder
	for i := range patches {
		text.WriteString(namespacedPatch(fmt.Sprintf("p%d", i), "vms", web+rack))
	}
	var mallocs [2]int
	for i, fields := range []int{1, 20000} {
		large := strings.Replace(vm("vms", "tier: web"), "spec: {}", "spec: {g: ["+strings.Repeat("{a: b}, ", fields)+"]}", 1)
		objects, _, err := offline.ParseObjects("vm.yaml", []byte(large))
		if err != nil {
			t.Fatal(err)
		}
		l, err := New(Options{VMs: objects.VMs()})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l.Read("patches.yaml", []byte(text.String()))
		runtime.ReadMemStats(&after)
		mallocs[i] = int(after.Mallocs - before.Mallocs)
	}
	return mallocs[1] - mallocs[0]
}
