// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command chart writes what the Helm chart has of other files, so that nobody keeps a second copy: the CRDs and the
// templates that are config's objects but for the namespace and a few values, and the README with the table of values.
// The templates of objects with many values are kept by hand; test/packages/chart compares all of them with kustomize's.
//
// Use it by make generate. The argument is the root of the repository.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	if err := writeCRDs(root); err != nil {
		return err
	}
	for _, t := range templates() {
		text, err := t.render(root)
		if err != nil {
			return fmt.Errorf("config/%s: %w", t.source, err)
		}
		if err := os.WriteFile(filepath.Join(root, "config/chart/templates", t.name()), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return writeReadme(filepath.Join(root, "config/chart"))
}

// writeCRDs copies the CRDs. They are no templates: Helm installs what is in crds before all else.
func writeCRDs(root string) error {
	files, err := filepath.Glob(filepath.Join(root, "config/crd/domainpatch.kubevirt.io_*.yaml"))
	if err != nil || len(files) == 0 {
		return errors.Join(errors.New("config/crd has no CRDs"), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "config/chart/crds", filepath.Base(file)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// template is a file of config that becomes a template of the chart.
type template struct {
	source string   // below config
	when   string   // the condition under which its objects are installed; always if empty
	values []string // pairs of a text of the source and the action that takes its place
}

const (
	instance = `eq .Values.renderInto "instance"`
	lockdown = `and (eq .Values.renderInto "instance") (ne (include "domainpatch.lockdown" .) "off")`
	monitor  = ".Values.prometheus.enabled"
)

// templates lists what is taken over as it is. Deployment and NetworkPolicy are not, since most of them are values.
func templates() []template {
	kubevirt := []string{"system:serviceaccount:kubevirt:", "system:serviceaccount:{{ .Values.kubevirtNamespace }}:"}
	actions := []string{"validationActions: [Deny]", `validationActions: {{ include "domainpatch.validationActions" . }}`}
	labels := []string{
		"    app.kubernetes.io/name: domainpatch\nspec:",
		"    app.kubernetes.io/name: domainpatch\n    {{- with .Values.prometheus.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\nspec:",
	}
	return []template{
		{source: "rbac/operator.yaml"},
		{source: "rbac/users.yaml"},
		{source: "template/rbac.yaml", when: `eq .Values.renderInto "template"`},
		{source: "policy/default.yaml", when: ".Values.defaultPolicy"},
		{source: "webhook/service.yaml", when: instance},
		{source: "webhook/mutating.yaml", when: instance},
		{source: "webhook/validating.yaml", when: instance},
		{source: "lockdown/rbac.yaml", when: lockdown},
		{source: "lockdown/webhook.yaml", when: lockdown},
		{source: "lockdown/bundles.yaml", when: lockdown, values: actions},
		{source: "lockdown/launchers.yaml", when: lockdown, values: append(actions, kubevirt...)},
		{source: "lockdown/migrations.yaml", when: lockdown, values: actions},
		{source: "lockdown/namespaces.yaml", when: lockdown, values: actions},
		{source: "lockdown/status.yaml", when: lockdown, values: append(actions, kubevirt...)},
		{source: "prometheus/service.yaml", when: monitor},
		{source: "prometheus/servicemonitor.yaml", when: monitor, values: labels},
		{source: "prometheus/rules.yaml", when: monitor, values: labels},
	}
}

// name is the name of the template's file.
func (t template) name() string { return strings.ReplaceAll(t.source, "/", "-") }

// header takes the place of the licence's two lines, which would come out again and again.
const header = `{{- /*
SPDX-FileCopyrightText: The DomainPatch Authors
SPDX-License-Identifier: Apache-2.0

Generated from config/%s by hack/chart: make generate.
*/ -}}
`

// render makes the template of the source's text. Every pair of values must be found, or the chart would silently
// lose one.
func (t template) render(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, "config", t.source))
	if err != nil {
		return "", err
	}
	const license = "# SPDX-FileCopyrightText: The DomainPatch Authors\n# SPDX-License-Identifier: Apache-2.0\n\n"
	text, ok := strings.CutPrefix(string(content), license)
	if !ok {
		return "", fmt.Errorf("it does not begin with the licence")
	}
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	pairs := append([]string{"domainpatch-system", "{{ .Release.Namespace }}"}, t.values...)
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 && !strings.Contains(text, pairs[i]) {
			return "", fmt.Errorf("there is no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	if t.when != "" {
		text = "{{- if " + t.when + " }}\n" + text + "{{- end }}\n"
	}
	return fmt.Sprintf(header, t.source) + text, nil
}
