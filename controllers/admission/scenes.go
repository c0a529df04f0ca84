// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"container/list"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// How long, how many and how large scenes are kept.
const (
	sceneLife     = 10 * time.Second
	maxScenes     = 128
	maxSceneBytes = 16 << 20 // of what was read for all of them; decoded it takes about as many again
)

// scenes are what mutateVMI read, for validateVMICreate, which is asked about the same VMI a
// moment later. It could read again, but what counts for a VMI is what was true when its create
// was asked for, and that was before mutateVMI read; and a second consistent list may have to
// wait for the API server's cache.
//
// Requests are told apart by namespace, user and name, so another create may get the scene, of
// a generated name for one. So a scene may accept a VMI, since then the annotations that
// mutateVMI wrote agree with it, and must not refuse one: it may be older than this create.
//
// A scene holds on to whole lists. Where these are large it is not kept, or not for long: then
// validateVMICreate reads again.
type scenes struct {
	mu    sync.Mutex
	known map[sceneKey]*list.Element
	order list.List         // of keptScene; the one put first is first
	parts map[scenePart]int // how many kept scenes share each
	bytes int               // of parts
}

type sceneKey struct{ namespace, user, name string }

type keptScene struct {
	key sceneKey
	*scene
}

// scenePart is something that scenes may share, since reads are shared.
type scenePart struct {
	read any // a pointer
	size int
}

func newScenes() *scenes {
	return &scenes{known: map[sceneKey]*list.Element{}, parts: map[scenePart]int{}}
}

func keyOf(req admission.Request) sceneKey {
	return sceneKey{req.Namespace, req.UserInfo.Username, req.Name}
}

// put keeps a scene, unless a younger one is kept or it is too large.
func (s *scenes) put(req admission.Request, put *scene) {
	size := 0
	for _, part := range put.parts() {
		size += part.size
	}
	if size > maxSceneBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(req)
	if e := s.known[key]; e != nil {
		if !e.Value.(keptScene).asked.Before(put.asked) {
			return
		}
		s.forget(e)
	}
	s.known[key] = s.order.PushBack(keptScene{key, put})
	for _, part := range put.parts() {
		if s.parts[part]++; s.parts[part] == 1 {
			s.bytes += part.size
		}
	}
	for s.order.Len() > maxScenes || s.bytes > maxSceneBytes {
		s.forget(s.order.Front())
	}
	time.AfterFunc(sceneLife+time.Second, s.expire) // whether or not others come
}

// forget drops a scene. Call it with mu locked.
func (s *scenes) forget(e *list.Element) {
	kept := s.order.Remove(e).(keptScene)
	delete(s.known, kept.key)
	for _, part := range kept.parts() {
		if s.parts[part]--; s.parts[part] == 0 {
			delete(s.parts, part)
			s.bytes -= part.size
		}
	}
}

// expire drops the scenes that are too old.
func (s *scenes) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(keptScene).isOld() {
			s.forget(e)
		}
		e = next
	}
}

// get gives the scene of a request; nil for none.
func (s *scenes) get(req admission.Request) *scene {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[keyOf(req)]
	if e == nil || e.Value.(keptScene).isOld() {
		return nil
	}
	return e.Value.(keptScene).scene
}

func (s *scene) isOld() bool { return time.Since(s.asked) > sceneLife }

// parts are what a scene holds on to.
func (s *scene) parts() []scenePart {
	return []scenePart{
		{s, labelBytes(s.namespace.Labels)},
		{s.patches, s.patches.bytes},
		{s.clusterPatches, s.clusterPatches.bytes},
		{s.policies, s.policies.bytes},
	}
}

func labelBytes(labels map[string]string) int {
	size := 0
	for key, value := range labels {
		size += len(key) + len(value)
	}
	return size
}
