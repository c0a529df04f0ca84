// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package kubevirt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// ErrorPrefix begins the errors of the shim, wherever KubeVirt repeats them.
const ErrorPrefix = "domainpatch: "

// What is kept of texts in the cache, in bytes.
const (
	maxMessage = 1024 // of an error, from where the shim's begins
	maxEntry   = 4096 // an entry of ours in the annotation is shorter: names and paths are limited
)

// Slim returns the transform of a cache that keeps of a VirtualMachineInstance what the
// controllers read: name, namespace, uid, resourceVersion and labels; deletionTimestamp; the
// bundle annotation, and of the hookSidecars annotation the entry that applies that bundle;
// the volumes; phase and SyncFailure. All else is gone, so such an object must never be
// written. Some 10 KiB become less than one.
//
// VMIs of one template share their strings. Of other objects it drops the managed fields.
func Slim() cache.TransformFunc {
	shared := &interned{known: map[string]string{}}
	return func(object any) (any, error) {
		switch o := object.(type) {
		case *VirtualMachineInstance:
			slim(o, shared)
		case metav1.Object:
			o.SetManagedFields(nil)
		}
		return object, nil
	}
}

func slim(vmi *VirtualMachineInstance, s *interned) {
	vmi.ObjectMeta = metav1.ObjectMeta{
		Name:              vmi.Name,
		Namespace:         s.one(vmi.Namespace),
		UID:               vmi.UID,
		ResourceVersion:   vmi.ResourceVersion,
		DeletionTimestamp: vmi.DeletionTimestamp,
		Labels:            s.all(vmi.Labels),
		Annotations:       s.all(ownAnnotations(vmi.Annotations)),
	}
	for i := range vmi.Spec.Volumes {
		vmi.Spec.Volumes[i].Name = s.one(vmi.Spec.Volumes[i].Name)
	}
	vmi.Status.Phase = s.one(vmi.Status.Phase)
	failure := vmi.SyncFailure()
	vmi.Status.Conditions = nil
	if failure.Type != "" {
		failure.Message = essential(failure.Message)
		vmi.Status.Conditions = []Condition{failure}
	}
}

// ownAnnotations are the bundle annotation and what applies that bundle; nil for none.
func ownAnnotations(all map[string]string) map[string]string {
	hash := all[v1alpha1.BundleAnnotation]
	if !isSHA256(hash) { // whoever wrote that, it names no bundle
		return nil
	}
	own := map[string]string{v1alpha1.BundleAnnotation: hash}
	if entry := entryOf(hash, all[v1alpha1.HookSidecarsAnnotation]); entry != "" {
		own[v1alpha1.HookSidecarsAnnotation] = entry
	}
	return own
}

// entryOf is a hookSidecars annotation with but the first entry that applies a bundle; empty
// for none. The annotation is somebody else's, who may want it to hold up the cache: it is read
// once, and decoded only where it can be ours.
func entryOf(hash, annotation string) string {
	if len(annotation) > v1alpha1.MaxHookSidecarsBytes || !strings.Contains(annotation, hash) {
		return ""
	}
	var all []json.RawMessage
	if json.Unmarshal([]byte(annotation), &all) != nil {
		return ""
	}
	for _, text := range all {
		if len(text) > maxEntry-len("[]") || !bytes.Contains(text, []byte(hash)) {
			continue
		}
		alone := "[" + string(text) + "]"
		list, err := v1alpha1.ParseHookSidecars(alone)
		if err != nil {
			continue
		}
		entry, err := list.Entry(0)
		if named, ours := entry.BundleSHA256(); err == nil && ours && named == hash {
			return alone
		}
	}
	return ""
}

func isSHA256(text string) bool {
	return len(text) == hex.EncodedLen(sha256.Size) && strings.Trim(text, "0123456789abcdef") == ""
}

// essential is the part of an error that is ours, if any, within maxMessage.
func essential(message string) string {
	if ours := ShimsError(message); ours != "" {
		message = ours
	}
	return strings.Clone(strings.ToValidUTF8(message[:min(len(message), maxMessage)], ""))
}

// ShimsError is an error from where the shim's begins; empty where there is none. KubeVirt
// repeats errors as quoted texts: of such a one it is what was quoted.
func ShimsError(message string) string {
	i := strings.Index(message, ErrorPrefix)
	if i < 0 {
		return ""
	}
	ours := message[i:]
	if strings.Count(message[:i], `"`)%2 == 0 {
		return ours
	}
	if whole, err := strconv.Unquote(`"` + ours); err == nil {
		return whole
	}
	const longestEscape = len(`\U0010ffff`)
	for cut := range min(len(ours), longestEscape) { // the message was cut, perhaps within an escape
		if plain, err := strconv.Unquote(`"` + ours[:len(ours)-cut] + `"`); err == nil {
			return plain
		}
	}
	return strings.TrimSuffix(ours, `"`)
}

// SyncFailures selects the events of why VirtualMachineInstances could not be started: those with
// reason EventSyncFailed.
func SyncFailures() fields.Selector {
	return fields.SelectorFromSet(fields.Set{"reason": EventSyncFailed, "involvedObject.kind": "VirtualMachineInstance"})
}

// SlimEvent is the transform of a cache of SyncFailures: it keeps of an event which object it is
// about, and the error if it is the shim's.
func SlimEvent(object any) (any, error) {
	event, ok := object.(*corev1.Event)
	if !ok {
		return object, nil
	}
	message := ""
	if strings.Contains(event.Message, ErrorPrefix) {
		message = essential(event.Message)
	}
	*event = corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: event.Name, Namespace: event.Namespace, UID: event.UID, ResourceVersion: event.ResourceVersion},
		InvolvedObject: corev1.ObjectReference{UID: event.InvolvedObject.UID},
		Reason:         event.Reason,
		Message:        message,
		LastTimestamp:  event.LastTimestamp,
	}
	return event, nil
}

// maxInterned is how many strings are remembered, at most.
const maxInterned = 1 << 14

// interned lets equal strings share their bytes.
type interned struct {
	sync.Mutex
	known map[string]string
}

func (s *interned) one(text string) string {
	s.Lock()
	defer s.Unlock()
	if known, ok := s.known[text]; ok {
		return known
	}
	if len(s.known) >= maxInterned {
		clear(s.known) // those of other objects: what is common comes again
	}
	text = strings.Clone(text)
	s.known[text] = text
	return text
}

func (s *interned) all(texts map[string]string) map[string]string {
	if len(texts) == 0 {
		return nil
	}
	shared := make(map[string]string, len(texts))
	for key, value := range texts {
		shared[s.one(key)] = s.one(value)
	}
	return shared
}
