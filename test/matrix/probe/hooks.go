// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	v1 "kubevirt.io/api/core/v1"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// start is one attempt to start a VM with one sidecar.
type start struct {
	// Sockets is the folder in which this release looks for the sockets of sidecars.
	Sockets string
	// VMI, Domain and CloudInit are files that the command domains wrote; CloudInit is empty for none.
	VMI, Domain, CloudInit string
}

// result is what came of a start. Error is empty, or the reason why the VM does not start.
type result struct {
	// In and Out are the domains before and after each call of OnDefineDomain.
	In, Out []string
	// CloudInit is what PreCloudInitIso gave.
	CloudInit json.RawMessage `json:",omitempty"`
	Error     string          `json:",omitempty"`
}

// collectTimeout is generous: the sidecars run already, but the machine may be busy.
const collectTimeout = 2 * time.Minute

// callHooks makes all starts at once: KubeVirt's client sleeps up to a second in each.
func callHooks(stdin io.Reader, stdout io.Writer) error {
	var starts []start
	if err := json.NewDecoder(stdin).Decode(&starts); err != nil {
		return err
	}
	results := make([]result, len(starts))
	var running sync.WaitGroup
	for i := range starts {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := starts[i].run(&results[i]); err != nil {
				results[i].Error = err.Error()
			}
		}()
	}
	running.Wait()
	return json.NewEncoder(stdout).Encode(results)
}

// run calls the hooks in virt-launcher's order.
func (s *start) run(r *result) error {
	vmi, spec := &v1.VirtualMachineInstance{}, &api.DomainSpec{}
	domain, err := os.ReadFile(s.Domain)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(domain, spec); err != nil {
		return err
	}
	if err := readJSON(s.VMI, vmi); err != nil {
		return err
	}
	manager, err := newManager(s.Sockets)
	if err != nil {
		return err
	}
	if err := manager.Collect(1, collectTimeout); err != nil {
		return err
	}
	if s.CloudInit != "" {
		if r.CloudInit, err = s.preCloudInitIso(manager, vmi); err != nil {
			return fmt.Errorf("PreCloudInitIso: %w", err)
		}
	}
	passes, err := define(manager, vmi, spec)
	for _, p := range passes {
		r.In, r.Out = append(r.In, string(p.in)), append(r.Out, string(p.out))
	}
	if err != nil {
		return fmt.Errorf("OnDefineDomain %d: %w", len(passes), err)
	}
	return manager.Shutdown()
}

func (s *start) preCloudInitIso(manager hooks.Manager, vmi *v1.VirtualMachineInstance) (json.RawMessage, error) {
	data := &cloudinit.CloudInitData{}
	if err := readJSON(s.CloudInit, data); err != nil {
		return nil, err
	}
	after, err := manager.PreCloudInitIso(vmi, data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(after)
}

// newManager gives a hooks manager of this release for one folder. hooks.GetManager has but one a process,
// with a folder that is compiled in: another one takes reflection.
func newManager(sockets string) (hooks.Manager, error) {
	manager := reflect.New(reflect.TypeOf(hooks.GetManager()).Elem())
	field := manager.Elem().FieldByName("hookSocketSharedDirectory")
	if field.Kind() != reflect.String {
		return nil, fmt.Errorf("%s has no field hookSocketSharedDirectory: this release needs another newManager", manager.Type())
	}
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().SetString(sockets)
	return manager.Interface().(hooks.Manager), nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
