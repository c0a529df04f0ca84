// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/controllers/render"
)

// patches serves one DomainPatch, which binds every VMI and can be changed, or none.
type patches struct {
	mu    sync.Mutex
	value string // that the patch sets; empty for no patch
	reads int    // of lists of DomainPatches
}

func (p *patches) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	items := ""
	if strings.HasSuffix(r.URL.Path, "/domainpatches") {
		p.reads++
		if p.value != "" {
			items = fmt.Sprintf(`{"metadata":{"namespace":"ns","name":"a"},"spec":{"selector":{},"domain":[{"op":"set","path":"/domain/title","value":%q}]}}`, p.value)
		}
	}
	_, _ = fmt.Fprintf(w, `{"items":[%s]}`, items)
}

// set changes the patch.
func (p *patches) set(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = value
}

// replica is one of several operators.
type replica struct {
	*Webhooks
	t *testing.T
}

func newReplica(t *testing.T, server *httptest.Server) replica {
	t.Helper()
	live, err := NewLive(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return replica{&Webhooks{Live: live, Compiler: render.NewCompiler(), Image: render.Image{Name: "shim"}}, t}
}

// request asks about a VMI with these annotations. It is a dry run, which writes nothing.
func request(annotations map[string]string) admission.Request {
	dryRun := true
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		panic(err)
	}
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: "ns", Name: "vm", DryRun: &dryRun, Object: runtime.RawExtension{Raw: text}}}
}

// mutate gives the annotations that a new VMI gets.
func (r replica) mutate() map[string]string {
	r.t.Helper()
	response, err := r.mutateVMI(context.Background(), request(nil))
	if err != nil {
		r.t.Fatal(err)
	}
	var annotations map[string]string
	for _, op := range response.Patches {
		annotations = op.Value.(map[string]string)
	}
	return annotations
}

// wantVerified wants a VMI with these annotations to be allowed, or refused for a reason.
func (r replica) wantVerified(annotations map[string]string, refusal string) {
	r.t.Helper()
	_, err := r.validateVMICreate(context.Background(), request(annotations))
	if (err != nil) != (refusal != "") || err != nil && !strings.Contains(err.Error(), refusal) {
		r.t.Errorf("error %v, want %q", err, refusal)
	}
}

// TestVerify has patches change while VMIs are created, with two replicas.
func TestVerify(t *testing.T) {
	p := &patches{value: "first"}
	server := httptest.NewServer(p)
	defer server.Close()
	t.Run("Same replica", func(t *testing.T) {
		r := newReplica(t, server)
		p.set("first")
		got, reads := r.mutate(), p.reads
		p.set("second")
		r.wantVerified(got, "")
		if p.reads != reads {
			t.Error("what was read a moment ago was read again")
		}
	})
	t.Run("Other replica", func(t *testing.T) {
		p.set("first")
		got := newReplica(t, server).mutate()
		other := newReplica(t, server)
		other.wantVerified(got, "")
		p.set("second")
		other.wantVerified(got, "the patches changed while the VMI was being created")
	})
	t.Run("Older scene", func(t *testing.T) {
		r := newReplica(t, server)
		p.set("first")
		r.mutate() // of a VMI that was refused then
		p.set("second")
		r.wantVerified(newReplica(t, server).mutate(), "")
	})
	t.Run("Nothing bound", func(t *testing.T) {
		r := newReplica(t, server)
		p.set("")
		if got := r.mutate(); got != nil {
			t.Errorf("annotations %v, want none", got)
		}
		p.set("first")
		r.wantVerified(nil, "no entry that applies bundle")
	})
	t.Run("Tampering", func(t *testing.T) {
		r := newReplica(t, server)
		p.set("first")
		got := r.mutate()
		for key, value := range got {
			got[key] = strings.ReplaceAll(value, "OnDefineDomain", "PreCloudInitIso")
		}
		r.wantVerified(got, "in the way that")
		r.wantVerified(nil, "no entry that applies bundle")
	})
}
