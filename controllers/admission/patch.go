// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"reflect"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
)

// validatePatch refuses a patch of either kind that does not compile.
func (w *Webhooks) validatePatch(_ context.Context, req admission.Request) (admission.Response, error) {
	return validateSpec(req, func() error {
		p, mistakes, err := render.DecodePatch(req.Kind.Kind, req.Object.Raw)
		if err = errors.Join(mistakes, err); err != nil {
			return err
		}
		_, err = render.Compile(p)
		return err
	})
}

// validatePolicy refuses a policy that does not compile.
func (w *Webhooks) validatePolicy(_ context.Context, req admission.Request) (admission.Response, error) {
	return validateSpec(req, func() error {
		p, mistakes, err := render.DecodePolicy(req.Object.Raw)
		if err = errors.Join(mistakes, err); err != nil {
			return err
		}
		return render.CompilePolicy(p)
	})
}

// validateSpec refuses what does not pass the check. What is stored already, by an older
// version or while the webhook was gone, may still be labelled and deleted.
func validateSpec(req admission.Request, check func() error) (admission.Response, error) {
	if req.Operation == admissionv1.Update && sameSpec(req.OldObject.Raw, req.Object.Raw) {
		return admission.Allowed(""), nil // before the strict reading: finalizers must go, whatever a spec holds
	}
	if err := check(); err != nil {
		return admission.Response{}, refuse(invalid(req, err))
	}
	return admission.Allowed(""), nil
}

// sameSpec compares the specs of two objects as JSON, fields that this program does not know included.
func sameSpec(before, after []byte) bool {
	var x, y struct {
		Spec any `json:"spec"`
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(before, &x) == nil &&
		kjson.UnmarshalCaseSensitivePreserveInts(after, &y) == nil && reflect.DeepEqual(x, y)
}

// invalid is the answer that the API server itself gives for an invalid object: kubectl
// lists the causes, each with its field path. What could not be read has none: a field that
// this program does not know, without which the rest would mean something else.
func invalid(req admission.Request, err error) error {
	var list field.ErrorList
	for _, e := range patch.Errors(err) {
		detail := e.Err.Error()
		if e.Rule != "" {
			detail = e.Rule + ": " + detail
		}
		list = append(list, &field.Error{Type: field.ErrorTypeInvalid, Field: e.Field, BadValue: field.OmitValueType{}, Detail: detail})
	}
	if len(list) == 0 {
		list = append(list, field.Invalid(field.NewPath("spec"), field.OmitValueType{}, err.Error()))
	}
	return apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind(req.Kind.Kind).GroupKind(), req.Name, list)
}
