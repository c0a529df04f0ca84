// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"sync"
	"time"

	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// How long and how many scenes are kept.
const (
	sceneLife = 10 * time.Second
	maxScenes = 128
)

// scenes are what mutateVMI read, for validateVMICreate, which is asked about the same VMI a
// moment later. It could read again, but what counts for a VMI is what was true when its create
// was asked for, and that was before mutateVMI read; and a second consistent list may have to
// wait for the API server's cache.
//
// Requests are told apart by namespace, user and name, so another create may get the scene, of
// a generated name for one. So a scene may accept a VMI, since then the annotations that
// mutateVMI wrote agree with it, and must not refuse one: it may be older than this create.
type scenes struct {
	mu    sync.Mutex // of put
	known *lru.Cache
}

func newScenes() *scenes { return &scenes{known: lru.New(maxScenes)} }

type sceneKey struct{ namespace, user, name string }

func keyOf(req admission.Request) sceneKey {
	return sceneKey{req.Namespace, req.UserInfo.Username, req.Name}
}

// put keeps a scene, unless a younger one is kept.
func (s *scenes) put(req admission.Request, put *scene) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.get(req); kept == nil || kept.asked.Before(put.asked) {
		s.known.Add(keyOf(req), put)
	}
}

// get gives the scene of a request; nil for none.
func (s *scenes) get(req admission.Request) *scene {
	kept, ok := s.known.Get(keyOf(req))
	if !ok || time.Since(kept.(*scene).asked) > sceneLife {
		return nil
	}
	return kept.(*scene)
}
