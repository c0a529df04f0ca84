// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// startOperator applies config/default and runs what its Deployment says.
func (c *Cluster) startOperator(ctx context.Context) error {
	objects, err := ReadKustomization(filepath.Join(c.tools.root, "config", "default"))
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	deployment := &appsv1.Deployment{}
	for _, object := range objects {
		switch object.GetKind() {
		case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
			if err := c.pointWebhooks(object, port); err != nil {
				return err
			}
		case "Deployment":
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment); err != nil {
				return err
			}
		}
	}
	if err := c.Apply(ctx, objects...); err != nil {
		return err
	}
	return c.startManager(ctx, deployment, port)
}

// pointWebhooks replaces the Service in a webhook configuration by a URL, and puts the CA
// beside it, which the operator does in a real cluster.
func (c *Cluster) pointWebhooks(object *unstructured.Unstructured, port int) error {
	webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, webhook := range webhooks {
		webhook := webhook.(map[string]any)
		path, found, err := unstructured.NestedString(webhook, "clientConfig", "service", "path")
		if err != nil || !found {
			return fmt.Errorf("webhook %v has no path: %w", webhook["name"], err)
		}
		webhook["clientConfig"] = map[string]any{
			"url":      fmt.Sprintf("https://127.0.0.1:%d%s", port, path),
			"caBundle": base64.StdEncoding.EncodeToString(c.certificate.pem),
		}
	}
	return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
}

// startManager runs the manager as its Pod would: as its ServiceAccount, with its arguments.
// Only where it serves and its certificate are others.
func (c *Cluster) startManager(ctx context.Context, deployment *appsv1.Deployment, port int) error {
	pod := deployment.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		return fmt.Errorf("the Deployment in config/default has %d containers instead of one", len(pod.Containers))
	}
	namespace := deployment.Namespace
	groups := []string{"system:authenticated", "system:serviceaccounts", "system:serviceaccounts:" + namespace}
	kubeconfig, err := c.kubeconfig(serviceAccount(namespace, pod.ServiceAccountName), groups...)
	if err != nil {
		return err
	}
	health, err := freePort()
	if err != nil {
		return err
	}
	args, err := arguments(pod.Containers[0], namespace)
	if err != nil {
		return err
	}
	c.shimImage = shimImage(args)
	cmd := exec.Command(filepath.Join(c.tools.own, "manager"), append(args, "--kubeconfig", kubeconfig,
		"--cert-dir", c.certificate.folder, "--cert-rotation=false", "--webhook-host", "127.0.0.1", "--webhook-port", strconv.Itoa(port),
		"--metrics-address", "0", "--health-address", fmt.Sprintf("127.0.0.1:%d", health))...)
	cmd.Dir = c.dir
	if err := c.start(&process{name: "manager", cmd: cmd}); err != nil {
		return err
	}
	ready := fmt.Sprintf("http://127.0.0.1:%d/readyz", health)
	if err := c.Until(ctx, "the manager is ready", func(ctx context.Context) error { return getOK(ctx, ready) }); err != nil {
		return err
	}
	return c.Until(ctx, "the manager's webhooks are called", c.checkManagerWebhooks)
}

// arguments are a container's, with the variables in them that name the Pod's namespace.
func arguments(container corev1.Container, namespace string) ([]string, error) {
	var args []string
	for _, arg := range container.Args {
		for _, variable := range container.Env {
			if source := variable.ValueFrom; source != nil && source.FieldRef != nil && source.FieldRef.FieldPath == "metadata.namespace" {
				arg = strings.ReplaceAll(arg, "$("+variable.Name+")", namespace)
			}
		}
		if strings.Contains(arg, "$(") {
			return nil, fmt.Errorf("container %s: cannot expand argument %q", container.Name, arg)
		}
		args = append(args, arg)
	}
	return args, nil
}

// shimImage is the image that the manager puts into Pods.
func shimImage(args []string) string {
	for _, arg := range args {
		if image, ok := strings.CutPrefix(arg, "--shim-image="); ok {
			return image
		}
	}
	return ""
}

func getOK(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

// checkManagerWebhooks tries both kinds: a VMI that demands a patch that does not exist, and
// a patch that does not compile.
func (c *Cluster) checkManagerWebhooks(ctx context.Context) error {
	vmi := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"name": "probe", "namespace": "default",
			"labels": map[string]any{v1alpha1.DomainPatchReferencePrefix + "no-such-patch": v1alpha1.ReferenceDemanded}},
		"spec": map[string]any{"domain": map[string]any{"devices": map[string]any{}, "memory": map[string]any{"guest": "64Mi"}}},
	}}
	err := wantRefusal(c.Create(ctx, vmi, client.DryRunAll), "mutate.vmi.domainpatch.kubevirt.io")
	if err != nil {
		return err
	}
	patch := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: "default"}}
	patch.Spec.Domain = []v1alpha1.DomainRule{{Op: "remove", Path: "/domain["}}
	return wantRefusal(c.Create(ctx, patch, client.DryRunAll), "patch.domainpatch.kubevirt.io")
}

// wantRefusal fails unless the error is that a webhook of this name, in quotes, refused.
func wantRefusal(err error, webhook string) error {
	if err != nil && strings.Contains(err.Error(), fmt.Sprintf("admission webhook %q denied the request", webhook)) {
		return nil
	}
	return fmt.Errorf("webhook %s refused nothing: %w", webhook, errors.Join(errors.New("the request should not pass"), err))
}
