// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// event is a line of an audit log.
func event(at, stage, verb, uri, ref, code string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"` + stage + `","requestURI":"` + uri + `","verb":"` + verb +
		`","objectRef":{` + ref + `},"responseStatus":{"metadata":{},"code":` + code + `},"requestReceivedTimestamp":"2026-01-01T00:00:` + at + `Z"}` + "\n"
}

func TestAuditLog(t *testing.T) {
	const status = `"resource":"domainpatches","namespace":"n","name":"a","apiGroup":"domainpatch.kubevirt.io","subresource":"status"`
	const other = `"resource":"domainpatches","namespace":"n","name":"b","apiGroup":"domainpatch.kubevirt.io","subresource":"status"`
	lines := event("01.000000", "ResponseComplete", "patch", "/a", status, "200") +
		event("02.000000", "ResponseComplete", "patch", "/b", other, "200") +
		event("05.000000", "ResponseComplete", "patch", "/a", status, "409") + // wrote nothing
		event("06.000000", "ResponseComplete", "create", "/c", `"resource":"configmaps","namespace":"n","name":"c"`, "201") +
		event("07.000000", "ResponseComplete", "create", "/c", `"resource":"configmaps","namespace":"n","name":"c"`, "409") +
		event("08.000000", "ResponseStarted", "watch", "/v?sendInitialEvents=true&watch=true", `"resource":"virtualmachineinstances"`, "200") +
		event("08.000000", "ResponseComplete", "watch", "/v?sendInitialEvents=true&watch=true", `"resource":"virtualmachineinstances"`, "200") +
		event("08.500000", "ResponseStarted", "watch", "/v?watch=true&resourceVersion=7", `"resource":"virtualmachineinstances"`, "200") +
		event("09.000000", "ResponseComplete", "update", "/l", `"resource":"leases","namespace":"s","name":"l"`, "200") +
		event("13.500000", "ResponseComplete", "patch", "/a", status, "200")
	log := auditLog{file: filepath.Join(t.TempDir(), "audit.log")}
	mustRead(t, &log, 0) // no file yet
	last := event("14.000000", "ResponseComplete", "get", "/n", `"resource":"namespaces","name":"n"`, "200")
	mustWrite(t, log.file, lines+last[:20])
	mustRead(t, &log, 9)
	mustWrite(t, log.file, last[20:])
	mustRead(t, &log, 10)

	second := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	all := log.in(window{second(0), second(60)})
	for name, c := range map[string]struct {
		wanted func(request) bool
		want   int
	}{
		"writes":           {request.isWrite, 7},
		"that changed":     {request.changed, 5},
		"of bundles":       {func(r request) bool { return r.resource == "configmaps" && r.changed() }, 1},
		"lists":            {request.isList, 1}, // a watch with a resource version is none
		"leases":           {request.isLease, 1},
		"status":           {request.isStatus, 4},
		"of VMs, by reads": {request.isVM, 2},
	} {
		if got := count(all, c.wanted); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if gap, most := shortestGap(all); gap != 12500*time.Millisecond || most != 2 {
		t.Errorf("shortest gap %v and most writes %d, want 12.5 s and 2", gap, most)
	}
	if got := len(log.in(window{second(2), second(6)})); got != 2 {
		t.Errorf("%d requests from second 2 to before second 6, want 2", got)
	}
	const want = "4 patch domainpatches/status, 2 create configmaps, 1 update leases"
	if got := breakdown(all, request.isWrite); got != want {
		t.Errorf("writes: %s, want %s", got, want)
	}
}

func mustRead(t *testing.T, log *auditLog, want int) {
	t.Helper()
	if err := log.read(); err != nil || len(log.requests) != want {
		t.Fatalf("read: %v, %d requests, want %d", err, len(log.requests), want)
	}
}

func mustWrite(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
