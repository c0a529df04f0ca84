// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Node plays the node of one VM: the kubelet, which makes volumes and containers as the
// virt-launcher Pod says, and virt-launcher, which calls the hooks.
//
// Only the hook sidecars become containers. Each sees its image, which is a program of this
// repository, the files and folders that its volumeMounts name, and nothing else; it runs as the
// Pod's user, with the Pod's arguments and environment and nothing added. Volumes are ConfigMaps,
// claims, which are new, and empty folders.
type Node struct {
	// Shortcoming says what is not as the Pod wants it, if the kernel of this machine
	// does not let the containers be made so. Empty: nothing.
	Shortcoming string

	cluster  *Cluster
	vm       *VM
	pod      *corev1.Pod
	dir      string
	root     string            // an empty folder; each container puts its root there, for itself only
	volumes  map[string]string // folders, by the volumes' names
	sidecars []*process
	// userNamespace is whether a container needs one.
	userNamespace bool
}

// socketsVolume is KubeVirt's volume of the hooks' sockets; the compute container sees all of
// it, a sidecar its own folder.
const socketsVolume = "hook-sidecar-sockets"

// sidecarPrefix begins the names of the containers that are hook sidecars.
const sidecarPrefix = "hook-sidecar-"

// shimPath is where the image of the shim has its program.
const shimPath = "/shim"

// RunPod does what the node of a VM's Pod would: it starts the hook sidecars, which end with the
// cluster at the latest, and reports the Pod as running, whereupon virt-controller hands the
// VMI over. The VM's parts are read again then.
func (c *Cluster) RunPod(ctx context.Context, vm *VM) (*Node, error) {
	dir, err := os.MkdirTemp(c.dir, "pod-")
	if err != nil {
		return nil, err
	}
	n := &Node{cluster: c, vm: vm, pod: vm.Pod, dir: dir, root: filepath.Join(dir, "root"), volumes: map[string]string{}}
	if err := os.Mkdir(n.root, 0o755); err != nil {
		return nil, err
	}
	if err := n.tryContainers(ctx); err != nil {
		n.Shortcoming = fmt.Sprintf("this machine lets no containers be made (%v): "+
			"the sidecars run outside, and the paths in their arguments are not the Pod's", err)
	}
	for _, container := range n.pod.Spec.Containers {
		if !strings.HasPrefix(container.Name, sidecarPrefix) {
			continue
		}
		if err := n.startSidecar(ctx, container); err != nil {
			return nil, fmt.Errorf("container %s of Pod %s/%s: %w", container.Name, n.pod.Namespace, n.pod.Name, err)
		}
	}
	return n, n.reportRunning(ctx)
}

// nodeName is the name of every Node. It has no object: nothing asks for it.
const nodeName = "node"

// reportRunning binds the Pod to the node and writes its status, and waits until the VMI is
// scheduled.
func (n *Node) reportRunning(ctx context.Context) error {
	binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: nodeName}}
	if err := n.cluster.SubResource("binding").Create(ctx, n.pod, binding); err != nil {
		return err
	}
	if err := n.cluster.Get(ctx, client.ObjectKeyFromObject(n.pod), n.pod); err != nil {
		return err
	}
	before := n.pod.DeepCopy()
	n.pod.Status.Phase = corev1.PodRunning
	for _, container := range n.pod.Spec.Containers {
		n.pod.Status.ContainerStatuses = append(n.pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
	}
	if err := n.cluster.Status().Patch(ctx, n.pod, client.MergeFrom(before)); err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(n.vm.VMI)
	return n.cluster.Until(ctx, fmt.Sprintf("VMI %s is scheduled", key), func(ctx context.Context) error {
		if err := n.cluster.read(ctx, key, n.vm); err != nil {
			return err
		}
		if phase, _, _ := unstructured.NestedString(n.vm.VMI.Object, "status", "phase"); phase != "Scheduled" {
			return fmt.Errorf("its phase is %s", phase)
		}
		return nil
	})
}

// startSidecar starts a container.
func (n *Node) startSidecar(ctx context.Context, container corev1.Container) error {
	if want := n.cluster.shimImage; container.Image != want {
		return fmt.Errorf("no program is known for image %s, only for %s", container.Image, want)
	}
	if len(container.Command) > 0 {
		return fmt.Errorf("command %q: the image has only its entrypoint", container.Command)
	}
	mounts := []mount{{filepath.Join(n.cluster.tools.own, "shim"), shimPath}}
	for _, m := range container.VolumeMounts {
		source, err := n.volume(ctx, m.Name)
		if err != nil {
			return fmt.Errorf("volume %s: %w", m.Name, err)
		}
		source, err = subPath(source, m.SubPath)
		if err != nil {
			return fmt.Errorf("volume %s: %w", m.Name, err)
		}
		mounts = append(mounts, mount{source, m.MountPath})
	}
	cmd := n.command(container, mounts)
	cmd.Dir = n.dir
	for _, variable := range container.Env {
		cmd.Env = append(cmd.Env, variable.Name+"="+variable.Value)
	}
	sidecar := &process{name: n.pod.Name + "." + container.Name, cmd: cmd, mortal: true}
	n.sidecars = append(n.sidecars, sidecar)
	return n.cluster.start(sidecar)
}

// volume gives the folder with the content of one of the Pod's volumes, made on first use.
func (n *Node) volume(ctx context.Context, name string) (string, error) {
	if dir, ok := n.volumes[name]; ok {
		return dir, nil
	}
	i := slices.IndexFunc(n.pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	if i < 0 {
		return "", errors.New("the Pod has none of that name")
	}
	volume, dir := n.pod.Spec.Volumes[i], filepath.Join(n.dir, strconv.Itoa(i))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	n.volumes[name] = dir
	switch {
	case volume.EmptyDir != nil:
		return dir, os.Chmod(dir, 0o777) // as the kubelet's are
	case volume.PersistentVolumeClaim != nil:
		return dir, nil // a claim that nobody has put anything into yet
	case volume.ConfigMap != nil:
		return dir, n.writeConfigMap(ctx, dir, volume.ConfigMap)
	}
	return "", errors.New("neither a ConfigMap, nor a claim, nor an empty folder")
}

func (n *Node) writeConfigMap(ctx context.Context, dir string, source *corev1.ConfigMapVolumeSource) error {
	var configMap corev1.ConfigMap
	if err := n.cluster.Get(ctx, client.ObjectKey{Namespace: n.pod.Namespace, Name: source.Name}, &configMap); err != nil {
		return err
	}
	mode := fs.FileMode(corev1.ConfigMapVolumeSourceDefaultMode)
	if source.DefaultMode != nil {
		mode = fs.FileMode(*source.DefaultMode)
	}
	var errs []error
	for key, value := range configMap.Data {
		file := filepath.Join(dir, key)
		errs = append(errs, os.WriteFile(file, []byte(value), mode), os.Chmod(file, mode)) // in spite of the umask
	}
	return errors.Join(errs...)
}

// subPath gives a part of a volume. One that does not exist becomes a folder, as the kubelet does it.
func subPath(dir, path string) (string, error) {
	if path == "" {
		return dir, nil
	}
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("subPath %q leads out of it", path)
	}
	full := filepath.Join(dir, path)
	_, err := os.Stat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return full, errors.Join(os.MkdirAll(full, 0o777), os.Chmod(full, 0o777))
	}
	return full, err
}
