// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// Boot is what came of one attempt to start a VM, as far as hooks have a part in it.
type Boot struct {
	// Calls says what was called, and how it went; each is a line.
	Calls []string
	// Domain is the XML that libvirt is told to define in the end.
	Domain []byte
	// CloudInit is what becomes of the cloud-init disk; nil for a VM without one.
	CloudInit *CloudInit
}

// CloudInit is the part of KubeVirt's CloudInitData that ends up on the disk.
type CloudInit struct {
	UserData            string
	NetworkData         string
	NoCloudMetaData     map[string]any
	ConfigDriveMetaData map[string]any
	// JSON is all of it, as the sidecars see it.
	JSON []byte `json:"-"`
}

// Boot plays virt-launcher's part in one attempt to start the VM: it calls the hooks with
// KubeVirt's own code, and leaves what went in and out of each call in a folder; see
// test/kubevirt/cmd/launcher.
//
// Where a hook fails, so does Boot, with the message that KubeVirt shows in the VMI's condition
// Synchronized, and it is put there; the calls so far are returned, too. Another Boot then is
// KubeVirt's next attempt. Where the hooks succeed, the sidecars are told to end, and Boot
// fails if they do not end well.
func (n *Node) Boot(ctx context.Context, out string) (*Boot, error) {
	ctx, stop := n.watchSidecars(ctx)
	defer stop()
	sockets, err := n.volume(ctx, socketsVolume)
	if err != nil {
		return nil, err
	}
	boot, err := n.cluster.boot(ctx, sockets, len(n.sidecars), n.vm, out)
	if ctx.Err() != nil {
		return boot, context.Cause(ctx)
	}
	if err != nil {
		return boot, errors.Join(err, n.reportFailure(ctx, err))
	}
	for _, sidecar := range n.sidecars {
		select {
		case <-sidecar.done:
			if err := sidecar.died(); err != nil {
				return boot, err
			}
		case <-ctx.Done():
			return boot, fmt.Errorf("%s does not end after Shutdown: %w", sidecar.name, context.Cause(ctx))
		}
	}
	return boot, nil
}

// BootUnpatched is Boot of a VM without any sidecar: what libvirt would be told without patches.
func (c *Cluster) BootUnpatched(ctx context.Context, vm *VM, out string) (*Boot, error) {
	sockets, err := os.MkdirTemp(c.dir, "pod-")
	if err != nil {
		return nil, err
	}
	return c.boot(ctx, sockets, 0, vm, out)
}

func (c *Cluster) boot(ctx context.Context, sockets string, sidecars int, vm *VM, out string) (*Boot, error) {
	vmi, err := vm.VMI.MarshalJSON()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.tools.kubeVirt, "launcher"), "hooks", "--vmi", "-", "--out", out,
		"--sockets", sockets, "--sidecars", strconv.Itoa(sidecars), "--timeout", patience.String())
	cmd.Stdin = bytes.NewReader(vmi)
	var calls, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &calls, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	boot := &Boot{Calls: strings.Split(strings.TrimSpace(calls.String()), "\n")}
	switch {
	case ctx.Err() != nil:
		return boot, context.Cause(ctx)
	case err != nil:
		log := strings.TrimSpace(errs.String())
		return boot, errors.New(strings.TrimPrefix(log[strings.LastIndexByte(log, '\n')+1:], "launcher: "))
	}
	return boot, boot.read(out)
}

// read reads the last results in the folder.
func (b *Boot) read(folder string) error {
	var err error
	if b.Domain, err = os.ReadFile(filepath.Join(folder, "domain.after.xml")); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(folder, "cloud-init.after.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.CloudInit = &CloudInit{JSON: data}
	return json.Unmarshal(data, b.CloudInit)
}

// reportFailure does what virt-handler does after a failed attempt.
func (n *Node) reportFailure(ctx context.Context, failure error) error {
	condition := map[string]any{"type": kubevirt.ConditionSynchronized, "status": "False",
		"reason": "Synchronizing with the Domain failed.", "message": failure.Error()}
	return n.cluster.handle(ctx, client.ObjectKeyFromObject(n.vm.VMI), func(vmi *unstructured.Unstructured) error {
		conditions, _, err := unstructured.NestedSlice(vmi.Object, "status", "conditions")
		if err != nil {
			return err
		}
		conditions = slices.DeleteFunc(conditions, func(c any) bool { return c.(map[string]any)["type"] == kubevirt.ConditionSynchronized })
		return unstructured.SetNestedSlice(vmi.Object, append(conditions, condition), "status", "conditions")
	})
}

// handle changes a VMI's status as the virt-handler of the node: virt-api lets nobody else write it.
func (c *Cluster) handle(ctx context.Context, key client.ObjectKey, change func(vmi *unstructured.Unstructured) error) error {
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: serviceAccount(kubeVirtNamespace, "kubevirt-handler"),
		Groups:   []string{"system:masters"},
		Extra:    map[string][]string{"authentication.kubernetes.io/node-name": {nodeName}},
	}
	handler, err := client.New(config, client.Options{Scheme: c.Scheme()})
	if err != nil {
		return err
	}
	vmi := kubeVirtKind("VirtualMachineInstance")
	return c.Until(ctx, "virt-handler has written the status of VMI "+key.String(), func(ctx context.Context) error {
		if err := handler.Get(ctx, key, vmi); err != nil {
			return err
		}
		if err := change(vmi); err != nil {
			return err
		}
		return handler.Update(ctx, vmi) // again if virt-controller was faster
	})
}

// watchSidecars ends a context when a sidecar ends that should not: virt-launcher would wait for it.
func (n *Node) watchSidecars(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%v have passed", patience))
	ctx, fail := context.WithCancelCause(ctx)
	for _, sidecar := range n.sidecars {
		go func() {
			select {
			case <-sidecar.done:
				if err := sidecar.died(); err != nil {
					fail(err)
				}
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { fail(nil); cancel() }
}
