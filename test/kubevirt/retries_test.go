// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strconv"
	"strings"
	"testing"

	"kubevirt.io/kubevirt/pkg/hooks"

	"github.com/domainpatch/domainpatch/test/kubevirt/bundle"
	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// TestEveryRetryFails: KubeVirt tries a failed start again for ever, with the same sidecar. No retry may succeed
// where the first attempt failed, and none may get as far as an answered call of OnDefineDomain: with the answer of the first
// pass the domain is defined, and KubeVirt then starts it without any hook, whatever becomes of the passes after it.
func TestEveryRetryFails(t *testing.T) {
	const retries = 10
	set := bundle.DomainRule{Op: "set", Path: "/domain/@id", Value: "1"}
	for name, tc := range map[string]struct {
		domain    []bundle.DomainRule
		cloudInit []bundle.CloudInitRule
		want      string // in the condition
	}{
		"Domain": {domain: []bundle.DomainRule{set, {Name: "impossible", Op: "test", Path: "/domain/devices/nosuchdevice"}},
			want: "spec.domain[1] (impossible): /domain/devices/nosuchdevice selects nothing"},
		"NotIdempotent": {domain: []bundle.DomainRule{set, {Name: "appends", Op: "replace", Path: "/domain/name", Expression: "current + 'x'"}},
			want: "spec.domain[1] (appends)"},
		"CloudInit": {domain: []bundle.DomainRule{set}, cloudInit: []bundle.CloudInitRule{
			{Name: "impossible", Target: "userData", Op: "test", Path: "/nosuchkey", Value: "x"}},
			want: "spec.cloudInit[0] (impossible)"},
		"AfterCloudInit": {domain: []bundle.DomainRule{set, {Name: "impossible", Op: "test", Path: "/domain/devices/nosuchdevice"}},
			cloudInit: []bundle.CloudInitRule{{Target: "userData", Op: "add", Path: "/hostname", Value: "edited"}},
			want:      "spec.domain[1] (impossible)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patch, hookPoints := bundle.NewPatch("contract", tc.domain...), "OnDefineDomain"
			if patch.CloudInit = tc.cloudInit; tc.cloudInit != nil {
				hookPoints += ",PreCloudInitIso"
			}
			manager, process := runShim(t, sidecar{sockets: t.TempDir()}, encodeBundle(t, patch), "v1alpha3", hookPoints)
			var first string
			for try := range 1 + retries {
				condition := failingStart(t, manager, try)
				if !strings.Contains(condition, "domainpatch: DomainPatch vms/contract: ") || !strings.Contains(condition, tc.want) {
					t.Fatalf("attempt %d: the condition is %s, want one with %s", try, condition, tc.want)
				}
				if try == 0 {
					first = condition
				}
				if condition != first {
					t.Errorf("attempt %d: the condition is %s, and was %s", try, condition, first)
				}
			}
			shutDown(t, manager, process)
		})
	}
}

// failingStart makes an attempt to start a VM as virt-launcher does, which must fail, and gives the
// VMI's condition. The VMI is another one each time, as a failure is written into its status.
func failingStart(t *testing.T, manager hooks.Manager, try int) string {
	t.Helper()
	vmi := loadVMI(t, "devices")
	vmi.ResourceVersion = strconv.Itoa(try)
	domain, err := launcher.Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	boot := &launcher.Boot{Manager: manager, VMI: vmi}
	if _, _, err := boot.CloudInit(); err != nil {
		return launcher.Condition(err)
	}
	passes, err := boot.Define(&domain.Spec)
	if err == nil {
		t.Fatalf("attempt %d: the VM starts", try)
	}
	for _, pass := range passes {
		if len(pass.Out) > 0 {
			t.Fatalf("attempt %d failed, but KubeVirt has a domain to start:\n%s", try, pass.Out)
		}
	}
	return launcher.Condition(err)
}
