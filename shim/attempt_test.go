// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package shim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/shim/proto/v1alpha3"
)

const withPlaceholder = `<domain><devices><interface type="ethernet"><alias name="placeholder-0"></alias></interface></devices></domain>`

// step is one call of an attempts case, with a resourceVersion of its VMI, and what becomes of it: "first", "repeat of INPUT",
// "taken" (refused because another sidecar got the cloud-init data), "not subscribed" and "missed"
// (refused because nobody got it, or that call failed), "failed" or "ok" (cloud-init).
type step struct {
	cloudInit bool
	in        string
	version   int
	fail      bool
	want      string
}

// attemptCase is a sequence of calls.
type attemptCase struct {
	reason    string
	subscribe bool // PreCloudInitIso
	rules     bool // the bundle has cloud-init rules
	steps     []step
}

func TestAttempts(t *testing.T) {
	runAttempts(t, map[string]attemptCase{
		"FirstOfTheProcess": {
			reason: "a call is a first call when the process has answered none",
			steps:  []step{{in: "A", want: "first"}},
		},
		"OtherInput": {
			reason: "an answered call followed by another input is KubeVirt's second pass",
			steps:  []step{{in: "A", want: "first"}, {in: "B", want: "repeat of A"}},
		},
		"ThirdPass": {
			reason: "the engine wants to know what the first call did, not the second",
			steps:  []step{{in: "A", want: "first"}, {in: "B", want: "repeat of A"}, {in: "C", want: "repeat of A"}},
		},
		"SameInputAsSecondPass": {
			reason: "only the first input marks a new attempt",
			steps:  []step{{in: "A", want: "first"}, {in: "B", want: "repeat of A"}, {in: "B", want: "repeat of A"}},
		},
		"SameInput": {
			reason: "the first input again is a new attempt with the same VM, and the passes after it are its own",
			steps: []step{{in: "A", want: "first"}, {in: "B", want: "repeat of A"}, {in: "A", want: "first"},
				{in: "B", want: "repeat of A"}},
		},
		"AfterFailure": {
			reason: "a failed call changes nothing: the retry is a first call and fails for the same reason",
			steps: []step{{in: "A", fail: true, want: "failed"}, {in: "B", fail: true, want: "failed"}, {in: "C", want: "first"},
				{in: "D", want: "repeat of C"}},
		},
		"AfterFailedRepeat": {
			reason: "KubeVirt starts over after a failure in any pass",
			steps:  []step{{in: "A", want: "first"}, {in: "B", fail: true, want: "failed"}, {in: "C", want: "first"}},
		},
		"OtherVMI": {
			reason: "all calls of an attempt carry one VMI, so another one comes with a retry, whatever the domain: KubeVirt failed elsewhere",
			steps: []step{{in: "A", version: 1, want: "first"}, {in: "B", version: 1, want: "repeat of A"}, {in: "C", version: 2, want: "first"},
				{in: "D", version: 2, want: "repeat of C"}, {in: "B", version: 1, want: "first"}},
		},
		"OtherVMIAfterOnePass": {
			reason: "without PCIe hotplug KubeVirt calls once per attempt, and a retry may bring a disk more",
			steps:  []step{{in: "A", version: 1, want: "first"}, {in: "B", version: 2, want: "first"}, {in: "C", version: 3, want: "first"}},
		},
		"OtherVMIWithTheSameDomain": {
			reason: "the usual retry: nothing but the VMI's condition changed",
			steps:  []step{{in: "A", version: 1, want: "first"}, {in: "A", version: 2, want: "first"}, {in: "B", version: 2, want: "repeat of A"}},
		},
		"NoAddress": {
			reason: "where KubeVirt adds root ports but no placeholders, its second call has no address either",
			steps: []step{{in: "<domain><devices><disk/></devices></domain>", want: "first"},
				{in: "<domain><devices><disk/><controller/></devices></domain>", want: "repeat of <domain><devices><disk/></devices></domain>"}},
		},
		"Placeholders": {
			reason: "only the first pass carries placeholder interfaces",
			steps:  []step{{in: "A", want: "first"}, {in: withPlaceholder, want: "first"}, {in: "B", want: "repeat of " + withPlaceholder}},
		},
	})
}

