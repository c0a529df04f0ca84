// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// HookSidecar is one entry of the hookSidecars annotation: a container that KubeVirt
// adds to the VM's pod. Fields and their meaning are KubeVirt's (pkg/hooks/hooks.go
// and cmd/sidecars/README.md).
//
// +kubebuilder:object:generate=false
type HookSidecar struct {
	// Image is the container's image; where it is absent, KubeVirt runs its own sidecar-shim.
	Image string `json:"image,omitempty"`
	// ImagePullPolicy is Always, IfNotPresent or Never; where it is absent, Kubernetes chooses.
	ImagePullPolicy string `json:"imagePullPolicy,omitempty"`
	// Command replaces the image's entrypoint.
	Command []string `json:"command,omitempty"`
	// Args are the container's arguments.
	Args []string `json:"args,omitempty"`
	// ConfigMap is a ConfigMap of which one key is mounted as a file.
	ConfigMap *HookSidecarConfigMap `json:"configMap,omitempty"`
	// PVC is a PersistentVolumeClaim to mount.
	PVC *HookSidecarPVC `json:"pvc,omitempty"`
}

// HookSidecarConfigMap is a file in a hook sidecar, out of a ConfigMap of the VM's namespace.
//
// +kubebuilder:object:generate=false
type HookSidecarConfigMap struct {
	// Name is the ConfigMap's name, and that of the pod's volume: at most 63 characters, no dot.
	Name string `json:"name"`
	// Key is the key in the ConfigMap's data.
	Key string `json:"key"`
	// HookPath is where the file is mounted: HookPathOnDefineDomain or HookPathPreCloudInitIso.
	HookPath string `json:"hookPath"`
}

// HookSidecarPVC is a volume in a hook sidecar, out of a claim of the VM's namespace.
//
// +kubebuilder:object:generate=false
type HookSidecarPVC struct {
	// Name is the claim's name, and that of the pod's volume.
	Name string `json:"name"`
	// VolumePath is where the volume is mounted in the sidecar.
	VolumePath string `json:"volumePath"`
	// SharedComputePath is where it is mounted in the compute container, too; empty for nowhere.
	// Whoever chooses path and content runs code in that container.
	SharedComputePath string `json:"sharedComputePath,omitempty"`
}

// Hook paths that KubeVirt documents; it takes others without a word.
const (
	HookPathOnDefineDomain  = "/usr/bin/onDefineDomain"
	HookPathPreCloudInitIso = "/usr/bin/preCloudInitIso"
)

// Arguments by which an entry names its bundle.
const (
	// BundleArg is followed by the path of the bundle in the sidecar.
	BundleArg = "--bundle"
	// SHA256Arg is followed by the SHA-256 of the bundle in hex.
	SHA256Arg = "--sha256"
)

// Validate checks an entry of ours against KubeVirt's documentation, which KubeVirt
// itself does not: it would start a pod that cannot work. All errors come at once, each
// with its field. Entries of others are not ours to judge.
func (e HookSidecar) Validate() error {
	var errs []error
	require := func(ok bool, field, rule string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", field, rule))
		}
	}
	require(e.Image != "", "image", "is required, else KubeVirt runs its own sidecar-shim")
	require(slices.Contains([]string{"", "Always", "IfNotPresent", "Never"}, e.ImagePullPolicy), "imagePullPolicy",
		fmt.Sprintf("%q is none of Always, IfNotPresent and Never", e.ImagePullPolicy))
	if c := e.ConfigMap; c != nil {
		require(c.Name != "", "configMap.name", "is required")
		require(c.Key != "", "configMap.key", "is required")
		require(c.HookPath == HookPathOnDefineDomain || c.HookPath == HookPathPreCloudInitIso, "configMap.hookPath",
			fmt.Sprintf("%q is neither %s nor %s", c.HookPath, HookPathOnDefineDomain, HookPathPreCloudInitIso))
	}
	if p := e.PVC; p != nil {
		require(p.Name != "", "pvc.name", "is required")
		require(p.VolumePath != "", "pvc.volumePath", "is required")
	}
	return errors.Join(errs...)
}

// BundleSHA256 tells whether an entry is one of DomainPatch's, whoever wrote it: its
// arguments contain BundleArg and SHA256Arg, and the name of its ConfigMap begins with
// BundleConfigMapPrefix. It returns what follows the last SHA256Arg, which is the one
// that counts for the shim: the hash of the bundle in a well-formed entry, else any
// text, or none. Compare it, do not trust it.
func (e HookSidecar) BundleSHA256() (string, bool) {
	if e.ConfigMap == nil || !strings.HasPrefix(e.ConfigMap.Name, BundleConfigMapPrefix) ||
		!slices.Contains(e.Args, BundleArg) || !slices.Contains(e.Args, SHA256Arg) {
		return "", false
	}
	last := len(e.Args) - 1
	for e.Args[last] != SHA256Arg {
		last--
	}
	if last+1 == len(e.Args) {
		return "", true
	}
	return e.Args[last+1], true
}
