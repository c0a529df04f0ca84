// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func TestScenes(t *testing.T) {
	request := func(namespace, user, name string) admission.Request {
		return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Namespace: namespace, Name: name, UserInfo: authenticationv1.UserInfo{Username: user}}}
	}
	synctest.Test(t, func(t *testing.T) {
		s, req := newScenes(), request("ns", "u", "vm")
		older := &scene{asked: time.Now()}
		time.Sleep(time.Second)
		younger := &scene{asked: time.Now()}
		s.put(req, younger)
		s.put(req, older) // read first, and put late
		if s.get(req) != younger {
			t.Error("an older scene replaced a younger one")
		}
		for _, other := range []admission.Request{request("ns2", "u", "vm"), request("ns", "u2", "vm"), request("ns", "u", "vm2")} {
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
		s.put(req, &scene{asked: time.Now()})
		if s.get(req) == nil {
			t.Error("an old scene is in the way")
		}
	})
}
