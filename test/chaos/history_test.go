// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// history is what the API server stored, object by object. Resource versions are etcd's
// revisions, which makes those of objects of all kinds one order.
type history struct {
	mutex   sync.Mutex
	records map[string]map[types.UID]*record // by kind
	err     error                            // the first that makes it incomplete
}

// record is the life of one object.
type record struct {
	key    client.ObjectKey
	uid    types.UID
	owner  types.UID // its controller
	labels map[string]string
	after  uint64  // what noteAfter says; 0 if nothing
	states []state // at least one; the first is its creation
	gone   uint64  // when it was deleted; never: math.MaxUint64
}

// state is what counts of an object from a resource version on: see the recorder's kinds.
type state struct {
	from  uint64
	value any
}

// noteAfter is an annotation of VMIs whose value is a resource version before their creation.
const noteAfter = "chaos.test/after"

func (r *record) created() uint64 { return r.states[0].from }

// until is when the state with an index ends.
func (r *record) until(i int) uint64 {
	if i+1 < len(r.states) {
		return r.states[i+1].from
	}
	return r.gone
}

func newHistory() *history { return &history{records: map[string]map[types.UID]*record{}} }

// add takes one event of a watch. Those of one kind come in order.
func (h *history) add(kind string, event watch.EventType, object *unstructured.Unstructured, value any) error {
	version, err := strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	if err != nil {
		return err
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.records[kind] == nil {
		h.records[kind] = map[types.UID]*record{}
	}
	r := h.records[kind][object.GetUID()]
	if (r == nil) != (event == watch.Added) {
		return fmt.Errorf("%s %s/%s: event %s does not follow from those before", kind, object.GetNamespace(), object.GetName(), event)
	}
	switch {
	case event == watch.Added:
		h.records[kind][object.GetUID()] = newRecord(object, state{version, value})
	case event == watch.Deleted:
		r.gone = version
	case !reflect.DeepEqual(r.states[len(r.states)-1].value, value):
		r.states = append(r.states, state{version, value})
	}
	return nil
}

func newRecord(object *unstructured.Unstructured, first state) *record {
	r := &record{key: client.ObjectKeyFromObject(object), uid: object.GetUID(), labels: object.GetLabels(),
		states: []state{first}, gone: math.MaxUint64}
	for _, owner := range object.GetOwnerReferences() {
		if owner.Controller != nil && *owner.Controller {
			r.owner = owner.UID
		}
	}
	r.after, _ = strconv.ParseUint(object.GetAnnotations()[noteAfter], 10, 64) // most have none
	return r
}

// fail notes why the history is not complete.
func (h *history) fail(err error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.err == nil {
		h.err = err
	}
}

// all are the objects of a kind in the order of their creation, those that are gone included.
func (h *history) all(kind string) []*record {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.SortedFunc(maps.Values(h.records[kind]), func(a, b *record) int { return int(a.created()) - int(b.created()) })
}

// living are the objects of a kind that are there.
func (h *history) living(kind string) []*record {
	return slices.DeleteFunc(h.all(kind), func(r *record) bool { return r.gone != math.MaxUint64 })
}
