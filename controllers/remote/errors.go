// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// asked is what the API server was asked for.
type asked struct {
	verb      string
	resource  Resource
	namespace string // empty for all, and for what has none
	name      string // empty for a list
}

func (a asked) String() string {
	text := a.verb + " " + a.resource.String()
	if a.name != "" {
		text += " " + a.name
	}
	if a.namespace != "" {
		text += " in namespace " + a.namespace
	}
	return text
}

// Forbidden is the error for what the user has no right to read.
type Forbidden struct{ asked }

// Error names the right that is missing and a role that has it.
func (e *Forbidden) Error() string {
	role := "Kubernetes' ClusterRole view"
	switch {
	case e.resource == Namespaces && e.verb == "list", e.resource == KubeVirts, e.resource == Plugins:
		role = "a ClusterRole with that right, bound in the cluster,"
	case e.resource.Group == v1alpha1.Group:
		role = "DomainPatch's ClusterRole domainpatch-view"
	case e.resource.Group == kubevirt.GroupVersion.Group:
		role = "KubeVirt's ClusterRole kubevirt.io:view"
	}
	return fmt.Sprintf("you may not %s: ask the cluster's admin for %s", e.asked, role+scope(e.asked))
}

// scope says how wide a role must be bound where its kind does not say it.
func scope(a asked) string {
	isClusterScoped := a.resource == ClusterDomainPatches || a.resource == DomainPatchPolicies
	if a.namespace == "" && a.name == "" && !isClusterScoped && a.resource != Namespaces {
		return " in all namespaces, or name one you may read with --namespace (-n)"
	}
	if isClusterScoped {
		return ", bound in the cluster"
	}
	return ""
}

// NotInstalled is the error for a kind that the cluster does not know.
type NotInstalled struct{ asked }

// Error says what is to be installed.
func (e *NotInstalled) Error() string {
	product, remedy := "KubeVirt", "install it first"
	if e.resource.Group == v1alpha1.Group {
		product, remedy = "DomainPatch", "install it (kubectl apply -k config/default)"
	}
	return fmt.Sprintf("%s is not installed in this cluster: it has no %s of %s: %s, or choose another cluster (--context)",
		product, e.resource, e.resource.GroupVersion, remedy)
}

// Group is the API group of the kind.
func (e *NotInstalled) Group() string { return e.resource.Group }

// NotFound is the error for one object that does not exist.
type NotFound struct{ asked }

// Error names the object.
func (e *NotFound) Error() string {
	where := ""
	if e.namespace != "" {
		where = " in namespace " + e.namespace
	}
	return fmt.Sprintf("there is no %s %q%s", e.resource.Kind, e.name, where)
}

// explain says what an error means to who asked.
func (r *Reader) explain(a asked, err error) error {
	var status *apierrors.StatusError
	var transport *url.Error
	switch {
	case apierrors.IsForbidden(err):
		return &Forbidden{a}
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server at %s does not accept your credentials: log in again, or choose another user (--user, --context)", r.host)
	case apierrors.IsNotFound(err) && errors.As(err, &status) && (a.name == "" || isPageNotFound(status)):
		return &NotInstalled{a}
	case apierrors.IsNotFound(err):
		return &NotFound{a}
	case apierrors.IsResourceExpired(err):
		return fmt.Errorf("cannot %s: the list changed while it was read, which took too long: try again", a)
	case errors.As(err, &transport) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("cannot reach the API server at %s: %w: is the cluster up, and the right one chosen (--context, --kubeconfig)?", r.host, transport.Err)
	}
	return fmt.Errorf("cannot %s: %w", a, err)
}

// isPageNotFound tells an unknown path from an unknown object.
func isPageNotFound(status *apierrors.StatusError) bool {
	if status.ErrStatus.Details == nil {
		return false
	}
	for _, cause := range status.ErrStatus.Details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return false
}
