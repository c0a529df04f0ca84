// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// Resource is a kind of objects, as the API server names it in its paths.
type Resource struct {
	schema.GroupVersion
	Name string // plural
	Kind string // of one object
	page int    // objects in a page, at most
}

// The resources that decide what VMs get, and that tell how they fare.
var (
	DomainPatches           = Resource{v1alpha1.GroupVersion, "domainpatches", "DomainPatch", pageSize}
	ClusterDomainPatches    = Resource{v1alpha1.GroupVersion, "clusterdomainpatches", "ClusterDomainPatch", pageSize}
	DomainPatchPolicies     = Resource{v1alpha1.GroupVersion, "domainpatchpolicies", "DomainPatchPolicy", pageSize}
	VirtualMachines         = Resource{kubevirt.GroupVersion, "virtualmachines", "VirtualMachine", pageSize}
	VirtualMachineInstances = Resource{kubevirt.GroupVersion, "virtualmachineinstances", "VirtualMachineInstance", pageSize}
	KubeVirts               = Resource{kubevirt.GroupVersion, "kubevirts", "KubeVirt", pageSize}
	Plugins                 = Resource{kubevirt.PluginGroupVersion, "plugins", "Plugin", pageSize}
	Namespaces              = Resource{core, "namespaces", "Namespace", pageSize}
	Events                  = Resource{core, "events", "Event", pageSize}
	// A bundle may have half a megabyte.
	ConfigMaps = Resource{core, "configmaps", "ConfigMap", pageSize / 10}
)

var core = schema.GroupVersion{Version: "v1"}

// pageSize bounds the memory that a list of any length takes.
const pageSize = 500

// String names a resource as `kubectl auth can-i` and errors of the API server do.
func (r Resource) String() string { return r.WithResource(r.Name).GroupResource().String() }

// Reader reads from one API server.
type Reader struct {
	client rest.Interface
	host   string
}

// New returns a Reader with the address and the credentials of a config.
func New(config *rest.Config) (*Reader, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &schema.GroupVersion{} // paths say it
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, core) // Status, the API server's errors
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS = -1 // one request at a time: the API server's own limits suffice
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot create a client for %s: %w", config.Host, err)
	}
	return &Reader{client: client, host: config.Host}, nil
}

// Selection narrows a list. The zero value selects everything in all namespaces.
type Selection struct {
	Namespace string
	Labels    string // a label selector
	Fields    string // a field selector
}

// List reads all selected objects and tells of each page. T is a type that an object decodes
// into, where fields that it lacks are passed over, or json.RawMessage. It ends with the first
// error of page.
func List[T any](ctx context.Context, r *Reader, resource Resource, s Selection, page func(items []T) error) error {
	next := ""
	for {
		var list struct {
			Metadata metav1.ListMeta `json:"metadata"`
			Items    []T             `json:"items"`
		}
		request := r.request(resource, s.Namespace).Param("limit", strconv.Itoa(resource.page))
		for name, value := range map[string]string{"labelSelector": s.Labels, "fieldSelector": s.Fields, "continue": next} {
			if value != "" {
				request = request.Param(name, value)
			}
		}
		if err := r.do(ctx, request, asked{"list", resource, s.Namespace, ""}, &list); err != nil {
			return err
		}
		if err := page(list.Items); err != nil {
			return err
		}
		if next = list.Metadata.Continue; next == "" {
			return nil
		}
	}
}

// ListAll is List into one slice. It is for resources of which there are few.
func ListAll[T any](ctx context.Context, r *Reader, resource Resource, s Selection) ([]T, error) {
	var all []T
	err := List(ctx, r, resource, s, func(items []T) error {
		all = append(all, items...)
		return nil
	})
	return all, err
}

// Get reads one object into a T; see List. A missing one is a NotFound.
func Get[T any](ctx context.Context, r *Reader, resource Resource, namespace, name string) (T, error) {
	var object T
	err := r.do(ctx, r.request(resource, namespace).Name(name), asked{"get", resource, namespace, name}, &object)
	return object, err
}

func (r *Reader) request(resource Resource, namespace string) *rest.Request {
	path := []string{"/apis", resource.Group, resource.Version}
	if resource.Group == "" {
		path = []string{"/api", resource.Version}
	}
	return r.client.Get().AbsPath(path...).NamespaceIfScoped(namespace, namespace != "").Resource(resource.Name)
}

func (r *Reader) do(ctx context.Context, request *rest.Request, a asked, into any) error {
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // Raw does not read the server's reason
		return r.explain(a, err)
	}
	text, err := result.Raw()
	if err != nil {
		return r.explain(a, err)
	}
	if raw, ok := into.(*json.RawMessage); ok {
		*raw = text
		return nil
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, into); err != nil {
		return fmt.Errorf("cannot %s: the API server's answer is not understood: %w", a, err)
	}
	return nil
}
