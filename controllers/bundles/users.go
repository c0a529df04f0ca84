// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// pageSize is how many objects a live list asks for at once.
const pageSize = 500

// Users are the objects of one kind that name bundles. A bundle lives as long as one of them does.
type Users interface {
	// Object is an empty object of the kind, as the cache holds it.
	Object() client.Object
	// Bundle gives the SHA-256 of the bundle that an object of the cache names; empty for none.
	Bundle(object client.Object) string
	// Named reads live, from the API server, the names of all ConfigMaps that objects of a
	// namespace name. It may give more, but never less.
	Named(ctx context.Context, namespace string, found func(configMap string)) error
	// Load reads live what rendering needs of one object.
	Load(ctx context.Context, key client.ObjectKey) (render.VMI, error)
}

// VMIs are the VirtualMachineInstances. One that is being deleted counts until it is gone,
// since its pod may still migrate.
type VMIs struct {
	// Reader reads from the API server.
	Reader client.Reader
}

// Object implements Users.
func (VMIs) Object() client.Object { return &kubevirt.VirtualMachineInstance{} }

// Bundle implements Users.
func (VMIs) Bundle(object client.Object) string {
	return object.GetAnnotations()[v1alpha1.BundleAnnotation]
}

// Named implements Users: by metadata alone, page by page. Where the webhooks are not called a
// VMI may have the entry without our annotation, so the entries count, too.
func (v VMIs) Named(ctx context.Context, namespace string, found func(configMap string)) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("VirtualMachineInstanceList"))
	return EachPage(ctx, v.Reader, list, namespace, func() {
		for i := range list.Items {
			FindNames(list.Items[i].Annotations, found)
		}
	})
}

// EachPage lists the objects of a namespace live, and tells of each page that the list holds then.
func EachPage(ctx context.Context, reader client.Reader, list client.ObjectList, namespace string, page func()) error {
	for {
		err := reader.List(ctx, list, client.InNamespace(namespace), client.Limit(pageSize), client.Continue(list.GetContinue()))
		if err != nil {
			return fmt.Errorf("cannot list what names bundles in namespace %s: %w", namespace, err)
		}
		page()
		if list.GetContinue() == "" {
			return nil
		}
	}
}

// FindNames finds the ConfigMaps that annotations of a VMI, or of a template, name.
func FindNames(annotations map[string]string, found func(configMap string)) {
	if name, ok := configMapName(annotations[v1alpha1.BundleAnnotation]); ok {
		found(name)
	}
	for _, name := range anyConfigMapName.FindAllString(annotations[v1alpha1.HookSidecarsAnnotation], -1) {
		found(name)
	}
}

// Load implements Users.
func (v VMIs) Load(ctx context.Context, key client.ObjectKey) (render.VMI, error) {
	var object unstructured.Unstructured
	object.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("VirtualMachineInstance"))
	if err := v.Reader.Get(ctx, key, &object); err != nil {
		return render.VMI{}, err
	}
	json, err := object.MarshalJSON()
	if err != nil {
		return render.VMI{}, err
	}
	return render.ParseVMI(json)
}

var (
	sha256Digits     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	anyConfigMapName = regexp.MustCompile(fmt.Sprintf(`%s[0-9a-f]{%d}`, v1alpha1.BundleConfigMapPrefix, v1alpha1.BundleIDLength))
	isConfigMapName  = regexp.MustCompile("^" + anyConfigMapName.String() + "$").MatchString
)

// configMapName is the name of the ConfigMap of a bundle with this SHA-256. Anybody can write
// anything into an annotation: what is no hash has none.
func configMapName(sha256 string) (string, bool) {
	if !sha256Digits.MatchString(sha256) {
		return "", false
	}
	return (&render.Bundle{SHA256: sha256}).Name(), true
}
