// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/domainpatch/domainpatch/test/cluster"
)

// TestEqualsKustomize compares, as sets of objects, what Helm renders with what kustomize builds.
func TestEqualsKustomize(t *testing.T) {
	cases := map[string]struct {
		values        string
		kustomization string // CONFIG is the folder config
	}{
		"Default":       {``, `resources: [CONFIG/default]`},
		"CRDs":          {`lockdown: off`, `resources: [CONFIG/crd, CONFIG/rbac, CONFIG/manager, CONFIG/policy, CONFIG/webhook]`},
		"Lockdown":      {`lockdown: enforce`, "resources: [CONFIG/default]\ncomponents: [CONFIG/lockdown]"},
		"LockdownAudit": {`lockdown: audit`, "resources: [CONFIG/default]\ncomponents: [CONFIG/lockdown-audit]"},
		"Template":      {`renderInto: template`, `resources: [CONFIG/template]`},
		"Prometheus":    {`prometheus: {enabled: true}`, `resources: [CONFIG/default, CONFIG/prometheus]`},
		"NetworkPolicy": {
			`networkPolicy: {enabled: true, apiServers: [{ipBlock: {cidr: 192.0.2.11/32}}, {ipBlock: {cidr: 192.0.2.12/32}}]}`,
			"resources: [CONFIG/default, CONFIG/network-policy]\npatches:\n" + patch("NetworkPolicy",
				`{op: replace, path: /spec/ingress/0/from, value: [{ipBlock: {cidr: 192.0.2.11/32}}, {ipBlock: {cidr: 192.0.2.12/32}}]}`),
		},
		"NoPolicy": {`defaultPolicy: false`, "resources: [CONFIG/crd, CONFIG/rbac, CONFIG/manager, CONFIG/webhook]"},
		"KubeVirtNamespace": {
			`{lockdown: enforce, kubevirtNamespace: virt}`,
			"resources: [CONFIG/default]\ncomponents: [CONFIG/lockdown]\npatches:\n" +
				kubevirtIs("virt", "domainpatch-vmi-status", "0") + kubevirtIs("virt", "domainpatch-launchers", "1"),
		},
		"Images": {
			`{manager: {image: {repository: registry.example.com/m, tag: v1}}, shim: {image: {repository: registry.example.com/s, tag: v1}}}`,
			"resources: [CONFIG/default]\nimages: [{name: domainpatch/manager, newName: registry.example.com/m, newTag: v1}]\npatches:\n" + patch("Deployment",
				`{op: replace, path: /spec/template/spec/containers/0/args/1, value: "--shim-image=registry.example.com/s:v1"}`),
		},
		"Digests": {
			`{manager: {image: {digest: "sha256:` + digest + `"}}, shim: {image: {digest: "sha256:` + digest + `", tag: ignored, pullPolicy: ""}}}`,
			"resources: [CONFIG/default]\nimages: [{name: domainpatch/manager, digest: 'sha256:" + digest + "'}]\npatches:\n" + patch("Deployment",
				`{op: replace, path: /spec/template/spec/containers/0/args/1, value: "--shim-image=domainpatch/shim@sha256:`+digest+`"}`,
				`{op: remove, path: /spec/template/spec/containers/0/args/2}`),
		},
		"Pods": {
			`manager: {replicas: 3, extraArgs: [--log-level=debug], goMemoryLimit: 1GiB, imagePullSecrets: [{name: pull}],
				podAnnotations: {a: "1"}, nodeSelector: {b: c}, tolerations: [{key: d}], topologySpreadConstraints: [{maxSkew: 1}],
				affinity: {nodeAffinity: {e: []}}, resources: {limits: {cpu: 1}, requests: null}, image: {pullPolicy: Always}}`,
			"resources: [CONFIG/default]\npatches:\n" + patch("Deployment",
				`{op: replace, path: /spec/replicas, value: 3}`,
				`{op: add, path: /spec/template/metadata/annotations, value: {a: "1"}}`,
				`{op: add, path: /spec/template/spec/containers/0/args/-, value: --log-level=debug}`,
				`{op: replace, path: /spec/template/spec/containers/0/env/0/value, value: 1GiB}`,
				`{op: add, path: /spec/template/spec/imagePullSecrets, value: [{name: pull}]}`,
				`{op: add, path: /spec/template/spec/nodeSelector, value: {b: c}}`,
				`{op: add, path: /spec/template/spec/tolerations, value: [{key: d}]}`,
				`{op: add, path: /spec/template/spec/topologySpreadConstraints, value: [{maxSkew: 1}]}`,
				`{op: replace, path: /spec/template/spec/affinity, value: {nodeAffinity: {e: []}}}`,
				`{op: add, path: /spec/template/spec/containers/0/imagePullPolicy, value: Always}`,
				`{op: replace, path: /spec/template/spec/containers/0/resources, value: {limits: {cpu: 1, memory: 512Mi}}}`),
		},
		"PriorityClass": {
			`priorityClass: {create: false, name: mine}`,
			"resources: [CONFIG/default]\npatches:\n- {patch: '{$patch: delete, apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: domainpatch-critical}}'}\n" +
				patch("Deployment", `{op: replace, path: /spec/template/spec/priorityClassName, value: mine}`),
		},
		"MonitorLabels": {
			`prometheus: {enabled: true, labels: {release: stack}}`,
			"resources: [CONFIG/default, CONFIG/prometheus]\npatches:\n" + patch("ServiceMonitor|PrometheusRule", `{op: add, path: /metadata/labels/release, value: stack}`),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rendered, err := render(t, namespace, tc.values)
			if err != nil {
				t.Fatal(err)
			}
			want := set(t, build(t, tc.kustomization))
			if _, ok := want["Namespace /domainpatch-system"]; !ok {
				t.Error("kustomize brings no namespace")
			}
			delete(want, "Namespace /domainpatch-system") // with Helm it is there before the chart is
			if diff := cmp.Diff(want, set(t, parse(t, rendered.Manifest))); diff != "" {
				t.Errorf("-kustomize +Helm:\n%s", diff)
			}
		})
	}
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// kubevirtIs is what docs/security.md tells to patch where KubeVirt has another namespace.
func kubevirtIs(namespace, policy, condition string) string {
	return patch("ValidatingAdmissionPolicy, name: "+policy, `{op: replace, path: /spec/matchConditions/`+condition+
		`/expression, value: "!request.userInfo.username.startsWith('system:serviceaccount:`+namespace+`:kubevirt-')"}`)
}

