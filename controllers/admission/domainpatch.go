// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// validateDomainPatch refuses a patch that does not compile. One that is stored already, by
// an older version or while the webhook was gone, may still be labelled and deleted.
func (w *Webhooks) validateDomainPatch(ctx context.Context, req admission.Request) admission.Response {
	if req.Operation == admissionv1.Update && sameSpec(req.OldObject.Raw, req.Object.Raw) {
		return admission.Allowed("") // before the strict reading: finalizers must go, whatever a spec holds
	}
	dp, err := parseDomainPatch(req.Object.Raw)
	if err != nil {
		return refused(ctx, refuse(err))
	}
	if _, err := render.Compile(render.DomainPatch(dp)); err != nil {
		return invalid(dp, err)
	}
	return admission.Allowed("")
}

// sameSpec compares the specs of two objects as JSON, fields that this program does not know included.
func sameSpec(before, after []byte) bool {
	var x, y struct {
		Spec any `json:"spec"`
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(before, &x) == nil &&
		kjson.UnmarshalCaseSensitivePreserveInts(after, &y) == nil && reflect.DeepEqual(x, y)
}

// parseDomainPatch is strict: a field that this program does not know would not be applied.
func parseDomainPatch(object []byte) (*v1alpha1.DomainPatch, error) {
	p, mistakes, err := render.DecodePatch(bundle.KindDomainPatch, object)
	if err = errors.Join(mistakes, err); err != nil {
		return nil, fmt.Errorf("cannot read the DomainPatch: %w", err)
	}
	return p.Object.(*v1alpha1.DomainPatch), nil
}

// invalid is the answer that the API server itself gives for an invalid object: kubectl
// lists the causes, each with its field path.
func invalid(dp *v1alpha1.DomainPatch, err error) admission.Response {
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
	kind := v1alpha1.GroupVersion.WithKind("DomainPatch").GroupKind()
	status := apierrors.NewInvalid(kind, dp.Name, list).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &status}}
}
