// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// fleet is a namespace's worth of patches, and VMIs that run with five of them each, half of
// them with an older version.
type fleet struct {
	patches []render.Patch
	vmis    []kubevirt.VirtualMachineInstance
	reader  client.Reader
}

func newFleet(t testing.TB, patches, vmis int) fleet {
	t.Helper()
	const each = 5
	var f fleet
	var objects []client.Object
	for i := range patches {
		objects = append(objects, domainPatch(fmt.Sprintf("p%d", i), func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"group": fmt.Sprint(i / each)}}
		}))
		f.patches = append(f.patches, asPatch(objects[i]))
	}
	groups := make([][]*render.Bundle, patches/each)
	var configMaps []client.Object
	for i := range groups {
		now := objects[i*each : (i+1)*each]
		groups[i] = []*render.Bundle{made(t, nil, now...), made(t, nil, now[1:]...)}
		configMaps = append(configMaps, bundles.ConfigMap(groups[i][0], "vms"), bundles.ConfigMap(groups[i][1], "vms"))
	}
	for i := range vmis {
		v := vmi(t, fmt.Sprintf("v%05d", i), groups[i%len(groups)][i/len(groups)%2], func(v *kubevirt.VirtualMachineInstance) {
			v.Labels["group"], v.Labels["kubevirt.io/nodeName"], v.Labels["vm.kubevirt.io/name"] = fmt.Sprint(i%len(groups)), fmt.Sprint(i%100), fmt.Sprint(i)
		})
		f.vmis = append(f.vmis, *v)
	}
	f.reader = fake.NewClientBuilder().WithScheme(testcluster.Scheme(t)).WithObjects(configMaps...).Build()
	return f
}

// count counts the fleet as a pass does, from what the last one remembered.
func (f fleet) count(t testing.TB, last *census, compile render.CompileFunc) *census {
	t.Helper()
	var known map[string]fare.Content
	if last != nil {
		known = last.bundles
	}
	c := counter{out: newCensus(), judge: fare.NewJudge(render.Namespace{Name: "vms"}, f.patches, compile, cached{f.reader, "vms"}, known)}
	if err := c.count(t.Context(), f.vmis); err != nil {
		t.Fatal(err)
	}
	return c.out
}

// BenchmarkCount counts VMIs, with fifty patches, and with as many as a hostile tenant may write.
func BenchmarkCount(b *testing.B) {
	for _, size := range []struct{ patches, vmis int }{{50, 100}, {50, 1000}, {50, 10000}, {10000, 100}, {10000, 1000}, {10000, 10000}} {
		b.Run(fmt.Sprintf("patches=%d/vmis=%d", size.patches, size.vmis), func(b *testing.B) {
			f := newFleet(b, size.patches, size.vmis)
			compile := fare.NewVerdicts(render.Compile).Compile
			last := f.count(b, nil, compile)
			b.ReportAllocs()
			for b.Loop() {
				last = f.count(b, last, compile)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.vmis), "ns/vmi")
		})
	}
}

// TestTooMany has ten thousand patches bind each of a hundred VMIs, which none could start with
// or which may all be left out, and wants that to be counted in no great time.
func TestTooMany(t *testing.T) {
	for _, policy := range []v1alpha1.FailurePolicy{v1alpha1.FailurePolicyFail, v1alpha1.FailurePolicyIgnore} {
		const patches, vmis = 10000, 100
		f := newFleet(t, 0, 0)
		for i := range patches {
			f.patches = append(f.patches, asPatch(domainPatch(fmt.Sprintf("p%05d", i), func(dp *v1alpha1.DomainPatch) {
				dp.UID = types.UID(dp.Name)
				dp.Spec.Selector, dp.Spec.FailurePolicy = &metav1.LabelSelector{}, policy
			})))
		}
		for i := range vmis {
			f.vmis = append(f.vmis, *vmi(t, fmt.Sprintf("v%d", i), nil))
		}
		compiled := 0
		compile := fare.NewVerdicts(func(render.Patch) (*patch.Program, error) { compiled++; return nil, nil }).Compile
		for range 2 { // the second time nothing is compiled
			start := time.Now()
			got := f.count(t, nil, compile)
			t.Logf("%s: %v", policy, time.Since(start))
			for _, p := range f.patches {
				if have := got.patches[fare.NameOf(p)]; have == nil || have.Matched != vmis || have.Outdated != vmis || len(have.OutdatedVMIs) != v1alpha1.MaxOutdatedVMIs {
					t.Fatalf("%s: %+v, want %d matched and outdated", p.ID(), have, vmis)
				}
			}
		}
		if compiled > bundle.MaxPatches {
			t.Errorf("%d compilations, want no more than a bundle holds", compiled)
		}
	}
}
