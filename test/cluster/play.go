// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// Played is one start of a VM by Play.
type Played struct {
	VM   client.ObjectKey
	Node *Node // nil where it did not come so far
	// With is what the hooks made of the domain and of the cloud-init data, and Without what
	// they would be without any. Both are nil, or lack results, where Err is set.
	With, Without *Boot
	Err           error
}

// Play plays the nodes of all VMs until ctx ends: a VM whose virt-launcher Pod appears is started,
// once, which leaves what went in and out of its hooks in a folder below out, and told; a Pod that
// is deleted goes, whereupon KubeVirt may make another one. It returns the first error that is not
// about one VM alone; none when ctx ends.
func (c *Cluster) Play(ctx context.Context, out string, told func(Played)) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	seen := map[types.UID]bool{}
	for {
		if err := c.playOnce(ctx, out, seen, told); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := c.checkProcesses(); err != nil {
			return err
		}
	}
}

func (c *Cluster) playOnce(ctx context.Context, out string, seen map[types.UID]bool, told func(Played)) error {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.MatchingLabels{"kubevirt.io": "virt-launcher"}); err != nil {
		return err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		deleted, err := c.isDeleted(ctx, pod)
		switch {
		case err != nil:
			return err
		case deleted:
			if err := c.end(ctx, pod); err != nil {
				return err
			}
		case !seen[pod.UID]:
			seen[pod.UID] = true
			told(c.startPlayed(ctx, pod, out))
		}
	}
	return nil
}

// isDeleted tells whether a Pod, or the VMI that it is for, is being deleted.
func (c *Cluster) isDeleted(ctx context.Context, pod *corev1.Pod) (bool, error) {
	if pod.DeletionTimestamp != nil {
		return true, nil
	}
	vmi := kubeVirtKind("VirtualMachineInstance")
	err := c.Get(ctx, vmiOf(pod), vmi)
	return err == nil && vmi.GetDeletionTimestamp() != nil, client.IgnoreNotFound(err)
}

// end does what virt-handler and the kubelet do at the end of a VM. One that ran has succeeded:
// KubeVirt starts it again at once.
func (c *Cluster) end(ctx context.Context, pod *corev1.Pod) error {
	err := c.handle(ctx, vmiOf(pod), func(vmi *unstructured.Unstructured) error {
		if phase, _, _ := unstructured.NestedString(vmi.Object, "status", "phase"); phase == kubevirt.PhaseFailed {
			return nil
		}
		return unstructured.SetNestedField(vmi.Object, kubevirt.PhaseSucceeded, "status", "phase")
	})
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	return client.IgnoreNotFound(c.Delete(ctx, pod, client.GracePeriodSeconds(0)))
}

// vmiOf is the VMI of a virt-launcher Pod, which has the name of its VM.
func vmiOf(pod *corev1.Pod) client.ObjectKey {
	return client.ObjectKey{Namespace: pod.Namespace, Name: pod.Annotations["kubevirt.io/domain"]}
}

// startPlayed starts a VM with its hooks, and once more without.
func (c *Cluster) startPlayed(ctx context.Context, pod *corev1.Pod, out string) Played {
	p := Played{VM: vmiOf(pod)}
	vm := &VM{VM: kubeVirtKind("VirtualMachine"), VMI: kubeVirtKind("VirtualMachineInstance"), Pod: pod}
	if p.Err = c.read(ctx, p.VM, vm); p.Err != nil {
		return p
	}
	folder := filepath.Join(out, p.VM.Namespace, p.VM.Name)
	if p.Err = os.RemoveAll(folder); p.Err != nil {
		return p
	}
	if p.Node, p.Err = c.RunPod(ctx, vm); p.Err != nil {
		return p
	}
	if p.With, p.Err = p.Node.Boot(ctx, filepath.Join(folder, "hooks")); p.Err != nil {
		return p
	}
	if p.Without, p.Err = c.BootUnpatched(ctx, vm, filepath.Join(folder, "hooks-unpatched")); p.Err != nil {
		return p
	}
	p.Err = c.handle(ctx, p.VM, setRunning)
	return p
}

// setRunning says that a VM runs, and since when, by which KubeVirt tells a VM that was stopped
// from one that does not start.
func setRunning(vmi *unstructured.Unstructured) error {
	const phase = "Running"
	times, _, err := unstructured.NestedSlice(vmi.Object, "status", "phaseTransitionTimestamps")
	times = append(times, map[string]any{"phase": phase, "phaseTransitionTimestamp": time.Now().UTC().Format(time.RFC3339)})
	return errors.Join(err, unstructured.SetNestedSlice(vmi.Object, times, "status", "phaseTransitionTimestamps"),
		unstructured.SetNestedField(vmi.Object, phase, "status", "phase"))
}

// WriteKubeconfig writes the admin's kubeconfig for other programs.
func (c *Cluster) WriteKubeconfig(file string) error {
	admin, err := c.servers.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return err
	}
	data, err := admin.KubeConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
