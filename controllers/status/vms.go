// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/remote"
)

// virtualMachine is a VirtualMachine with what KubeVirt says of it.
type virtualMachine struct {
	kubevirt.VirtualMachine `json:",inline"`
	Status                  struct {
		PrintableStatus string               `json:"printableStatus"`
		Conditions      []kubevirt.Condition `json:"conditions"`
		StartFailure    *startFailure        `json:"startFailure"`
	} `json:"status"`
}

// startFailure is what KubeVirt keeps of VirtualMachineInstances that failed before they ran (kubevirt
// staging/src/kubevirt.io/api/core/v1/types.go, VirtualMachineStartFailure).
type startFailure struct {
	ConsecutiveFailCount int          `json:"consecutiveFailCount"`
	RetryAfterTimestamp  *metav1.Time `json:"retryAfterTimestamp"`
}

func (f *startFailure) String() string {
	text := fmt.Sprintf("its start failed, %d in a row: KubeVirt tries again", f.ConsecutiveFailCount)
	if f.RetryAfterTimestamp != nil {
		text += " at " + f.RetryAfterTimestamp.UTC().Format(time.RFC3339)
	}
	return text
}

// conditionFailure is the condition of a VirtualMachine whose VirtualMachineInstance could not be
// created (kubevirt staging/src/kubevirt.io/api/core/v1/types.go, VirtualMachineFailure).
const conditionFailure = "Failure"

