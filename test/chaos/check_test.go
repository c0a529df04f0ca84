// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// violations is every way in which the history breaks the promise:
//   - A VMI has the bundle that it must have from its creation on: all patches that it demands, and all
//     that selected it all the time from before the request that created it. Others must have been
//     there at some time since; each is as it was at some time since, and not as it was before.
//   - Its annotations never change, and the ConfigMap that they name is there as long as the VMI is.
//   - Its Pod has the sidecar.
//
// Namespaces have these labels throughout, by their names.
func (h *history) violations(namespaces map[string]labels.Set) []string {
	c := h.checker(namespaces)
	vms := map[types.UID]*record{}
	for _, vm := range h.all(kindVM) {
		vms[vm.uid] = vm
	}
	for _, vmi := range h.all(kindVMI) {
		c.vmis[vmi.uid] = vmi
		after := vmi.after
		if vm := vms[vmi.owner]; vm != nil {
			after = max(after, vm.created())
		}
		c.checkVMI(vmi, after)
	}
	for _, pod := range h.all(kindPod) {
		c.checkPod(pod)
	}
	return c.found
}

type checker struct {
	namespaces map[string]labels.Set
	configMaps map[client.ObjectKey][]*record
	vmis       map[types.UID]*record
	patches    []*record
	found      []string
}

func (h *history) checker(namespaces map[string]labels.Set) *checker {
	c := &checker{namespaces: namespaces, configMaps: map[client.ObjectKey][]*record{}, vmis: map[types.UID]*record{},
		patches: append(h.all(kindPatch), h.all(kindClusterPatch)...)}
	for _, cm := range h.all(kindConfigMap) {
		c.configMaps[cm.key] = append(c.configMaps[cm.key], cm)
	}
	return c
}

func (c *checker) report(what string, r *record, format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("%s %s (resource version %d): %s", what, r.key, r.created(), fmt.Sprintf(format, args...)))
}

