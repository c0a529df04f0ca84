// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"fmt"
	"path/filepath"
	"reflect"

	"kubevirt.io/kubevirt/pkg/hooks"
)

// longestSocketPath is what the kernel takes for a unix socket, less the
// terminating zero (sun_path in unix(7)).
const longestSocketPath = 107

// longestSocketName leaves room for a container's folder and the socket's own
// name: hook-sidecar-NN/shim-XXXX.sock and some to spare.
const longestSocketName = 40

// NewManager returns a new hooks manager of KubeVirt's that looks for sockets
// in sockets/CONTAINER/*.sock. Its methods are single steps that may be called
// in any order and again: Collect, PreCloudInitIso, OnDefineDomain, Shutdown.
//
// hooks.GetManager has but one manager per process, for one folder that is
// compiled in. A second one with another folder takes reflection; the other
// way, a mount namespace, needs rights that many a CI machine does not give.
func NewManager(sockets string) (hooks.Manager, error) {
	dir, err := filepath.Abs(sockets)
	if err != nil {
		return nil, fmt.Errorf("cannot find the sockets' folder: %w", err)
	}
	if len(dir) > longestSocketPath-longestSocketName {
		return nil, fmt.Errorf("the path of the sockets' folder has %d bytes, and with over %d a socket in it cannot be reached: %s", len(dir), longestSocketPath-longestSocketName, dir)
	}
	manager := reflect.New(reflect.TypeOf(hooks.GetManager()).Elem())
	field := manager.Elem().FieldByName("hookSocketSharedDirectory")
	if field.Kind() != reflect.String {
		return nil, fmt.Errorf("%s has no field hookSocketSharedDirectory: this version of KubeVirt needs another NewManager", manager.Type())
	}
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().SetString(dir)
	return manager.Interface().(hooks.Manager), nil
}
