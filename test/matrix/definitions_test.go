// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// definitions are the custom resource definitions of a release, by kind.
type definitions map[string]*extv1.CustomResourceDefinition

// askDefinitions has the probe print them into a file.
func (p *player) askDefinitions(t *testing.T) (file string, all definitions) {
	t.Helper()
	text := p.ask(t, nil, "crds")
	file = filepath.Join(t.TempDir(), "crds.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	all = definitions{}
	for _, document := range bytes.Split(text, []byte("---\n"))[1:] {
		crd := &extv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(document, crd); err != nil {
			t.Fatal(err)
		}
		all[crd.Spec.Names.Kind] = crd
	}
	return file, all
}

// definitions installs those of the release over those of the one before, as an upgrade does, and lets the API
// server judge the VMs with our annotation. It gives the fields of the VM API.
func (p *player) definitions(t *testing.T, cluster *testcluster.Cluster) map[string]bool {
	file, all := p.askDefinitions(t)
	if _, err := envtest.InstallCRDs(cluster.Env.Config, envtest.CRDInstallOptions{Paths: []string{file}, MaxTime: 2 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	all.checkRead(t)
	for _, vmi := range vmiFiles(t) {
		t.Run(filepath.Base(vmi), func(t *testing.T) { checkAccepted(t, cluster.Client, all, vmi) })
	}
	fields := map[string]bool{}
	addFields(definition(*all["VirtualMachineInstance"]).schema(t, "v1").Properties["spec"], "", fields)
	return fields
}

// checkRead finds every field that the controllers read.
func (d definitions) checkRead(t *testing.T) {
	t.Helper()
	read := 0
	for kind, object := range map[string]any{
		"KubeVirt": kubevirt.KubeVirt{}, "VirtualMachine": kubevirt.VirtualMachine{}, "VirtualMachineInstance": kubevirt.VirtualMachineInstance{},
	} {
		read += checkType(t, kind, reflect.TypeOf(object), definition(*d[kind]).schema(t, kubevirt.GroupVersion.Version))
	}
	if read < 12 {
		t.Errorf("only %d fields are looked for", read)
	}
}

// checkType finds the fields of a type that the schema lacks, and gives how many the type has.
func checkType(t *testing.T, path string, in reflect.Type, schema *extv1.JSONSchemaProps) (fields int) {
	t.Helper()
	for in.Kind() == reflect.Pointer {
		in = in.Elem()
	}
	switch {
	case schema.XPreserveUnknownFields != nil && *schema.XPreserveUnknownFields:
		return 1
	case in.Kind() == reflect.Slice && schema.Items != nil && schema.Items.Schema != nil:
		return checkType(t, path+"[]", in.Elem(), schema.Items.Schema)
	case in.Kind() != reflect.Struct || in.PkgPath() != reflect.TypeFor[kubevirt.KubeVirt]().PkgPath():
		return 1
	}
	for i := range in.NumField() {
		f := in.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue // apiVersion and kind
		}
		property, exists := schema.Properties[name]
		if !exists {
			t.Errorf("%s.%s is read by the controllers, and this release has no such field", path, name)
			continue
		}
		fields += checkType(t, path+"."+name, f.Type, &property)
	}
	return fields
}

// templates are the kinds that have the annotation, with the place of their VMs' metadata.
var templates = map[string]string{
	"VirtualMachineInstance":           "metadata",
	"VirtualMachine":                   "spec.template.metadata",
	"VirtualMachineInstanceReplicaSet": "spec.template.metadata",
	"VirtualMachinePool":               "spec.virtualMachineTemplate.spec.template.metadata",
}

// checkAccepted creates the VM with the annotation that all its samples give it, as a VMI and in the
// templates of the other kinds, strictly; and reads it back.
func checkAccepted(t *testing.T, c client.Client, found definitions, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	vmi := map[string]any{}
	if err := yaml.Unmarshal(data, &vmi); err != nil {
		t.Fatal(err)
	}
	vmi["status"] = map[string]any{"phase": "Scheduled", "conditions": []any{
		map[string]any{"type": kubevirt.ConditionSynchronized, "status": "False", "reason": "Synchronizing", "message": "server error: domainpatch: no"}}}
	annotations := annotationsOf(t, vmi)
	metadata := vmi["metadata"].(map[string]any)
	delete(metadata, "uid")
	metadata["annotations"] = annotations
	name := metadata["name"].(string)
	template := map[string]any{"metadata": map[string]any{"labels": metadata["labels"], "annotations": annotations}, "spec": vmi["spec"]}
	selector := map[string]any{"matchLabels": metadata["labels"]}
	vm := map[string]any{"running": false, "template": template}
	for kind, spec := range map[string]map[string]any{
		"VirtualMachineInstance":           nil,
		"VirtualMachine":                   vm,
		"VirtualMachineInstanceReplicaSet": {"selector": selector, "template": template},
		"VirtualMachinePool": {"selector": selector, "virtualMachineTemplate": map[string]any{
			"metadata": map[string]any{"labels": metadata["labels"]}, "spec": vm}},
	} {
		object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name, "namespace": "default"}, "spec": spec}}
		if spec == nil {
			object.Object = vmi
			object.SetNamespace("default")
		}
		crd := found[kind]
		object.SetAPIVersion(crd.Spec.Group + "/" + definition(*crd).stored())
		object.SetKind(kind)
		createAndDelete(t, c, object, annotations)
	}
}