// checkVMI checks a VMI whose creation was requested after a resource version.
func (c *checker) checkVMI(vmi *record, after uint64) {
	if len(vmi.states) > 1 {
		c.report("VMI", vmi, "its annotations have changed: %+v", vmi.states)
	}
	has := vmi.states[0].value.(instance)
	must, may := c.bound(vmi, after)
	applied := map[string]string{}
	if has != (instance{}) {
		var err error
		if applied, err = c.applied(vmi, has); err != nil {
			c.report("VMI", vmi, "%v", err)
			return // it has nothing then, which needs no mention
		}
	}
	for _, id := range must {
		if _, ok := applied[id]; !ok {
			c.report("VMI", vmi, "it lacks %s", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(applied)) {
		if !slices.Contains(may[id], applied[id]) {
			c.report("VMI", vmi, "it has %s as %q, which could only be as one of %q", id, applied[id], may[id])
		}
	}
}

// applied reads the patches that a VMI has, each with its version.
func (c *checker) applied(vmi *record, has instance) (map[string]string, error) {
	name, err := entryOf(has)
	if err != nil {
		return nil, err
	}
	cm := c.configMapOf(client.ObjectKey{Namespace: vmi.key.Namespace, Name: name}, vmi)
	if cm == nil {
		return nil, fmt.Errorf("there was no ConfigMap %s all the time from before its creation at %d to its end at %d: %s",
			name, vmi.created(), vmi.gone, lives(c.configMaps[client.ObjectKey{Namespace: vmi.key.Namespace, Name: name}]))
	}
	data := cm.states[0].value.(string)
	if len(cm.states) > 1 || bundle.Sum([]byte(data)) != has.bundle {
		return nil, fmt.Errorf("ConfigMap %s does not hold bundle %s", name, has.bundle)
	}
	b, err := bundle.Decode([]byte(data))
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s: %w", name, err)
	}
	applied := map[string]string{}
	for i := range b.Patches {
		applied[b.Patches[i].ID()] = *b.Patches[i].Domain[0].Value
	}
	return applied, nil
}

// configMapOf finds the ConfigMap that was there all the time that an object was.
func (c *checker) configMapOf(key client.ObjectKey, r *record) *record {
	for _, cm := range c.configMaps[key] {
		if cm.created() < r.created() && cm.gone >= r.gone {
			return cm
		}
	}
	return nil
}

func lives(records []*record) string {
	var all []string
	for _, r := range records {
		all = append(all, fmt.Sprintf("from %d to %d", r.created(), r.gone))
	}
	return fmt.Sprintf("%d were, %s", len(records), strings.Join(all, ", "))
}

// entryOf finds the one entry that applies the bundle of a VMI, and gives its ConfigMap's name.
func entryOf(has instance) (string, error) {
	list, err := v1alpha1.ParseHookSidecars(has.sidecars)
	if err != nil {
		return "", err
	}
	var names []string
	for i := range list.Len() {
		entry, err := list.Entry(i)
		if err != nil {
			return "", err
		}
		if sum, ours := entry.BundleSHA256(); ours && sum == has.bundle && entry.ConfigMap != nil {
			names = append(names, entry.ConfigMap.Name)
		}
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%d instead of one entry apply its bundle %q: %s", len(names), has.bundle, has.sidecars)
	}
	return names[0], nil
}

// bound gives the patches that a VMI must have, and those that it may have, with all versions
// that they may be of, where the request that created it came after a resource version.
func (c *checker) bound(vmi *record, after uint64) (must []string, may map[string][]string) {
	may = map[string][]string{}
	for key, value := range vmi.labels {
		if id := referred(key, vmi.key.Namespace); id != "" && value == v1alpha1.ReferenceDemanded {
			must = append(must, id)
		}
	}
	for _, p := range c.patches {
		id := patchID(p, vmi.key.Namespace)
		if id == "" {
			continue
		}
		always := p.created() <= after && p.gone > vmi.created()
		for i, s := range p.states {
			if s.from >= vmi.created() || p.until(i) <= after {
				continue
			}
			spec := s.value.(v1alpha1.ClusterDomainPatchSpec)
			selected, referred := c.selects(spec, vmi), c.refers(spec, id, vmi)
			always = always && (selected || referred)
			if selected || referred {
				may[id] = append(may[id], *spec.Domain[0].Value)
			}
		}
		if always && !slices.Contains(must, id) {
			must = append(must, id)
		}
	}
	slices.Sort(must)
	return must, may
}

// patchID is a patch's name in bundles of a namespace, empty if it never is in any.
func patchID(p *record, namespace string) string {
	switch p.key.Namespace {
	case "":
		return kindClusterPatch + " " + p.key.Name
	case namespace:
		return kindPatch + " " + p.key.String()
	}
	return ""
}

// referred is the patch that a label's key refers to.
func referred(key, namespace string) string {
	if name, ok := strings.CutPrefix(key, v1alpha1.DomainPatchReferencePrefix); ok {
		return kindPatch + " " + namespace + "/" + name
	}
	if name, ok := strings.CutPrefix(key, v1alpha1.ClusterDomainPatchReferencePrefix); ok {
		return kindClusterPatch + " " + name
	}
	return ""
}

func (c *checker) selects(spec v1alpha1.ClusterDomainPatchSpec, vmi *record) bool {
	return spec.Selector != nil && c.reaches(spec, vmi) && matches(spec.Selector, vmi.labels)
}

func (c *checker) refers(spec v1alpha1.ClusterDomainPatchSpec, id string, vmi *record) bool {
	for key, value := range vmi.labels {
		if referred(key, vmi.key.Namespace) == id {
			return c.reaches(spec, vmi) && (value == v1alpha1.ReferenceDemanded || value == v1alpha1.ReferenceOptional)
		}
	}
	return false
}

func (c *checker) reaches(spec v1alpha1.ClusterDomainPatchSpec, vmi *record) bool {
	return spec.NamespaceSelector == nil || matches(spec.NamespaceSelector, c.namespaces[vmi.key.Namespace])
}

func matches(selector *metav1.LabelSelector, set labels.Set) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(set)
}

// checkPod checks that a virt-launcher Pod has the sidecar of its VMI.
func (c *checker) checkPod(pod *record) {
	vmi := c.vmis[pod.owner]
	if vmi == nil {
		c.report("Pod", pod, "it is not a VMI's")
		return
	}
	has := vmi.states[0].value.(instance)
	if has.bundle == "" {
		return // the VMI itself is judged elsewhere
	}
	name, err := entryOf(has)
	if err != nil {
		return // likewise
	}
	if spec := pod.states[0].value.(corev1.PodSpec); !hasSidecar(spec, name, has.bundle) {
		c.report("Pod", pod, "it has no sidecar with ConfigMap %s and bundle %s", name, has.bundle)
	}
}

func hasSidecar(spec corev1.PodSpec, configMap, sum string) bool {
	hasVolume := slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == configMap && v.ConfigMap != nil && v.ConfigMap.Name == configMap
	})
	return hasVolume && slices.ContainsFunc(spec.Containers, func(container corev1.Container) bool {
		return strings.HasPrefix(container.Name, "hook-sidecar-") && slices.Contains(container.Args, sum) &&
			slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == configMap })
	})
}
