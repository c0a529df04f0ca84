// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/controllers/status"
)

// serve is an API server with lists of objects in one namespace, by resource and name.
func serve(t *testing.T, objects map[string]map[string]string) *status.Cluster {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.Split(r.URL.Path, "/")
		w.Header().Set("Content-Type", "application/json")
		if all, ok := objects[path[len(path)-2]]; ok {
			one, found := all[path[len(path)-1]]
			if !found {
				one = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = fmt.Fprint(w, one)
			return
		}
		var items []string
		for _, one := range objects[path[len(path)-1]] {
			items = append(items, one)
		}
		_, _ = fmt.Fprintf(w, `{"metadata":{},"items":[%s]}`, strings.Join(items, ","))
	}))
	t.Cleanup(server.Close)
	reader, err := remote.New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return &status.Cluster{Reader: reader}
}

// TestLabelsOfTemplate judges a VM that runs by the labels that it would start with: a reference that is new
// in its template, or gone from it, is in force after a restart.
func TestLabelsOfTemplate(t *testing.T) {
	const refers = `{"domainpatch.kubevirt.io/a":"true"}`
	vm := func(name, labels string) string {
		return fmt.Sprintf(`{"metadata":{"namespace":"n","name":%q},"spec":{"template":{"metadata":{"labels":%s},"spec":{}}}}`, name, labels)
	}
	vmi := func(name, labels string) string {
		return fmt.Sprintf(`{"metadata":{"namespace":"n","name":%q,"labels":%s},"spec":{},"status":{"phase":"Running"}}`, name, labels)
	}
	cluster := serve(t, map[string]map[string]string{
		"domainpatches": {"a": `{"metadata":{"namespace":"n","name":"a"},"spec":{"domain":[{"op":"remove","path":"/domain/title"}]}}`},
		"virtualmachines": {
			"added": vm("added", refers), "missing": vm("missing", `{"domainpatch.kubevirt.io/b":"true"}`),
			"removed": vm("removed", `{}`), "nothing": vm("nothing", `{"tier":"gold"}`)},
		"virtualmachineinstances": {
			"added": vmi("added", `{"tier":"gold"}`), "missing": vmi("missing", `{}`), "removed": vmi("removed", refers), "nothing": vmi("nothing", `{"tier":"gold"}`),
			"bare": vmi("bare", refers)},
	})
	all, err := cluster.VMs(t.Context(), status.Scope{Namespace: "n"})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]status.VM{}
	for _, vm := range all {
		listed[vm.Name] = vm
	}
	for name, want := range map[string]struct {
		restart bool
		why     string
	}{
		"added":   {true, "DomainPatch n/a binds now"},
		"missing": {false, "a restart would be refused: label domainpatch.kubevirt.io/b: DomainPatch n/b does not exist"},
		"bare":    {true, "DomainPatch n/a binds now"},
	} {
		one, err := cluster.VM(t.Context(), "n", name)
		if err != nil {
			t.Fatal(err)
		}
		for how, got := range map[string]status.VM{"listed": listed[name], "alone": one} {
			if got.State != status.StateOutdated || got.Restart != want.restart || !strings.HasPrefix(got.Why, want.why) || got.Phase != "Running" {
				t.Errorf("%s, %s: %+v, want it to be outdated, %+v", name, how, got, want)
			}
		}
	}
	if len(all) != 3 {
		t.Errorf("%d VMs are listed, want 3: %+v", len(all), all)
	}
}