// createAndDelete creates an object, and compares the annotations that it, or its template, has then.
func createAndDelete(t *testing.T, c client.Client, object *unstructured.Unstructured, annotations map[string]any) {
	t.Helper()
	ctx, kind := context.Background(), object.GetKind()
	if err := client.WithFieldValidation(c, "Strict").Create(ctx, object); err != nil {
		t.Errorf("%s: %v", kind, err)
		return
	}
	got, _, err := unstructured.NestedMap(object.Object, append(strings.Split(templates[kind], "."), "annotations")...)
	if err != nil || !reflect.DeepEqual(got, annotations) {
		t.Errorf("%s: the annotations are %v, want %v: %v", kind, got, annotations, err)
	}
	if kind == "VirtualMachineInstance" {
		checkVMI(t, c, object)
	}
	if err := c.Delete(ctx, object); err != nil {
		t.Error(err)
	}
}

// checkVMI reads it as the controllers do.
func checkVMI(t *testing.T, c client.Client, object *unstructured.Unstructured) {
	t.Helper()
	vmi := &kubevirt.VirtualMachineInstance{}
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(object), vmi); err != nil {
		t.Fatal(err)
	}
	volumes, _, err := unstructured.NestedSlice(object.Object, "spec", "volumes")
	text, errText := json.Marshal(volumes)
	if err := errors.Join(err, errText); err != nil {
		t.Fatal(err)
	}
	if len(vmi.Spec.Volumes) != len(volumes) || vmi.HasCloudInit() != strings.Contains(string(text), "cloudInit") {
		t.Errorf("volumes %v, cloud-init %t, of %s", vmi.Spec.Volumes, vmi.HasCloudInit(), text)
	}
	if vmi.Status.Phase != "Scheduled" || !strings.Contains(vmi.SyncFailure().Message, kubevirt.ErrorPrefix) {
		t.Errorf("the status is %v", vmi.Status)
	}
}

// annotationsOf gives those of the VMI with what all its samples add.
func annotationsOf(t *testing.T, vmi map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(vmi)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "vmi.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	name, _, _ := unstructured.NestedString(vmi, "metadata", "name")
	annotations, _, _ := unstructured.NestedMap(vmi, "metadata", "annotations")
	if annotations == nil {
		annotations = map[string]any{}
	}
	for _, c := range testCases(t) {
		if c.vmi != name || c.sample != together {
			continue
		}
		program, err := c.compile(file)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := program.Annotations(nil, render.Image{Name: "registry.example/shim:1"})
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range ours {
			annotations[key] = value
		}
	}
	return annotations
}

// definition is a custom resource definition.
type definition extv1.CustomResourceDefinition

// schema is that of a version.
func (d definition) schema(t *testing.T, version string) *extv1.JSONSchemaProps {
	t.Helper()
	for i := range d.Spec.Versions {
		if v := &d.Spec.Versions[i]; v.Name == version && v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
			return v.Schema.OpenAPIV3Schema
		}
	}
	t.Fatalf("%s has no version %s with a schema", d.Name, version)
	return nil
}

// stored is the name of the version in which objects are stored.
func (d definition) stored() string {
	for _, v := range d.Spec.Versions {
		if v.Storage {
			return v.Name
		}
	}
	return ""
}
