// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
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

// startOperator applies config/default, or another one, and runs what its Deployment says.
func (c *Cluster) startOperator(ctx context.Context) error {
	objects, err := ReadKustomization(filepath.Join(c.tools.root, "config", cmp.Or(c.options.Config, "default")))
	if err != nil {
		return err
	}
	if err := c.addReplicas(objects); err != nil {
		return err
	}
	if err := c.startWebhooks(); err != nil {
		return err
	}
	hasWebhooks := false
	for _, object := range objects {
		switch object.GetKind() {
		case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
			hasWebhooks = true
			if err := c.webhooks.point(object, c.certificate.pem); err != nil {
				return err
			}
		}
	}
	if err := c.Apply(ctx, objects...); err != nil {
		return err
	}
	for _, r := range c.replicas {
		if err := c.startReplica(r); err != nil {
			return err
		}
	}
	if err := c.AwaitManagers(ctx); err != nil || !hasWebhooks {
		return err
	}
	return c.Until(ctx, "the manager's webhooks are called", c.checkManagerWebhooks)
}

// addReplicas makes the replicas of the Deployment among the objects, without starting them.
func (c *Cluster) addReplicas(objects []*unstructured.Unstructured) error {
	deployment := &appsv1.Deployment{}
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment); err != nil {
			return err
		}
	}
	args, err := c.managerArguments(deployment)
	if err != nil {
		return err
	}
	for i := range max(c.options.Managers, 1) {
		name := "manager"
		if c.options.Managers > 1 {
			name += "-" + strconv.Itoa(i)
		}
		r, err := newReplica(name, args)
		if err != nil {
			return err
		}
		c.replicas = append(c.replicas, r)
	}
	return nil
}

// managerArguments make the manager run as its Pod would: as its ServiceAccount, with its
// arguments. Only its addresses and its certificate differ.
func (c *Cluster) managerArguments(deployment *appsv1.Deployment) ([]string, error) {
	pod := deployment.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		return nil, fmt.Errorf("the Deployment in config/default has %d containers instead of one", len(pod.Containers))
	}
	namespace := deployment.Namespace
	groups := []string{"system:authenticated", "system:serviceaccounts", "system:serviceaccounts:" + namespace}
	kubeconfig, err := c.kubeconfig(serviceAccount(namespace, pod.ServiceAccountName), groups...)
	if err != nil {
		return nil, err
	}
	args, err := arguments(pod.Containers[0], namespace)
	if err != nil {
		return nil, err
	}
	c.shimImage, c.environment = shimImage(args), environment(pod.Containers[0])
	args = append(args, "--kubeconfig", kubeconfig, "--cert-dir", c.certificate.folder, "--cert-rotation=false",
		"--webhook-host", "127.0.0.1", "--metrics-address", "0")
	return append(args, c.options.ManagerFlags...), nil
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

// environment is what a container adds to the environment, as far as it is plain text.
func environment(container corev1.Container) []string {
	var environment []string
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			environment = append(environment, variable.Name+"="+variable.Value)
		}
	}
	return environment
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
