// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

// arguments are the kernel's: it says nothing, and does without a timer check that fails on a busy machine.
const arguments = "console=ttyS0 quiet loglevel=0 panic=-1 no_timer_check"

// localizer makes a domain one that this machine can run, by rules.
type localizer struct{ rules offline.Objects }

func newLocalizer(file string) (*localizer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	rules, _, err := offline.ParseObjects(file, data)
	return &localizer{rules}, err
}

// apply changes a domain whose files are below a folder.
func (l *localizer) apply(ctx context.Context, domain []byte, root, kernel, initrd string) ([]byte, error) {
	vmi, err := json.Marshal(map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"name": "guest", "annotations": map[string]string{
			"guest/root": root, "guest/kernel": kernel, "guest/initrd": initrd, "guest/arguments": arguments}},
	})
	if err != nil {
		return nil, err
	}
	parsed, err := offline.ParseVMI(vmi)
	if err != nil {
		return nil, err
	}
	program, err := offline.Compile(ctx, l.rules, parsed, true)
	if err != nil {
		return nil, err
	}
	local, _, err := program.Domain(ctx, domain, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot make the domain one for this machine: %w", err)
	}
	return local, nil
}
