// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package admission holds the webhooks: the one that gives a new VMI its bundle, those
// that see to it that the VMI keeps it, and the one that refuses patches that do not
// compile.
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

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/controllers/render"
)

// Paths at which the webhooks are served; config/webhook names them.
const (
	PathMutateVMI           = "/mutate-vmi"
	PathValidateVMICreate   = "/validate-vmi-create"
	PathValidateVMIUpdate   = "/validate-vmi-update"
	PathValidateDomainPatch = "/validate-domainpatch"
)

// Webhooks is what the webhooks share.
type Webhooks struct {
	// Reader reads from the API server; a cache would bind what was true a moment ago.
	Reader client.Reader
	// Writer writes the ConfigMaps of bundles.
	Writer client.Writer
	// Compile compiles a patch.
	Compile render.CompileFunc
	// Image is the shim's.
	Image render.Image
	// Events tells the owners of patches which VMIs start without them.
	Events events.EventRecorder
}

// Register makes a server serve the webhooks.
func (w *Webhooks) Register(server webhook.Server) {
	for path, handle := range map[string]admission.HandlerFunc{
		PathMutateVMI:           w.mutateVMI,
		PathValidateVMICreate:   w.validateVMICreate,
		PathValidateVMIUpdate:   w.validateVMIUpdate,
		PathValidateDomainPatch: w.validateDomainPatch,
	} {
		server.Register(path, &admission.Webhook{Handler: handle})
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

// refused answers a request that an error ended. A refusal is Forbidden; an error of the API
// server keeps its kind, so that the client knows whether it is worth trying again.
func refused(ctx context.Context, err error) admission.Response {
	message := strings.ReplaceAll(err.Error(), "\n", "; ")
	if errors.As(err, &refusal{}) {
		log.FromContext(ctx).Info("Refused", "reason", message)
		return admission.Denied(message)
	}
	log.FromContext(ctx).Error(err, "Cannot decide")
	response := admission.Errored(http.StatusInternalServerError, errors.New(message))
	response.Result.Reason = apierrors.ReasonForError(err)
	if status := apierrors.APIStatus(nil); errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest {
		response.Result.Code = status.Status().Code
	}
	return response
}