func TestAttemptsWithCloudInit(t *testing.T) {
	opened, notOpened := step{cloudInit: true, want: "ok"}, step{cloudInit: true, fail: true, want: "failed"}
	runAttempts(t, map[string]attemptCase{
		"CloudInitSince": {
			reason:    "PreCloudInitIso opens an attempt",
			subscribe: true,
			rules:     true,
			steps: []step{opened, {in: "A", want: "first"}, {in: "B", want: "repeat of A"}, opened,
				{in: "B", want: "first"}},
		},
		"CloudInitTaken": {
			reason:    "without PreCloudInitIso the cloud-init rules are lost, so the VM must not start",
			subscribe: true,
			rules:     true,
			steps:     []step{{in: "A", want: "taken"}, {in: "A", want: "taken"}},
		},
		"CloudInitTakenNeedlessly": {
			reason:    "who takes the hook does not matter to a bundle without cloud-init rules",
			subscribe: true,
			steps:     []step{{in: "A", want: "first"}, {in: "B", want: "repeat of A"}},
		},
		"CloudInitNotSubscribed": {
			reason: "rules that must apply by now and have no hook do not go lost in silence",
			rules:  true,
			steps:  []step{{in: "A", want: "not subscribed"}},
		},
		"CloudInitNotRequired": {
			reason: "rules that matchConditions or failurePolicy leave out of this VM need no hook",
			steps:  []step{{in: "A", want: "first"}},
		},
		"CloudInitKeptAfterFailure": {
			reason:    "a failed call changes nothing: the cloud-init data of the attempt is still patched",
			subscribe: true,
			rules:     true,
			steps:     []step{opened, {in: "A", fail: true, want: "failed"}, {in: "A", want: "first"}},
		},
		"CloudInitFailed": {
			reason:    "the start must not go on with the cloud-init data of an earlier attempt",
			subscribe: true,
			rules:     true,
			steps:     []step{opened, {in: "A", want: "first"}, notOpened, {in: "A", want: "missed"}, opened, {in: "A", want: "first"}},
		},
	})
}

func runAttempts(t *testing.T, cases map[string]attemptCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			engine := &recorder{}
			fake := &fakeEngine{domain: engine.domain, cloudInit: engine.cloudInit, hasCloudInit: tc.rules}
			client := v1alpha3.NewCallbacksClient(startFake(t, fake, Config{Hooks: hooksWith(tc.subscribe)}))
			var got, want []string
			for _, s := range tc.steps {
				got = append(got, engine.play(t, client, s))
				want = append(want, s.want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// recorder is the engine of the attempts cases: it fails on demand and notes how it was called.
type recorder struct {
	fail bool
	seen string
}

func (r *recorder) domain(_ context.Context, doc, _ []byte, first *patch.Report) ([]byte, *patch.Report, error) {
	if r.fail {
		return nil, nil, errors.New("injected")
	}
	r.seen = "first"
	if first != nil {
		r.seen = "repeat of " + first.Patches[0].Patch
	}
	return doc, &patch.Report{Patches: []patch.PatchReport{{Patch: string(doc)}}}, nil
}

func (r *recorder) cloudInit(_ context.Context, data, _ []byte) ([]byte, *patch.Report, error) {
	if r.fail {
		return nil, nil, errors.New("injected")
	}
	r.seen = "ok"
	return data, &patch.Report{}, nil
}

// play makes the call over the wire and tells what became of it.
func (r *recorder) play(t *testing.T, client v1alpha3.CallbacksClient, s step) string {
	t.Helper()
	r.fail, r.seen = s.fail, ""
	vmi := fmt.Appendf(nil, `{"metadata":{"resourceVersion":"%d"}}`, s.version)
	var err error
	if s.cloudInit {
		_, err = client.PreCloudInitIso(soon(t), &v1alpha3.PreCloudInitIsoParams{CloudInitData: []byte(s.in), Vmi: vmi})
	} else {
		_, err = client.OnDefineDomain(soon(t), &v1alpha3.OnDefineDomainParams{DomainXml: []byte(s.in), Vmi: vmi})
	}
	switch {
	case err == nil:
		return r.seen
	case strings.Contains(err.Error(), errTaken.Error()):
		return "taken"
	case strings.Contains(err.Error(), errNotSubscribed.Error()):
		return "not subscribed"
	case strings.Contains(err.Error(), errCloudInitFailed.Error()):
		return "missed"
	case strings.Contains(err.Error(), "injected"):
		return "failed"
	}
	return err.Error()
}
