// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/test/freeport"
)

// kubeVirtNamespace is KubeVirt's own.
const kubeVirtNamespace = "kubevirt"

// kubeVirtServer is one of KubeVirt's programs, as it serves.
type kubeVirtServer struct {
	name string
	port int
}

func (s kubeVirtServer) url(path string) string {
	return fmt.Sprintf("https://127.0.0.1:%d%s", s.port, path)
}

// startKubeVirt installs KubeVirt: its object, its programs and its webhooks.
func (c *Cluster) startKubeVirt(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kubeVirtNamespace}}
	if err := c.Create(ctx, namespace); err != nil {
		return err
	}
	if err := c.createKubeVirt(ctx); err != nil || c.options.DefinitionsOnly {
		return err
	}
	api, err := c.startServer("virt-api", "kubevirt-apiserver",
		"--tls-cert-file", c.certificate.file, "--tls-key-file", c.certificate.key,
		"--handler-cert-file", c.certificate.file, "--handler-key-file", c.certificate.key)
	if err != nil {
		return err
	}
	controller, err := c.startServer("virt-controller", "kubevirt-controller",
		"--launcher-image", "kubevirt/virt-launcher:test", "--exporter-image", "kubevirt/virt-exportserver:test",
		"--prom-cert-file", c.certificate.file, "--prom-key-file", c.certificate.key,
		// On a busy machine a leader is late, which is no reason to give up.
		"--leader-elect-lease-duration", "3m", "--leader-elect-renew-deadline", "2m")
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.awaitVirtAPI(ctx, api) })
	group.Go(func() error { return c.awaitVirtController(ctx, controller) })
	return group.Wait()
}

// createKubeVirt creates the object that KubeVirt's programs take their configuration from.
// Its status is what KubeVirt's operator would write: without a phase it is ignored.
func (c *Cluster) createKubeVirt(ctx context.Context) error {
	object := kubeVirtObject()
	if err := unstructured.SetNestedStringSlice(object.Object, []string{kubevirt.SidecarGate}, featureGates...); err != nil {
		return err
	}
	if err := c.Create(ctx, object); err != nil {
		return err
	}
	object.Object["status"] = map[string]any{"phase": "Deployed", "defaultArchitecture": "amd64"}
	if err := c.Status().Update(ctx, object); err != nil {
		return err
	}
	return c.setConfigured(object)
}

// featureGates is where a KubeVirt lists them.
var featureGates = []string{"spec", "configuration", "developerConfiguration", "featureGates"}

func kubeVirtObject() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("KubeVirt"))
	object.SetNamespace(kubeVirtNamespace)
	object.SetName("kubevirt")
	return object
}

// awaitVirtAPI installs virt-api's webhooks when it can serve them, as KubeVirt's operator does.
func (c *Cluster) awaitVirtAPI(ctx context.Context, server kubeVirtServer) error {
	if err := c.awaitConfiguration(ctx, server); err != nil {
		return err
	}
	webhooks, err := c.manifests(ctx, "--webhooks", "--url", server.url(""), "--ca", c.certificate.file)
	if err != nil {
		return err
	}
	if err := c.Apply(ctx, webhooks...); err != nil {
		return err
	}
	return c.Until(ctx, "virt-api's webhooks are called", c.checkVirtAPIWebhooks)
}

func (c *Cluster) awaitVirtController(ctx context.Context, server kubeVirtServer) error {
	if err := c.awaitConfiguration(ctx, server); err != nil {
		return err
	}
	return c.Until(ctx, "virt-controller is the leader", func(ctx context.Context) error {
		var answer struct{ APIServer struct{ Leader string } }
		if err := c.ask(ctx, server.url("/leader"), &answer); err != nil {
			return err
		}
		if answer.APIServer.Leader != "true" {
			return errors.New("it is not")
		}
		return nil
	})
}