// patch is an entry of a kustomization's patches.
func patch(kind string, operations ...string) string {
	return "- target: {kind: " + kind + "}\n  patch: |\n    - " + strings.Join(operations, "\n    - ") + "\n"
}

// TestNamespace finds the namespace of config nowhere where another is chosen.
func TestNamespace(t *testing.T) {
	rendered, err := render(t, "elsewhere", `{lockdown: enforce, prometheus: {enabled: true}, networkPolicy: {enabled: true, apiServers: [{}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rendered.Manifest, namespace) || strings.Count(rendered.Manifest, "elsewhere") < 20 {
		t.Errorf("the manifest still names %s, or elsewhere not often enough", namespace)
	}
}

// TestRefused gives values that must not render.
func TestRefused(t *testing.T) {
	cases := map[string]struct{ values, want string }{
		"UnknownKey":      {`mangaer: {replicas: 3}`, "'mangaer' not allowed"},
		"UnknownInside":   {`manager: {image: {name: x}}`, "'name' not allowed"},
		"Type":            {`manager: {replicas: two}`, "at '/manager/replicas': got string, want integer"},
		"NoReplica":       {`manager: {replicas: 0}`, "/manager/replicas"},
		"Lockdown":        {`lockdown: "on"`, "at '/lockdown': value must be one of"},
		"LockdownIsTrue":  {`lockdown: on`, "at '/lockdown': value must be one of"},
		"RenderInto":      {`renderInto: pods`, "at '/renderInto': value must be one of"},
		"NoWebhooks":      {`{renderInto: template, lockdown: audit}`, "lockdown needs webhooks"},
		"NoAPIServers":    {`networkPolicy: {enabled: true}`, "at '/networkPolicy/apiServers': minItems"},
		"TagInName":       {`shim: {image: {repository: "a@sha256:1"}}`, "/shim/image/repository"},
		"Digest":          {`shim: {image: {digest: 123abc}}`, "/shim/image/digest"},
		"BareFlag":        {`manager: {extraArgs: [log-level=debug]}`, "/manager/extraArgs/0"},
		"KubeVirtIsQuote": {`kubevirtNamespace: "x'"`, "/kubevirtNamespace"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := render(t, namespace, tc.values)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("rendered: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestNotes reads what a user sees.
func TestNotes(t *testing.T) {
	for text, want := range map[string]string{
		``:                     "rollout status deployment/domainpatch-manager",
		`lockdown: off`:        "Lockdown is off",
		`renderInto: template`: "without webhooks",
		`defaultPolicy: false`: "There is no default policy",
	} {
		rendered, err := render(t, namespace, text)
		if err != nil {
			t.Fatal(err)
		}
		if notes := rendered.Info.Notes; !strings.Contains(notes, want) || strings.Contains(notes, "<no value>") {
			t.Errorf("%q: the notes lack %q:\n%s", text, want, notes)
		}
	}
}

// build builds a kustomization of which a text is given.
func build(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	dir := t.TempDir()
	config, err := filepath.Abs("../../../config")
	if err != nil {
		t.Fatal(err)
	}
	if config, err = filepath.Rel(dir, config); err != nil {
		t.Fatal(err)
	}
	text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" + strings.ReplaceAll(text, "CONFIG", config)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	objects, err := cluster.ReadKustomization(dir)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// set is the objects by kind and name, as JSON knows them.
func set(t *testing.T, objects []*unstructured.Unstructured) map[string]any {
	t.Helper()
	result := map[string]any{}
	for _, object := range objects {
		data, err := json.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		var plain map[string]any
		if err := json.Unmarshal(data, &plain); err != nil {
			t.Fatal(err)
		}
		key := object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
		if _, ok := result[key]; ok {
			t.Errorf("%s comes twice", key)
		}
		if object.GetKind() == "Deployment" {
			flagsOf(t, plain)
		}
		result[key] = plain
	}
	return result
}

// flagsOf makes a mapping of the manager's arguments: their order is of no interest, and the last of the same flags counts.
func flagsOf(t *testing.T, deployment map[string]any) {
	t.Helper()
	containers, _, err := unstructured.NestedFieldNoCopy(deployment, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	container := containers.([]any)[0].(map[string]any)
	flags := map[string]any{}
	for _, argument := range container["args"].([]any) {
		name, value, _ := strings.Cut(argument.(string), "=")
		flags[name] = value
	}
	container["args"] = flags
}
