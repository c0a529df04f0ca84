// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package admission holds the webhooks: the one that gives a new VMI its bundle, those
// that see to it that the VMI keeps it, and those that refuse patches and policies that do
// not compile.
//
// A VMI that must be patched is created with its patches or not at all. So everything is
// read live, from the API server and not from a cache, and every doubt refuses the VMI.
// The reason is in the answer; who created the VMI reads it, and KubeVirt tries again.
//
// What applies to a VMI is decided by package render. The handlers here read, ask, and
// write the bundle's ConfigMap.
package admission

import (
	"context"
	"errors"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Paths at which the webhooks are served; config/webhook names them.
const (
	PathMutateVMI         = "/mutate-vmi"
	PathValidateVMICreate = "/validate-vmi-create"
	PathValidateVMIUpdate = "/validate-vmi-update"
	PathValidatePatch     = "/validate-patch"
	PathValidatePolicy    = "/validate-policy"
	PathLockdown          = "/lockdown"
)

// Webhooks is what the webhooks share.
type Webhooks struct {
	// Live reads patches, policies and namespaces; a cache would bind what was true a moment ago.
	Live *Live
	// Reader reads other objects, from the API server as well.
	Reader client.Reader
	// Bundles writes the ConfigMaps of bundles.
	Bundles *bundles.Store
	// Compiler compiles patches and policies.
	Compiler render.Compiler
	// Image is the shim's.
	Image render.Image
	// Events tells the owners of patches which VMIs start without them.
	Events events.EventRecorder
	// Lockdown keeps hook sidecars of others off VMs; its zero value does nothing.
	Lockdown Lockdown
}

// handler answers a request. An error refuses it, see refused.
type handler func(context.Context, admission.Request) (admission.Response, error)

// Register makes a server serve the webhooks.
func (w *Webhooks) Register(server webhook.Server) {
	for path, handle := range map[string]handler{
		PathMutateVMI:         w.mutateVMI,
		PathValidateVMICreate: w.validateVMICreate,
		PathValidateVMIUpdate: w.validateVMIUpdate,
		PathValidatePatch:     w.validatePatch,
		PathValidatePolicy:    w.validatePolicy,
		PathLockdown:          w.Lockdown.handle,
	} {
		server.Register(path, &admission.Webhook{Handler: counted(strings.TrimPrefix(path, "/"), handle)})
	}
}

// Results of requests, as metrics.Admissions counts them.
const (
	resultAllowed = "allowed"
	resultRefused = "refused"
	resultError   = "error"
)

// counted counts the answers of a webhook, and says why it refuses.
func counted(name string, handle handler) admission.HandlerFunc {
	return func(ctx context.Context, req admission.Request) admission.Response {
		response, err := handle(ctx, req)
		result := resultAllowed
		if err != nil {
			response, result = refused(ctx, err)
		}
		metrics.Admissions.WithLabelValues(name, result).Inc()
		return response
	}
}

// refusal is an error in what the user asked for, as opposed to one on the way to find out.
type refusal struct{ error }

func refuse(err error) error {
	if err == nil {
		return nil
	}
	return refusal{err}
}

func (r refusal) Unwrap() error { return r.error }

// refused answers a request that an error ended, and tells the result. A refusal is Forbidden,
// unless it has a kind of its own; an error of the API server keeps its kind, so that the
// client knows whether it is worth trying again.
func refused(ctx context.Context, err error) (response admission.Response, result string) {
	message := render.Line(err)
	status := apierrors.APIStatus(nil)
	hasStatus := errors.As(err, &status)
	if !errors.As(err, &refusal{}) {
		log.FromContext(ctx).Error(err, "Cannot decide")
		response = admission.Errored(http.StatusInternalServerError, errors.New(message))
		response.Result.Reason = apierrors.ReasonForError(err)
		if hasStatus && status.Status().Code >= http.StatusBadRequest {
			response.Result.Code = status.Status().Code
		}
		return response, resultError
	}
	log.FromContext(ctx).Info("Refused", "reason", message)
	if hasStatus {
		result := status.Status()
		return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &result}}, resultRefused
	}
	return admission.Denied(message), resultRefused
}