// startServer starts one of KubeVirt's programs as the ServiceAccount that it runs as. The
// account's rights are those of an admin: KubeVirt's RBAC rules are not under test.
func (c *Cluster) startServer(name, account string, args ...string) (kubeVirtServer, error) {
	kubeconfig, err := c.kubeconfig(serviceAccount(kubeVirtNamespace, account), "system:masters")
	if err != nil {
		return kubeVirtServer{}, err
	}
	port, err := freeport.Find()
	if err != nil {
		return kubeVirtServer{}, err
	}
	args = append([]string{"--kubeconfig", kubeconfig, "--listen", "127.0.0.1", "--port", strconv.Itoa(port), "-v", "3"}, args...)
	cmd := exec.Command(filepath.Join(c.tools.kubeVirt, name), args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "POD_NAME="+name+"-0", "SIDECAR_SHIM_IMAGE=kubevirt/sidecar-shim:test",
		"TMPDIR="+c.dir) // they leave files there
	server := kubeVirtServer{name: name, port: port}
	c.kubeVirt = append(c.kubeVirt, server)
	return server, c.start(&process{name: name, cmd: cmd, foreign: true})
}

func serviceAccount(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// awaitConfiguration waits until a server works with the KubeVirt object as it was last written
// here. virt-controller writes into it, too, which does not make others read it again.
func (c *Cluster) awaitConfiguration(ctx context.Context, server kubeVirtServer) error {
	return c.Until(ctx, server.name+" knows its configuration", func(ctx context.Context) error {
		var health struct {
			Version string `json:"config-resource-version"`
		}
		if err := c.ask(ctx, server.url("/healthz"), &health); err != nil {
			return err
		}
		version, err := strconv.ParseUint(health.Version, 10, 64)
		if err != nil || version < c.configured {
			return fmt.Errorf("it knows resource version %q, which is older than %d", health.Version, c.configured)
		}
		return nil
	})
}

// setConfigured remembers the resource version of the KubeVirt object that was just written.
func (c *Cluster) setConfigured(object *unstructured.Unstructured) (err error) {
	c.configured, err = strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	return err
}

// ask gets JSON from a server of the cluster.
func (c *Cluster) ask(ctx context.Context, url string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := c.certificate.client().Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// checkVirtAPIWebhooks tries both kinds: the mutating one fills in the machine type, the validating
// one refuses a VM that has a disk without a volume.
func (c *Cluster) checkVirtAPIWebhooks(ctx context.Context) error {
	vmi := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"name": "probe", "namespace": "default"},
		"spec":     map[string]any{"domain": map[string]any{"devices": map[string]any{}, "memory": map[string]any{"guest": "64Mi"}}},
	}}
	broken := vmi.DeepCopy()
	if err := c.Create(ctx, vmi, client.DryRunAll); err != nil {
		return err
	}
	if machine, _, _ := unstructured.NestedString(vmi.Object, "spec", "domain", "machine", "type"); machine == "" {
		return errors.New("a VMI has no machine type")
	}
	disks := []any{map[string]any{"name": "no-such-volume", "disk": map[string]any{"bus": "virtio"}}}
	if err := unstructured.SetNestedSlice(broken.Object, disks, "spec", "domain", "devices", "disks"); err != nil {
		return err
	}
	return wantRefusal(c.Create(ctx, broken, client.DryRunAll), "virtualmachineinstances-create-validator.kubevirt.io")
}

// SetSidecarGate turns KubeVirt's feature gate Sidecar on or off, and returns when KubeVirt's
// programs know it.
func (c *Cluster) SetSidecarGate(ctx context.Context, on bool) error {
	gates := []string{}
	if on {
		gates = append(gates, kubevirt.SidecarGate)
	}
	object := kubeVirtObject()
	if err := c.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return err
	}
	if err := unstructured.SetNestedStringSlice(object.Object, gates, featureGates...); err != nil {
		return err
	}
	if err := c.Update(ctx, object); err != nil {
		return err
	}
	if err := c.setConfigured(object); err != nil {
		return err
	}
	for _, server := range c.kubeVirt {
		if err := c.awaitConfiguration(ctx, server); err != nil {
			return err
		}
	}
	return nil
}
