// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/controllers/status"
)

// TestManyVMs reads ten thousand VMs of 10 KiB each, of ten namespaces, with pages of lists and no request
// per VM.
func TestManyVMs(t *testing.T) {
	const vms, namespaces = 10000, 10
	requests := map[string]int{}
	ballast := strings.Repeat("x", 10<<10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resource := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		requests[resource]++
		w.Header().Set("Content-Type", "application/json")
		var items []string
		next := ""
		switch resource {
		case "domainpatches":
			for i := range namespaces {
				items = append(items, fmt.Sprintf(`{"metadata":{"namespace":"n%d","name":"a"},"spec":{"selector":{},"domain":[{"op":"remove","path":"/domain/title"}]}}`, i))
			}
		case "virtualmachineinstances":
			begin, _ := strconv.Atoi(r.URL.Query().Get("continue"))
			limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
			for i := begin; i < begin+limit; i++ {
				items = append(items, fmt.Sprintf(`{"metadata":{"namespace":"n%d","name":"v%05d","labels":{"kubevirt.io/nodeName":"n%d"},"annotations":{"x":%q}},"status":{"phase":"Running"}}`, i%(namespaces+1), i, i%100, ballast))
			}
			if begin+limit < vms {
				next = strconv.Itoa(begin + limit)
			}
		}
		_, _ = fmt.Fprintf(w, `{"metadata":{"continue":%q},"items":[%s]}`, next, strings.Join(items, ","))
	}))
	defer server.Close()
	reader, err := remote.New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	cluster := &status.Cluster{Reader: reader, Progress: func(what string, n int) {
		if what == "virtualmachineinstances" {
			read = n
		}
	}}
	begin := time.Now()
	all, err := cluster.VMs(t.Context(), status.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d VMs in %v, requests %v", len(all), time.Since(begin), requests)
	if want := vms - vms/(namespaces+1); len(all) != want || read != vms {
		t.Fatalf("%d VMs of %d, want %d", len(all), read, want)
	}
	for _, vm := range []status.VM{all[0], all[len(all)-1]} {
		if vm.State != status.StateOutdated || !vm.Restart || len(vm.Patches) != 1 {
			t.Errorf("%+v, want it to be outdated by one patch", vm)
		}
	}
	sum := 0
	for _, n := range requests {
		sum += n
	}
	if want := vms/500 + 3; sum != want {
		t.Errorf("%d requests (%v), want %d", sum, requests, want)
	}
}
