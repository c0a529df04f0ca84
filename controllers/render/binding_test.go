// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

func TestBindings(t *testing.T) {
	const ref, clusterRef = "domainpatch.kubevirt.io/", "clusterdomainpatch.kubevirt.io/"
	selecting := func(key, value string) func(*v1alpha1.DomainPatch) {
		return func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
		}
	}
	unparsable := func(dp *v1alpha1.DomainPatch) {
		dp.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	}
	foreign := func(dp *v1alpha1.DomainPatch) { dp.Namespace = "other" }
	type patches = []v1alpha1.DomainPatch
	cases := map[string]struct {
		reason  string
		labels  map[string]string
		patches patches
		want    string   // names in order, ! behind demanded ones
		err     []string // parts of the error
	}{
		"None":     {"no label, no selector", nil, patches{domainPatch("a")}, "", nil},
		"Demanded": {"a reference", map[string]string{ref + "a": "true"}, patches{domainPatch("a"), domainPatch("b")}, "a!", nil},
		"Missing": {"a demand of what is not there", map[string]string{ref + "a": "true"}, nil, "",
			[]string{ref + "a", "DomainPatch vms/a does not exist"}},
		"OtherNamespace": {"references reach into the own namespace only", map[string]string{ref + "a": "true"},
			patches{domainPatch("a", foreign)}, "", []string{"vms/a does not exist"}},
		"OtherNamespaceSelector": {"selectors, too", nil, patches{domainPatch("a", foreign, everyVMI)}, "", nil},
		"Optional":               {"applied if present", map[string]string{ref + "a": "optional"}, patches{domainPatch("a")}, "a", nil},
		"OptionalMissing":        {"and if not, not", map[string]string{ref + "a": "optional"}, nil, "", nil},
		"False":                  {"no reference", map[string]string{ref + "a": "false"}, patches{domainPatch("a")}, "", nil},
		"FalseSelected":          {"no reference, but a selector", map[string]string{ref + "a": "false"}, patches{domainPatch("a", everyVMI)}, "a", nil},
		"BadValue": {"values are few", map[string]string{ref + "a": "yes"}, patches{domainPatch("a")}, "",
			[]string{ref + "a", `"yes"`, `"optional"`}},
		"EmptyValue": {"as users write labels", map[string]string{ref + "a": ""}, patches{domainPatch("a")}, "", []string{`""`}},
		"Inject": {"a label of namespaces on a VM", map[string]string{ref + "inject": "disabled"}, nil, "",
			[]string{"label of the namespace"}},
		"PatchNamedInject": {"any name may be a patch's", map[string]string{ref + "inject": "true"}, patches{domainPatch("inject")}, "inject!", nil},
		"OtherPrefix": {"labels of bundles and of others are no references",
			map[string]string{v1alpha1.BundleIDLabel: "0a", "xdomainpatch.kubevirt.io/a": "yes", "domainpatch.kubevirt.iox/a": "yes", "domainpatch": "yes"},
			patches{domainPatch("a")}, "", nil},
		"ClusterDemanded": {"there are no such patches", map[string]string{clusterRef + "a": "true"}, patches{domainPatch("a")}, "",
			[]string{clusterRef + "a", "ClusterDomainPatch a does not exist"}},
		"ClusterOptional": {"nothing is demanded", map[string]string{clusterRef + "a": "optional", clusterRef + "b": "false"}, patches{domainPatch("a")}, "", nil},
		"ClusterBadValue": {"values are few there, too", map[string]string{clusterRef + "a": "yes"}, nil, "", []string{clusterRef + "a", `"yes"`}},
		"AllErrors": {"at once, in a stable order", map[string]string{ref + "b": "true", ref + "a": "true", ref + "c": "no", clusterRef + "d": "true"}, nil, "",
			[]string{ref + "c", ref + "a", ref + "b", clusterRef + "d"}},
		"EmptySelector": {"{} selects all", nil, patches{domainPatch("a", everyVMI), domainPatch("b")}, "a", nil},
		"Selector": {"labels decide", map[string]string{"os": "linux"},
			patches{domainPatch("a", selecting("os", "linux")), domainPatch("b", selecting("os", "windows"))}, "a", nil},
		"BothWays":   {"counted once", map[string]string{ref + "a": "true"}, patches{domainPatch("a", everyVMI)}, "a!", nil},
		"Unparsable": {"what may select is not forgotten", nil, patches{domainPatch("a", unparsable)}, "a", nil},
		"Order": {"by order, then by name", nil, patches{domainPatch("d", everyVMI), domainPatch("c", everyVMI, order(1)),
			domainPatch("b", everyVMI), domainPatch("a", everyVMI, order(2)), domainPatch("e", everyVMI, order(-1))}, "e b d c a", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bindings, err := render.Bindings(tc.labels, render.Namespace{Name: "vms"}, render.Patches(tc.patches, nil))
			checkError(t, err, tc.err, tc.reason)
			var names []string
			for _, b := range bindings {
				name := b.Patch.Name
				if b.Demanded {
					name += "!"
				}
				names = append(names, name)
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("bound: %q, want %q: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestClusterBindings(t *testing.T) {
	const ref, clusterRef = "domainpatch.kubevirt.io/", "clusterdomainpatch.kubevirt.io/"
	team := func(value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"team": value}}
	}
	here := func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.NamespaceSelector = team("a") }
	elsewhere := func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.NamespaceSelector = team("b") }
	everywhere := func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.NamespaceSelector = &metav1.LabelSelector{} }
	unparsable := func(cdp *v1alpha1.ClusterDomainPatch) {
		cdp.Spec.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	}
	every := func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.Selector = &metav1.LabelSelector{} }
	first := func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.Order = -9 }
	type patches = []v1alpha1.ClusterDomainPatch
	cases := map[string]struct {
		reason string
		labels map[string]string
		tenant []v1alpha1.DomainPatch
		admin  patches
		want   string // names in order, ! behind demanded ones
		err    []string
	}{
		"None":              {"no label, no selector", nil, nil, patches{clusterPatch("c")}, "", nil},
		"Demanded":          {"a reference", map[string]string{clusterRef + "c": "true"}, nil, patches{clusterPatch("c"), clusterPatch("d")}, "c!", nil},
		"Optional":          {"applied if present", map[string]string{clusterRef + "c": "optional", clusterRef + "d": "optional"}, nil, patches{clusterPatch("c")}, "c", nil},
		"False":             {"no reference", map[string]string{clusterRef + "c": "false"}, nil, patches{clusterPatch("c")}, "", nil},
		"Missing":           {"a demand of what is not there", map[string]string{clusterRef + "c": "true"}, nil, patches{clusterPatch("d")}, "", []string{clusterRef + "c", "ClusterDomainPatch c does not exist"}},
		"Selector":          {"labels of the VM decide", nil, nil, patches{clusterPatch("c", every)}, "c", nil},
		"NamespaceSelector": {"and of the namespace", nil, nil, patches{clusterPatch("c", every, here), clusterPatch("d", every, elsewhere), clusterPatch("e", every, everywhere)}, "c e", nil},
		"NamespaceAlone":    {"a namespace is not a VM", nil, nil, patches{clusterPatch("c", here)}, "", nil},
		"DemandHere":        {"a reference reaches what selects the namespace", map[string]string{clusterRef + "c": "true"}, nil, patches{clusterPatch("c", here)}, "c!", nil},
		"DemandElsewhere":   {"and nothing else", map[string]string{clusterRef + "c": "true"}, nil, patches{clusterPatch("c", elsewhere)}, "", []string{clusterRef + "c", "namespaceSelector of ClusterDomainPatch c does not select namespace vms"}},
		"OptionalElsewhere": {"applied if it may", map[string]string{clusterRef + "c": "optional"}, nil, patches{clusterPatch("c", elsewhere)}, "", nil},
		"Unparsable":        {"what may select is not forgotten", nil, nil, patches{clusterPatch("c", every, unparsable)}, "c", nil},
		"OneNameTwoKinds":   {"labels tell them apart", map[string]string{ref + "x": "true"}, []v1alpha1.DomainPatch{domainPatch("x")}, patches{clusterPatch("x")}, "x!", nil},
		"BothKinds":         {"labels tell them apart", map[string]string{ref + "x": "true", clusterRef + "x": "optional"}, []v1alpha1.DomainPatch{domainPatch("x")}, patches{clusterPatch("x")}, "x! x", nil},
		"Order":             {"the admin's run last, whatever their order", nil, []v1alpha1.DomainPatch{domainPatch("z", everyVMI, order(9)), domainPatch("y", everyVMI)}, patches{clusterPatch("b", every), clusterPatch("c", every, first), clusterPatch("a", every)}, "y z c a b", nil},
		"AllErrors":         {"at once, in a stable order", map[string]string{clusterRef + "b": "true", ref + "b": "true", clusterRef + "a": "x"}, nil, nil, "", []string{clusterRef + "a", " " + ref + "b", clusterRef + "b"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			namespace := render.Namespace{Name: "vms", Labels: map[string]string{"team": "a"}}
			bindings, err := render.Bindings(tc.labels, namespace, append(render.Patches(nil, tc.admin), render.Patches(tc.tenant, nil)...))
			checkError(t, err, tc.err, tc.reason)
			var names []string
			for _, b := range bindings {
				names = append(names, b.Patch.Name+map[bool]string{true: "!"}[b.Demanded])
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("bound: %q, want %q: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// TestManyBadLabels writes as many labels as fit into an object, and longer ones than the API server accepts.
func TestManyBadLabels(t *testing.T) {
	const ref, clusterRef = "domainpatch.kubevirt.io/", "clusterdomainpatch.kubevirt.io/"
	labels, admins := map[string]string{}, []v1alpha1.ClusterDomainPatch{}
	for i := range 10000 {
		name := fmt.Sprintf("p%05d", i)
		labels[ref+name], labels[ref+"x"+name], labels[clusterRef+name] = "true", "bad", "true"
		if i < 100 {
			elsewhere := clusterPatch("e" + name)
			elsewhere.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "b"}}
			admins = append(admins, elsewhere)
			labels[clusterRef+elsewhere.Name] = "true"
		}
	}
	labels[ref+"a"+strings.Repeat("a", 1<<20)] = "true"
	labels[clusterRef+"a"+strings.Repeat("b", 1<<20)] = strings.Repeat("c", 1<<20)
	slices.Reverse(admins)
	_, err := render.Bindings(labels, render.Namespace{Name: "vms"}, render.Patches(nil, admins))
	checkError(t, err, []string{
		clusterRef + "abbb", ref + "xp00000: value", ref + "xp00001: value", "and 9998 more such labels",
		"ClusterDomainPatch ep00000 does not select", "ClusterDomainPatch ep00001 does not", "ep00002 does not", "and 97 more such labels",
		"vms/aaa", "vms/p00000 does not exist", "vms/p00001 does not exist", "and 9998 more such labels",
		"ClusterDomainPatch p00000 does not exist", "ClusterDomainPatch p00002 does not exist", "and 9997 more such labels",
	}, "the first of each kind, the others counted")
	if n := len(err.Error()); n > 8<<10 {
		t.Errorf("the error has %d bytes", n)
	}
}

// clusterPatch is a patch that compiles and binds by reference only.
func clusterPatch(name string, changes ...func(*v1alpha1.ClusterDomainPatch)) v1alpha1.ClusterDomainPatch {
	cdp := v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: name}}
	cdp.Spec.DomainPatchSpec = domainPatch(name).Spec
	for _, change := range changes {
		change(&cdp)
	}
	return cdp
}

// checkError wants an error with all the parts in their order, or none.
func checkError(t *testing.T, err error, parts []string, reason string) {
	t.Helper()
	if (err != nil) != (parts != nil) {
		t.Fatalf("error %v, want one with %q: %s", err, parts, reason)
	}
	if err == nil {
		return
	}
	rest := err.Error()
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Fatalf("error %q, want one with %q in this order: %s", err, parts, reason)
		}
		rest = after
	}
}