// VMs lists the VMs that patches have to do with, by namespace and name. The scope's labels are those of a
// VirtualMachineInstance, or of the template of a VM that is stopped. What binds a VM that runs is judged by
// the labels that its template would give it at a restart.
func (c *Cluster) VMs(ctx context.Context, s Scope) ([]VM, error) {
	if s.Namespace == "" {
		if err := c.preload(ctx); err != nil {
			return nil, err
		}
	}
	judges := &judges{cluster: c, by: map[string]*judge{}}
	templates, err := c.templates(ctx, s)
	if err != nil {
		return nil, err
	}
	var all []VM
	add := func(m *machine) error {
		if !s.selects(m.vmi.Labels) {
			return nil
		}
		m.restart(templates[m.key()])
		vm, err := judges.tell(ctx, m)
		if err == nil && vm != nil {
			all = append(all, *vm)
		}
		return err
	}
	n, slim := 0, kubevirt.Slim()
	err = remote.List(ctx, c.Reader, remote.VirtualMachineInstances, remote.Selection{Namespace: s.Namespace}, func(items []kubevirt.VirtualMachineInstance) error {
		for i := range items {
			if items[i].HasEnded() {
				continue
			}
			m, err := newMachine(&items[i], slim)
			if err != nil {
				return err
			}
			if err := add(m); err != nil {
				return err
			}
			delete(templates, m.key()) // it runs
		}
		n += len(items)
		c.progress("virtualmachineinstances", n)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range slices.SortedFunc(maps.Values(templates), byName) {
		if err := add(m); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b VM) int { return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

func byName(a, b *machine) int {
	return cmp.Or(cmp.Compare(a.vmi.Namespace, b.vmi.Namespace), cmp.Compare(a.vmi.Name, b.vmi.Name))
}

// key is the VM's namespace and name.
func (m *machine) key() [2]string { return [2]string{m.vmi.Namespace, m.vmi.Name} }

// restart gives a VM that runs the labels that it would start with; nil for no VirtualMachine.
func (m *machine) restart(template *machine) {
	if template != nil && !m.isStopped {
		m.vmi.Labels = renewed(m.vmi.Labels, template.vmi.Labels)
	}
}

func newMachine(vmi *kubevirt.VirtualMachineInstance, slim cache.TransformFunc) (*machine, error) {
	_, err := slim(vmi)
	return &machine{vmi: *vmi}, err
}

// templates are all VirtualMachines as they would start.
func (c *Cluster) templates(ctx context.Context, s Scope) (map[[2]string]*machine, error) {
	n, found := 0, map[[2]string]*machine{}
	err := remote.List(ctx, c.Reader, remote.VirtualMachines, remote.Selection{Namespace: s.Namespace}, func(items []virtualMachine) error {
		for i := range items {
			if items[i].DeletionTimestamp == nil {
				m := items[i].machine()
				found[m.key()] = m
			}
		}
		n += len(items)
		c.progress("virtualmachines", n)
		return nil
	})
	return found, c.tolerate(err, "VMs that do not run are not shown, and "+withoutTemplates)
}

// machine is what the VM would start as.
func (v *virtualMachine) machine() *machine {
	m := &machine{isStopped: true, phase: v.Status.PrintableStatus}
	m.vmi.ObjectMeta = metav1.ObjectMeta{Namespace: v.Namespace, Name: v.Name}
	if t := v.Spec.Template; t != nil {
		m.vmi.Labels = t.Metadata.Labels
		_ = json.Unmarshal(t.Spec.Raw, &m.vmi.Spec) // the API server has checked it; without volumes at worst
	}
	if f := v.Status.StartFailure; f != nil {
		m.failure = f.String()
	}
	for _, condition := range v.Status.Conditions {
		if condition.Type == conditionFailure && condition.Status == metav1.ConditionTrue {
			m.failure = condition.Message
		}
	}
	return m
}

// judges are those of the namespaces.
type judges struct {
	cluster *Cluster
	by      map[string]*judge
}

type judge struct {
	*fare.Judge
	namespace namespace
}

// tell gives a VM, or nil where patches have nothing to do with it.
func (j *judges) tell(ctx context.Context, m *machine) (*VM, error) {
	of, err := j.of(ctx, m.vmi.Namespace)
	if err != nil {
		return nil, err
	}
	f, err := of.Of(ctx, &m.vmi)
	if err != nil || !isConcerned(f) {
		return nil, err
	}
	vm := m.tell(f, j.cluster.blindTo(m.vmi.Namespace), of.namespace.denied)
	return &vm, nil
}

func (j *judges) of(ctx context.Context, name string) (*judge, error) {
	if known := j.by[name]; known != nil {
		return known, nil
	}
	c := j.cluster
	patches, err := c.patchesOf(ctx, name)
	if err != nil {
		return nil, err
	}
	labelled, err := c.namespace(ctx, name, patches)
	if err != nil {
		return nil, err
	}
	of := &judge{namespace: namespace{cluster: c, name: name}}
	of.Judge = fare.NewJudge(labelled, patches, c.compile, &of.namespace, nil)
	j.by[name] = of
	return of, nil
}

// namespace is what a Judge reads of one.
type namespace struct {
	cluster *Cluster
	name    string
	denied  bool // the user may not read bundles
}

// Bundle implements fare.Source.
func (n *namespace) Bundle(ctx context.Context, configMap string) ([]byte, error) {
	if n.denied {
		return nil, nil
	}
	found, err := remote.Get[corev1.ConfigMap](ctx, n.cluster.Reader, remote.ConfigMaps, n.name, configMap)
	var forbidden *remote.Forbidden
	var missing *remote.NotFound
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case errors.As(err, &forbidden):
		n.denied = true
		err = n.cluster.tolerate(err, "whether VMs are current is not known for sure without their bundles")
	}
	return []byte(found.Data[v1alpha1.BundleKey]), err
}

// SyncFailures implements fare.Source.
func (n *namespace) SyncFailures(ctx context.Context) ([]corev1.Event, error) {
	all, err := remote.ListAll[corev1.Event](ctx, n.cluster.Reader, remote.Events, remote.Selection{Namespace: n.name, Fields: kubevirt.SyncFailures().String()})
	return all, n.cluster.tolerate(err, "a failure of which KubeVirt tells in events alone is not shown")
}

// VMsOf lists the VMs that a patch binds, that run with it, or whose failure is about it.
func (c *Cluster) VMsOf(ctx context.Context, p Patch, s Scope) ([]VM, error) {
	all, err := c.VMs(ctx, s)
	return slices.DeleteFunc(all, func(vm VM) bool {
		binds := slices.ContainsFunc(vm.Patches, func(b Binding) bool { return b.ID() == p.ID() })
		return !binds && !slices.Contains(vm.Runs, p.ID()) && !slices.Contains(vm.Blamed, p.ID())
	}), err
}

// VM gives one VM, also one that patches have nothing to do with.
func (c *Cluster) VM(ctx context.Context, namespace, name string) (VM, error) {
	m, err := c.machine(ctx, namespace, name)
	if err != nil {
		return VM{}, err
	}
	judges := &judges{cluster: c, by: map[string]*judge{}}
	of, err := judges.of(ctx, namespace)
	if err != nil {
		return VM{}, err
	}
	f, err := of.Of(ctx, &m.vmi)
	if err != nil {
		return VM{}, err
	}
	return m.tell(f, c.blindTo(namespace), of.namespace.denied), nil
}

func (c *Cluster) machine(ctx context.Context, namespace, name string) (*machine, error) {
	vm, unread := remote.Get[virtualMachine](ctx, c.Reader, remote.VirtualMachines, namespace, name)
	vmi, err := remote.Get[kubevirt.VirtualMachineInstance](ctx, c.Reader, remote.VirtualMachineInstances, namespace, name)
	var none *remote.NotFound
	if errors.As(err, &none) || err == nil && vmi.HasEnded() {
		return vm.machine(), unread
	}
	if err != nil {
		return nil, err
	}
	m, err := newMachine(&vmi, kubevirt.Slim())
	if err != nil || errors.As(unread, &none) {
		return m, err
	}
	if unread == nil {
		m.restart(vm.machine())
	}
	return m, c.tolerate(unread, withoutTemplates)
}
