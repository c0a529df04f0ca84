// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

func requestOf(namespace, user, name string) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: namespace, Name: name, UserInfo: authenticationv1.UserInfo{Username: user}}}
}

// sceneOf is a scene that was read now, with patches of so many bytes.
func sceneOf(bytes int) *scene {
	return &scene{asked: time.Now(), patches: &listing[render.Patch]{bytes: bytes},
		clusterPatches: &listing[render.Patch]{}, policies: &listing[v1alpha1.DomainPatchPolicy]{}}
}

func TestScenes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, req := newScenes(), requestOf("ns", "u", "vm")
		older := sceneOf(0)
		time.Sleep(time.Second)
		younger := sceneOf(0)
		s.put(req, younger)
		s.put(req, older) // read first, and put late
		if s.get(req) != younger {
			t.Error("an older scene replaced a younger one")
		}
		for _, other := range []admission.Request{requestOf("ns2", "u", "vm"), requestOf("ns", "u2", "vm"), requestOf("ns", "u", "vm2")} {
			if s.get(other) != nil {
				t.Errorf("%v got the scene of another request", keyOf(other))
			}
		}
		time.Sleep(sceneLife)
		if s.get(req) != younger {
			t.Error("the scene is gone too early")
		}
		time.Sleep(time.Nanosecond)
		if s.get(req) != nil {
			t.Error("the scene is too old")
		}
		s.put(req, older)
		s.put(req, sceneOf(0))
		if s.get(req) == nil {
			t.Error("an old scene is in the way")
		}
	})
}

// TestScenesForget wants scenes to be dropped for their number, their size and their age.
func TestScenesForget(t *testing.T) {
	name := func(i int) admission.Request { return requestOf("ns", "u", fmt.Sprint(i)) }
	wantKept := func(t *testing.T, s *scenes, from, to, bytes int) {
		t.Helper()
		for i := range to {
			if (s.get(name(i)) != nil) != (i >= from) {
				t.Errorf("scene %d of %d is kept: %t", i, to, i < from)
			}
		}
		if len(s.known) != to-from || s.order.Len() != to-from || s.bytes != bytes {
			t.Errorf("%d scenes, %d in order, %d bytes; want %d and %d", len(s.known), s.order.Len(), s.bytes, to-from, bytes)
		}
	}
	t.Run("Number", func(t *testing.T) {
		s := newScenes()
		for i := range maxScenes + 2 {
			s.put(name(i), sceneOf(1))
		}
		wantKept(t, s, 2, maxScenes+2, maxScenes)
	})
	t.Run("Size", func(t *testing.T) {
		s := newScenes()
		for i := range 10 {
			s.put(name(i), sceneOf(maxSceneBytes/4))
		}
		wantKept(t, s, 6, 10, maxSceneBytes)
		s.put(name(10), sceneOf(maxSceneBytes+1)) // on its own, and to no other's cost
		if s.get(name(10)) != nil {
			t.Error("a scene that is too large is kept")
		}
		wantKept(t, s, 6, 10, maxSceneBytes)
	})
	t.Run("Shared", func(t *testing.T) {
		s, first := newScenes(), sceneOf(maxSceneBytes)
		for i := range 10 {
			shares := *first
			s.put(name(i), &shares)
		}
		wantKept(t, s, 0, 10, maxSceneBytes)
		s.put(name(10), sceneOf(1))
		wantKept(t, s, 10, 11, 1)
	})
	t.Run("Age", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScenes()
			s.put(name(0), sceneOf(1))
			time.Sleep(5 * time.Second)
			s.put(name(1), sceneOf(1))
			time.Sleep(sceneLife - 3*time.Second)
			synctest.Wait()
			wantKept(t, s, 1, 2, 1)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			wantKept(t, s, 2, 2, 0)
			if len(s.parts) > 0 {
				t.Errorf("%d parts are kept", len(s.parts))
			}
		})
	})
}

// TestScenesHeap creates VMIs in a namespace with large patches that change all the time.
func TestScenesHeap(t *testing.T) {
	const creates, size = 30, 2 << 20
	var version int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var items bytes.Buffer
		if strings.HasSuffix(r.URL.Path, "/domainpatches") {
			version++
			for i := range size / 10_000 {
				_, _ = fmt.Fprintf(&items, `,{"metadata":{"namespace":"ns","name":"p%d","annotations":{"x":"%d%s"}},`+
					`"spec":{"selector":{"matchLabels":{"a":"b"}},"domain":[{"op":"set","path":"/domain/title","value":"x"}]}}`, i, version, strings.Repeat("x", 10_000))
			}
		}
		_, _ = fmt.Fprintf(w, `{"items":[%s]}`, strings.TrimPrefix(items.String(), ","))
	}))
	defer server.Close()
	r := newReplica(t, server)
	r.Live.knownPatches = newMemo[decoded[render.Patch]](0) // that one is bounded
	before := heap()
	for i := range creates {
		req := request(nil)
		req.Name = fmt.Sprint("vm", i)
		if _, err := r.mutateVMI(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 2*maxSceneBytes {
		t.Errorf("%d creates left %d KiB, want %d at most", creates, grown>>10, 2*maxSceneBytes>>10)
	}
	runtime.KeepAlive(r)
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