func TestParseVMI(t *testing.T) {
	cases := map[string]struct {
		reason string
		json   string
		want   render.VMI
		err    []string
	}{
		"Empty":       {"nothing is required", "{}", render.VMI{}, nil},
		"Metadata":    {"what binding needs", `{"metadata":{"labels":{"a":"b"},"annotations":{"c":"d"},"x":1},"y":2}`, render.VMI{Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}}, nil},
		"NoCloud":     {"a volume", `{"spec":{"volumes":[{"name":"d","containerDisk":{}},{"name":"c","cloudInitNoCloud":{"userData":"x"}}]}}`, render.VMI{CloudInit: true, Volumes: []string{"d", "c"}}, nil},
		"ConfigDrive": {"the other kind", `{"spec":{"volumes":[{"name":"c","cloudInitConfigDrive":{}}]}}`, render.VMI{CloudInit: true, Volumes: []string{"c"}}, nil},
		"NoVolume":    {"other volumes", `{"spec":{"volumes":[{"name":"d","containerDisk":{}},{"name":"c","cloudInitNoCloud":null}]}}`, render.VMI{Volumes: []string{"d", "c"}}, nil},
		"Spelling":    {"names are exact, as for the API server", `{"Metadata":{"labels":{"a":"b"}},"spec":{"volumes":[{"name":"v","cloudinitnocloud":{}}]}}`, render.VMI{Volumes: []string{"v"}}, nil},
		"NotJSON":     {"foreign bytes", "x", render.VMI{}, []string{"cannot read the VMI"}},
		"WrongType":   {"foreign bytes", `{"metadata":{"labels":1}}`, render.VMI{}, []string{"cannot read the VMI", "labels"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := render.ParseVMI([]byte(tc.json))
			checkError(t, err, tc.err, tc.reason)
			if err == nil {
				tc.want.JSON = []byte(tc.json)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("VMI, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
